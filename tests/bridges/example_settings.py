"""
Settings of the example site with its API described, as the README says, and fuzzed.

From the environment: ``D7VERIFY_BRIDGES_FOLDER``, where its database is.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from example_site.settings import *  # noqa: F403 - as sites layer their settings
from example_site.settings import D7VERIFY, DATABASES, INSTALLED_APPS

from .fuzzed import CODE, NUMBERS, RESEND_WAIT_SECONDS

DEBUG = False
ROOT_URLCONF = "tests.bridges.example_urls"
INSTALLED_APPS = [*INSTALLED_APPS, "drf_spectacular"]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
DATABASES["default"]["NAME"] = Path(os.environ["D7VERIFY_BRIDGES_FOLDER"]) / "db.sqlite3"

_RATE = ["1000000/h"]
D7VERIFY = {
    **D7VERIFY,
    "TEST_NUMBERS": {number: {"CODE": CODE, "UNTIL": date(2099, 1, 1)} for number in NUMBERS},
    "RESEND_WAIT_SECONDS": RESEND_WAIT_SECONDS,
    # All of it comes from one address.
    "SENDS_PER_IPV4": _RATE,
    "WRONG_CODES_PER_ADDRESS": _RATE,
    "WATCHED_SENDS_PER_ADDRESS": _RATE[0],
}
LOGGING: dict[str, object] = {}
