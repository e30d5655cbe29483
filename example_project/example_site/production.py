"""
Settings of a real site: ``DJANGO_SETTINGS_MODULE=example_site.production``, behind one proxy.

From the environment, all of them, since nothing here can be chosen for a site::

    SECRET_KEY              Django's
    HOST                    of the site's pages, as in www.example.com
    DATABASE_URL            postgresql://…
    REDIS_URL               redis://…, where the limits by address are counted
    D7VERIFY_API_TOKEN      the provider's token
    D7VERIFY_SECRET_KEY     signs codes and proofs
    D7VERIFY_REPORT_SECRET  in the address of delivery reports, 16 letters or more
"""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from .databases import make_database
from .settings import *  # noqa: F403 - as sites layer their settings
from .settings import BASE_DIR


def read(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}.")
    return value


HOST = read("HOST")
SECRET_KEY = read("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = [HOST]

DATABASES = {"default": make_database(read("DATABASE_URL"), sqlite_file=BASE_DIR / "db.sqlite3")}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": read("REDIS_URL"),
    }
}

# The proxy ends TLS, and overwrites this header whatever a client sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

D7VERIFY = {
    "GATEWAYS": {
        "default": {
            "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
            "OPTIONS": {"api_token": read("D7VERIFY_API_TOKEN"), "originator": "SignOTP"},
        }
    },
    "SECRET_KEYS": [read("D7VERIFY_SECRET_KEY")],
    "ORIGIN_HOST": HOST,
    "REPORT_URL": f"https://{HOST}/otp/reports/",
    "REPORT_SECRETS": [read("D7VERIFY_REPORT_SECRET")],
    "TRUSTED_PROXY_COUNT": 1,
    # Where codes go without a second thought, and what one day may cost at the most.
    "HOME_COUNTRIES": ["AE"],
    "SITE_SENDS_PER_DAY": 10_000,
}
