"""
Settings of the site that is measured: the example's, with the middleware of a new Django project.

From the environment, each optional::

    D7VERIFY_BENCH_DATABASE_URL  a PostgreSQL or MariaDB server; SQLite without it
    D7VERIFY_BENCH_NAME          a database that is there; by default one is made and dropped
    D7VERIFY_BENCH_FLOORS        the file with the statements of the second floor
    D7VERIFY_API_URL             where the gateway that uses the network calls
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from example_site.databases import make_database
from example_site.settings import *  # noqa: F403

DEBUG = False
ROOT_URLCONF = "tests.benchmark.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_d7verify",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
#: Django's own: the example writes a line for each code to its console.
LOGGING: dict[str, Any] = {}

_URL = os.environ.get("D7VERIFY_BENCH_DATABASE_URL", "")
_NAME = os.environ.get("D7VERIFY_BENCH_NAME", "")


def _make_database(name: str) -> dict[str, Any]:
    file = Path(tempfile.gettempdir()) / f"{name}.sqlite3"
    database = make_database(_URL, sqlite_file=Path(_NAME or file))
    if _NAME:
        database["NAME"] = _NAME
    # Kept, as in production: a new connection would cost more than all else of a call.
    return {**database, "CONN_MAX_AGE": 600, "TEST": {"NAME": name if _URL else str(file)}}


DATABASES = {
    "default": _make_database(f"d7verify_bench_{os.getpid()}"),
    # As small as the other grows large, for what growth costs.
    "small": _make_database(f"d7verify_bench_{os.getpid()}_small"),
}
DATABASE_ROUTERS = ["tests.benchmark.databases.Router"]

#: Each call comes from an address of its own: nothing is refused, and every count is kept.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10_000_000},
    }
}

_NETWORK = {"api_token": "any-token-will-do", "originator": "SignOTP"}
D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {
        "default": {"BACKEND": "tests.benchmark.gateways.QuietGateway"},
        "slow": {"BACKEND": "tests.benchmark.gateways.SlowGateway"},
        "network": {
            "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
            "OPTIONS": {**_NETWORK, "api_url": os.environ.get("D7VERIFY_API_URL", "")},
        },
    },
    "PURPOSES": {
        "verify": {"PUBLIC": True},
        "slow": {"PUBLIC": True, "GATEWAY": "slow"},
        "network": {"PUBLIC": True, "GATEWAY": "network"},
    },
    # So that a call can come from any address.
    "TRUSTED_PROXY_COUNT": 1,
}
