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
from datetime import date
from pathlib import Path
from typing import Any

from .databases import make_database

BASE_DIR = Path(__file__).resolve().parent.parent

# Good for nothing but an example.
SECRET_KEY = "example-project-only-do-not-use-this-anywhere-else"  # noqa: S105 - public
DEBUG = os.environ.get("D7VERIFY_DEBUG", "1") != "0"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    # Before the app whose templates it overrides.
    "demo",
    "django_d7verify",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demo.headers.content_security_policy",
    "demo.charsets.forms_in_utf8",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_d7verify.web.sessions.end_sessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example_site.urls"
WSGI_APPLICATION = "example_site.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "demo.context.find_inbox",
            ]
        },
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

# By phone, or by name and password: the admin's way.
AUTHENTICATION_BACKENDS = [
    "django_d7verify.backends.PhoneOTPBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "d7verify:number"
LOGIN_REDIRECT_URL = "demo:account"
LOGOUT_REDIRECT_URL = "demo:phone"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("et", "Eesti"), ("ar", "العربية")]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"

_ACCOUNT = {
    "api_token": os.environ.get("D7VERIFY_API_TOKEN", "any-token-will-do"),
    "originator": "SignOTP",
    "api_url": os.environ.get("D7VERIFY_API_URL", "http://127.0.0.1:8600"),
}
D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {
        # D7 makes the code and checks it.
        "default": {
            "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
            "OPTIONS": {**_ACCOUNT},
        },
        # We make the code, D7 carries the text, and reports whether it arrived.
        "texts": {
            "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
            "OPTIONS": {**_ACCOUNT},
        },
    },
    "PURPOSES": {
        "verify": {"PUBLIC": True},
        "second_factor": {"GATEWAY": "texts", "EXPIRY_SECONDS": 300},
    },
    "SIGN_UP": True,
    "END_OTHER_SESSIONS": True,
    "REPORT_URL": "http://127.0.0.1:8000/otp/reports/",
    # Public, as the key above.
    "REPORT_SECRETS": ["example-project-only"],
    # For the people who review an app and have no phone of its users.
    "TEST_NUMBERS": {"+12025550123": {"CODE": "314159", "UNTIL": date(2027, 12, 31)}},
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
