"""What is right for development only, and what production has to choose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import connections, router

from django_d7verify.conf import conf
from django_d7verify.gateways import get_gateway
from django_d7verify.phones import mask_phone
from django_d7verify.words import LimitName

from .rules import LOOPBACK
from .site import check_settings

_WAL = re.compile(r"journal_mode\s*=\s*wal", re.IGNORECASE)
_SQLITE_TIMEOUT_SECONDS = 20
_OWN_BACKENDS = "django_d7verify.backends."
#: By vendor: READ COMMITTED as its OPTIONS may say it; psycopg's enumeration by name or number.
_READ_COMMITTED = {"postgresql": {"READ_COMMITTED", "2"}, "mysql": {"READ COMMITTED"}}


def check_deployment(**kwargs: object) -> list[checks.CheckMessage]:
    """What is right for development only, and what production has to choose."""
    if any(message.is_serious() for message in check_settings()):
        return []  # Said already, and nothing here could be read.
    return [
        *_check_development(),
        *_check_edge(),
        *_check_choices(),
        *_check_reports(),
        *_check_notices(),
        *_check_test_numbers(),
        *_check_database(),
        *_check_proxies(),
    ]


def _check_development() -> Iterable[checks.CheckMessage]:
    for alias, settings in conf.GATEWAYS.items():
        if get_gateway(alias).for_development:
            yield checks.Warning(
                f"The gateway {alias!r} is for development: codes do not go to phones.",
                id="d7verify.W001",
            )
        for name, value in settings.get("OPTIONS", {}).items():
            host = str(value).partition("://")[2] if name.endswith("url") else ""
            if host.startswith(LOOPBACK):
                yield checks.Warning(
                    f"{name} of the gateway {alias!r} is an address of this machine.",
                    hint="The emulator is for development.",
                    id="d7verify.W002",
                )
    if conf.REPORT_URL.partition("://")[2].startswith(LOOPBACK):
        yield checks.Warning(
            "D7VERIFY['REPORT_URL'] is an address of this machine, which no provider can call.",
            id="d7verify.W002",
        )


def _check_edge() -> Iterable[checks.CheckMessage]:
    if not conf.limits_edge:
        yield checks.Warning(
            "RATELIMIT_ENABLE is False, so nothing is limited by address or user.",
            hint="It is for tests.",
            id="d7verify.W011",
        )
    fault = _find_cache_fault(type(caches[conf.edge_cache]))
    if fault:
        yield checks.Warning(
            f"CACHES[{conf.edge_cache!r}], where limits by address and user are counted, {fault}.",
            hint="Use a shared cache that counts by itself, such as Redis, and name it in "
            "RATELIMIT_USE_CACHE. The limits of numbers are in the database, and hold.",
            id="d7verify.W004",
        )


def _find_cache_fault(cache: type[BaseCache]) -> str:
    if issubclass(cache, DummyCache):
        return "keeps nothing, so each code is refused with 503"
    if issubclass(cache, LocMemCache):
        return "is each process's own, so each lets a whole limit through"
    if cache.incr is BaseCache.incr:
        # It reads and writes back, with the cache's own timeout.
        return "does not count atomically, and forgets a count after TIMEOUT (300 s by default)"
    return ""


def _check_choices() -> Iterable[checks.CheckMessage]:
    if not conf.HOME_COUNTRIES:
        yield checks.Warning(
            "D7VERIFY['HOME_COUNTRIES'] is empty, so codes to numbers that never verify are not "
            "limited by prefix and country.",
            hint="List the countries of your own people; the budgets are for all others.",
            id="d7verify.W005",
        )
    if conf.SITE_SENDS_PER_DAY is None:
        yield checks.Warning(
            "D7VERIFY['SITE_SENDS_PER_DAY'] is None, so nothing caps what a day can cost.",
            hint="Choose a number, or choose none by silencing this check.",
            id="d7verify.W006",
        )

    observed = [name for name in LimitName.values if not conf.is_enforced(name)]
    if observed:
        yield checks.Info(
            f"D7VERIFY['LIMIT_MODES'] only observes {', '.join(observed)}.",
            hint="Enforce them once you have seen that nobody of yours is in their way.",
            id="d7verify.I003",
        )


def _check_reports() -> Iterable[checks.CheckMessage]:
    for gateway in map(get_gateway, conf.GATEWAYS):
        if gateway.report_method and gateway.get_report_url() is None:
            yield checks.Warning(
                f"The provider of the gateway {gateway.alias!r} reports deliveries, and is not told"
                " where to: nobody learns of codes that do not arrive.",
                hint="Set REPORT_URL and REPORT_SECRETS, and include django_d7verify.webhooks.",
                id="d7verify.W010",
            )


def _check_notices() -> Iterable[checks.CheckMessage]:
    # Only on sites where people log in by phone do numbers change hands.
    logs_in = any(path.startswith(_OWN_BACKENDS) for path in conf.authentication_backends)
    carries = any(get_gateway(alias).sends_texts for alias in conf.GATEWAYS)
    if logs_in and conf.TELL_OLD_NUMBER and not carries:
        yield checks.Warning(
            "D7VERIFY['TELL_OLD_NUMBER'] is on, and no gateway carries texts: a number that is "
            "replaced is not told, so its owner does not learn of a thief.",
            hint="Add a gateway that sends texts of ours, as D7MessagesGateway; any alias will do.",
            id="d7verify.W012",
        )


def _check_test_numbers() -> Iterable[checks.CheckMessage]:
    for number, given in conf.TEST_NUMBERS.items():
        if given.get("UNTIL") is None:
            yield checks.Error(
                f"D7VERIFY['TEST_NUMBERS'] has {mask_phone(number)} without UNTIL: whoever knows "
                "its code logs in with it for ever.",
                hint="Give the date on which the review will be over.",
                id="d7verify.E014",
            )


def _check_database() -> Iterable[checks.CheckMessage]:
    alias = router.db_for_write(apps.get_model("django_d7verify", "OTPSession"))
    settings, vendor = connections[alias].settings_dict, connections[alias].vendor
    options = settings["OPTIONS"]
    if not _is_read_committed(vendor, options):
        yield checks.Warning(
            f"DATABASES[{alias!r}]['OPTIONS']['isolation_level'] is not READ COMMITTED.",
            hint="Transactions that meet then fail, and are answered with 503 after some tries.",
            id="d7verify.W007",
        )
    missing = _find_missing_sqlite(options) if vendor == "sqlite" and not conf.is_debug else []
    if missing:
        yield checks.Warning(
            f"DATABASES[{alias!r}]['OPTIONS'] of SQLite have no {', no '.join(missing)}.",
            hint="Without, requests at once are answered with 503: database is locked.",
            id="d7verify.W008",
        )
    if settings["ATOMIC_REQUESTS"]:
        yield checks.Info(
            f"DATABASES[{alias!r}] has ATOMIC_REQUESTS; codes are sent and checked outside "
            "of the request's transaction.",
            hint="The app's views see to it. Mark those of yours that call its services "
            "transaction.non_atomic_requests.",
            id="d7verify.I001",
        )


def _is_read_committed(vendor: str, options: Mapping[str, Any]) -> bool:
    if vendor not in _READ_COMMITTED or "isolation_level" not in options:
        return True  # Django's own default.
    level = options["isolation_level"]
    return str(getattr(level, "name", level)).upper() in _READ_COMMITTED[vendor]


def _find_missing_sqlite(options: Mapping[str, Any]) -> list[str]:
    mode = str(options.get("transaction_mode")).upper()
    fits = {
        "'transaction_mode': 'IMMEDIATE'": mode in {"IMMEDIATE", "EXCLUSIVE"},
        "'timeout': 20": options.get("timeout", 0) >= _SQLITE_TIMEOUT_SECONDS,
        "'init_command': 'PRAGMA journal_mode=WAL;'": _WAL.search(options.get("init_command", "")),
    }
    return [words for words, is_there in fits.items() if not is_there]


def _check_proxies() -> Iterable[checks.CheckMessage]:
    if conf.expects_proxy and not conf.TRUSTED_PROXY_COUNT:
        yield checks.Warning(
            "D7VERIFY['TRUSTED_PROXY_COUNT'] is 0, but Django's settings tell of a proxy, whose "
            "address is then everybody's.",
            hint="Set it to the number of your own proxies.",
            id="d7verify.W009",
        )
    elif conf.TRUSTED_PROXY_COUNT and not conf.expects_proxy:
        yield checks.Info(
            "D7VERIFY['TRUSTED_PROXY_COUNT'] is set, and no setting of Django's tells of a proxy.",
            hint="Without so many proxies, any client names its own address.",
            id="d7verify.I002",
        )
