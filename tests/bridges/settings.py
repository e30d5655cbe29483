"""Settings of a site that has every package which the app joins."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import *  # noqa: F403 - as sites layer their settings
from tests.settings import D7VERIFY, DATABASES, INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK

#: Also of the processes that a test starts, which look at the database of the test itself.
if name := os.environ.get("D7VERIFY_BRIDGES_DATABASE"):
    DATABASES["default"]["NAME"] = name
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django_tasks_db",
    "drf_spectacular",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "two_factor",
    "django_d7verify.contrib.otp",
    "allauth",
    "allauth.account",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django_otp.middleware.OTPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
LOGIN_URL = "two_factor:login"
LOGIN_REDIRECT_URL = "/secret/"
# Else it takes the login page of every admin, and django-otp has one of its own.
TWO_FACTOR_PATCH_ADMIN = False
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django_d7verify.backends.PhoneOTPBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_ADAPTER = "tests.bridges.allauth_adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"phone"}
ACCOUNT_SIGNUP_FIELDS = ["phone*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PHONE_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_REAUTHENTICATION_REQUIRED = False
# Ours are tested here.
ACCOUNT_RATE_LIMITS = False
ROOT_URLCONF = "tests.bridges.urls"
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {"TITLE": "Codes by phone", "VERSION": "1"}
STATIC_URL = "static/"
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

CELERY_BROKER_URL = os.environ.get("D7VERIFY_TEST_REDIS_URL", "")
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0}
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("D7VERIFY_BRIDGES_QUEUE", "celery")

#: The emulator's address, in processes that a test starts: they send codes of ours by text.
if api_url := os.environ.get("D7VERIFY_BRIDGES_API_URL"):
    gateway: dict[str, Any] = {
        "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
        "OPTIONS": {"api_token": "any-will-do", "originator": "SignOTP", "api_url": api_url},
    }
    D7VERIFY = {**D7VERIFY, "GATEWAYS": {"default": gateway}}
