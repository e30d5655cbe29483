"""
Settings of the site that the harness runs: the example's, on a database of its own.

Each kind of code is a purpose with a gateway of its own, so that one site serves both. From the
environment, beside what the example reads::

    D7VERIFY_HARNESS_FOLDER     the clock, the kill points and what came of delivery reports
    D7VERIFY_HARNESS_SQLITE     the database file, where the example's settings name no server
    D7VERIFY_HARNESS_REDIS_URL  the cache; without it each process counts for itself
    D7VERIFY_HARNESS_PREFIX     of the keys there
    D7VERIFY_HARNESS_SETTINGS   JSON, over the rest of D7VERIFY
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from example_site.settings import *  # noqa: F403 - as sites layer their settings
from example_site.settings import D7VERIFY as EXAMPLE
from example_site.settings import DATABASES

from tests.settings import WITHOUT_WAITING

FOLDER = Path(os.environ["D7VERIFY_HARNESS_FOLDER"])
ROOT_URLCONF = "tests.harness.urls"
WSGI_APPLICATION = "tests.harness.wsgi.application"

DATABASE = DATABASES["default"]
if DATABASE["ENGINE"].endswith("sqlite3"):
    DATABASE["NAME"] = os.environ["D7VERIFY_HARNESS_SQLITE"]
else:
    DATABASE["OPTIONS"] = WITHOUT_WAITING[DATABASE["ENGINE"].rpartition(".")[2]]

CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
if redis_url := os.environ.get("D7VERIFY_HARNESS_REDIS_URL"):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_url,
        "KEY_PREFIX": os.environ["D7VERIFY_HARNESS_PREFIX"],
    }

#: Time-outs for what is never answered: a test need not wait for ten seconds.
HASTY = {"read_timeout_seconds": 1, "total_timeout_seconds": 1.5}


def _make_gateway(name: str, **options: Any) -> dict[str, Any]:
    given = {**EXAMPLE["GATEWAYS"]["default"]["OPTIONS"], **options}
    return {"BACKEND": f"django_d7verify.gateways.d7.{name}", "OPTIONS": given}


GATEWAYS = {
    **EXAMPLE["GATEWAYS"],
    "own": _make_gateway("D7MessagesGateway"),
    "made": _make_gateway("D7VerifyGateway"),
    "own-hasty": _make_gateway("D7MessagesGateway", **HASTY),
    # D7 is told to wait as long as with the usual time-outs.
    "made-hasty": _make_gateway("D7VerifyGateway", retry_delay_seconds=50, **HASTY),
}
PLENTY = "1000000/h"

D7VERIFY: dict[str, Any] = {
    "GATEWAYS": GATEWAYS,
    "PURPOSES": {alias: {"PUBLIC": True, "GATEWAY": alias} for alias in GATEWAYS},
    # Neither the one address that all calls come from nor the faults of other tests are in the way.
    "SENDS_PER_IPV4": [PLENTY],
    "WRONG_CODES_PER_ADDRESS": [PLENTY],
    "WATCHED_SENDS_PER_ADDRESS": PLENTY,
    "BREAKER_FAILURES": 1000,
    # Numbers of other countries are for tests of the budgets against pumping.
    "HOME_COUNTRIES": ["AE"],
    "REPORT_SECRETS": ["secret-of-the-harness"],
    **json.loads(os.environ.get("D7VERIFY_HARNESS_SETTINGS", "{}")),
}
