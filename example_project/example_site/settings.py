"""
Settings of the example site: plain Django, SQLite, and the emulator in place of the provider.

From the environment, each optional::

    D7VERIFY_API_URL       where the gateway calls; by default the emulator's own address
    D7VERIFY_API_TOKEN     the provider's token; the emulator takes any
    D7VERIFY_DATABASE_URL  postgresql://… or mysql://…; by default a SQLite file beside manage.py
    D7VERIFY_DEBUG         0 turns Django's DEBUG off
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .databases import make_database

BASE_DIR = Path(__file__).resolve().parent.parent

# Public, because it stands here: good for nothing but an example.
SECRET_KEY = "example-project-only-do-not-use-this-anywhere-else"  # noqa: S105
DEBUG = os.environ.get("D7VERIFY_DEBUG", "1") != "0"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_d7verify",
    "demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demo.headers.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example_site.urls"
WSGI_APPLICATION = "example_site.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {
    "default": make_database(
        os.environ.get("D7VERIFY_DATABASE_URL", ""), sqlite_file=BASE_DIR / "db.sqlite3"
    )
}
# Limits by address are counted here: one process, so local memory is exact. By default it keeps
# 300 keys, and others would push counts out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"

D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {
        "default": {
            "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
            "OPTIONS": {
                "api_token": os.environ.get("D7VERIFY_API_TOKEN", "any-token-will-do"),
                "originator": "SignOTP",
                "api_url": os.environ.get("D7VERIFY_API_URL", "http://127.0.0.1:8600"),
            },
        }
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime}  {message}", "style": "{", "datefmt": "%H:%M:%S"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        # What the app says: codes sent, refused, wrong, approved; numbers are masked.
        "django_d7verify": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # A line for each request, and another for each 4xx, is more than a console is read for.
        "django.server": {"level": "CRITICAL"},
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}
