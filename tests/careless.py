"""A site that went live as it was developed: each line a trap that ``check --deploy`` names."""

from __future__ import annotations

from typing import Any

from .settings import *  # noqa: F403 - as sites layer their settings

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "ATOMIC_REQUESTS": True,
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
AUTHENTICATION_BACKENDS = ["django_d7verify.backends.PhoneOTPBackend"]
RATELIMIT_ENABLE = False
USE_X_FORWARDED_HOST = True

D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {
        "default": {
            "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
            "OPTIONS": {
                "api_token": "any-token-will-do",
                "originator": "SignOTP",
                "api_url": "http://127.0.0.1:8600",
            },
        },
        "box": {"BACKEND": "tests.stories.gateways.ReportingGateway"},
    },
    "LIMIT_MODES": {"sends_per_address": "observe"},
    "TEST_NUMBERS": {"+12025550123": {"CODE": "314159"}},
}
