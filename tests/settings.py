"""
Settings of the test suite.

``D7VERIFY_TEST_DATABASE_URL`` names the database (``postgresql://…``, ``mysql://…``); SQLite in a
file without it, because threads share no memory database.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SECRET_KEY = "tests-only-" + "x" * 40
DEBUG = False
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
LOGIN_URL = "d7verify:number"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "django.contrib.staticfiles",
    "rest_framework",
    # Token strategies, each against the real package.
    "rest_framework.authtoken",
    "knox",
    "django_d7verify",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK: dict[str, Any] = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

#: Options by database, against what makes a test wait and is of no account to it: the disk at each
#: commit, and the certificates that PyMySQL reads for each connection.
WITHOUT_WAITING: dict[str, dict[str, Any]] = {
    "postgresql": {"options": "-c synchronous_commit=off"},
    "mysql": {"charset": "utf8mb4", "ssl_disabled": True},
}


def _make_database(url: str) -> dict[str, Any]:
    if not url:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        folder = Path(tempfile.gettempdir()) / f"d7verify-tests-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder / f"{worker}.sqlite3",
            "TEST": {"NAME": folder / f"test-{worker}-{os.getpid()}.sqlite3"},
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
            },
        }
    parts = urlsplit(url)
    engine = {"postgresql": "postgresql", "mysql": "mysql"}[parts.scheme]
    if engine == "mysql":
        import pymysql

        pymysql.install_as_MySQLdb()
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": WITHOUT_WAITING[engine],
    }


DATABASES = {"default": _make_database(os.environ.get("D7VERIFY_TEST_DATABASE_URL", ""))}

D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {
        "default": {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"},
    },
}
