"""
System checks, with stable ids: every key and value of ``D7VERIFY``, and the gateways' options.

Errors stop the site; warnings of ``check --deploy`` name what must not go to production.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from .codes import ALPHABETS
from .conf import PURPOSE_KEYS, Purpose, Settings, conf
from .gateways import get_gateway
from .gateways.base import PLACEHOLDER, CodeMessage
from .phones import NUMBER_TYPES
from .texts import render_content
from .words import LimitName

_KEYS = frozenset(name for name in vars(Settings) if name.isupper())
_GATEWAY_KEYS = frozenset({"BACKEND", "OPTIONS", "FAILOVER"})
_LONGEST_ALIAS = 64
_LONGEST_PURPOSE = 32
_LOOPBACK = ("127.", "localhost", "[::1]")
_LOCAL_URLS = tuple(f"http://{host}" for host in _LOOPBACK)
_HOST = re.compile(r"([a-z0-9-]+(\.[a-z0-9-]+)*)?", re.IGNORECASE)
_RATE = re.compile(r"[1-9]\d{0,6}/([1-9]\d{0,3})?[smhd]", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_SECRET = re.compile(r"[\w-]{16,}", re.ASCII)
_WAL = re.compile(r"journal_mode\s*=\s*wal", re.IGNORECASE)
_SQLITE_TIMEOUT_SECONDS = 20
#: By vendor: READ COMMITTED as its OPTIONS may say it; psycopg's enumeration by name or number.
_READ_COMMITTED = {"postgresql": {"READ_COMMITTED", "2"}, "mysql": {"READ COMMITTED"}}


def _is_whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


_is_count = _is_whole(1, 10**9)


def _is_texts(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(item, str) and item for item in value)
    )


def _is_rates(value: object) -> bool:
    # django-ratelimit's own pattern is not anchored: it reads 10/w as ten a second.
    return _is_texts(value) and all(map(_RATE.fullmatch, value))  # type: ignore[call-overload]


def _is_countries(value: object) -> bool:
    return _is_texts(value) and all(map(_COUNTRY.fullmatch, value))  # type: ignore[call-overload]


def _is_gateways(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(alias, str) and isinstance(given, Mapping) for alias, given in value.items()
    )


def _is_budget(value: object) -> bool:
    return isinstance(value, Sequence) and [*map(_is_count, value)] == [True, True]


_RATES = "a list of rates as in '100/h': a number, and s, m, h, d or as in 10m"
_COUNTRY_WORDS = "a country in two capitals (ISO alpha-2)"
_COUNTRIES = f"a list, each {_COUNTRY_WORDS}"
_BUDGET = "two whole numbers, per hour and per day"

#: By key: what it must be, and in what words.
_RULES: dict[str, tuple[Callable[[Any], object], str]] = {
    "GATEWAYS": (_is_gateways, "a dict of dicts by alias"),
    "PURPOSES": (lambda value: isinstance(value, Mapping), "a dict of purposes by name"),
    "RESEND_WAIT_SECONDS": (_is_whole(1, 86400), "whole seconds, 1 to 86400"),
    "EXPIRY_SECONDS": (_is_whole(30, 600), "whole seconds, 30 to 600"),
    "MAX_RESENDS": (_is_whole(0, 20), "a whole number, 0 to 20"),
    "MAX_ATTEMPTS": (_is_whole(1, 20), "a whole number, 1 to 20"),
    "CODE_LENGTH": (_is_whole(6, 10), "a whole number, 6 to 10"),
    "CODE_ALPHABET": (lambda value: value in ALPHABETS, f"one of {', '.join(ALPHABETS)}"),
    "CONTENT": (
        lambda value: value is None or (isinstance(value, str) and PLACEHOLDER in value),
        "a text with {} where the code stands",
    ),
    "ORIGIN_HOST": (_HOST.fullmatch, "a host, without scheme or port"),
    "REPORT_URL": (
        lambda value: value == "" or str(value).startswith(("https://", *_LOCAL_URLS)),
        "an https address",
    ),
    "REPORT_SECRETS": (
        lambda value: not value or (_is_texts(value) and all(map(_SECRET.fullmatch, value))),
        "a list of secrets of 16 letters, digits, - or _, at the least",
    ),
    "BREAKER_FAILURES": (_is_whole(1, 1000), "a whole number, 1 to 1000"),
    "BREAKER_SECONDS": (_is_whole(1, 3600), "whole seconds, 1 to 3600"),
    "SENDS_PER_HOUR": (_is_whole(1, 3600), "a whole number, 1 to 3600"),
    "SENDS_PER_DAY": (_is_whole(1, 86400), "a whole number, 1 to 86400"),
    "FAILURES_PER_HOUR": (_is_whole(1, 100), "a whole number, 1 to 100"),
    "FAILURES_PER_DAY": (_is_whole(1, 100), "a whole number, 1 to 100"),
    "MAX_FAILURES_IN_A_ROW": (_is_whole(1, 100), "a whole number, 1 to 100"),
    "VERIFICATION_TOKEN_SECONDS": (_is_whole(1, 3600), "whole seconds, 1 to 3600"),
    "SECRET_KEYS": (_is_texts, "a list of secrets, the signing one first"),
    "DEFAULT_REGION": (lambda value: value is None or _is_countries([value]), _COUNTRY_WORDS),
    "NUMBER_TYPES": (
        lambda value: _is_texts(value) and set(value) <= NUMBER_TYPES,
        "a list of names of phonenumbers.PhoneNumberType",
    ),
    "SENDS_PER_IPV4": (_is_rates, _RATES),
    "SENDS_PER_IPV6": (_is_rates, _RATES),
    "SENDS_PER_USER": (_is_rates, _RATES),
    "WRONG_CODES_PER_ADDRESS": (_is_rates, _RATES),
    "WATCHED_SENDS_PER_ADDRESS": (lambda value: _is_rates([value]), "a rate as in '30/h'"),
    "ALLOWED_COUNTRIES": (lambda value: value is None or _is_countries(value), _COUNTRIES),
    "HOME_COUNTRIES": (lambda value: list(value) == [] or _is_countries(value), _COUNTRIES),
    "PREFIX_BUDGET": (_is_budget, _BUDGET),
    "COUNTRY_BUDGET": (_is_budget, _BUDGET),
    "SITE_SENDS_PER_DAY": (lambda value: value is None or _is_count(value), "a whole number"),
    "LIMIT_MODES": (
        lambda value: (
            isinstance(value, Mapping)
            and set(value) <= set(LimitName.values)
            and set(value.values()) <= {"enforce", "observe"}
        ),
        f"a dict of 'enforce' or 'observe' by limit: {', '.join(LimitName.values)}",
    ),
    "TRUSTED_PROXY_COUNT": (_is_whole(0, 10), "a whole number, 0 to 10"),
    "PUBLIC": (lambda value: isinstance(value, bool), "True or False"),
    "GATEWAY": (lambda value: value in conf.GATEWAYS, "an alias of GATEWAYS"),
    "BACKEND": (lambda value: isinstance(value, str), "a dotted path"),
    "OPTIONS": (lambda value: isinstance(value, Mapping), "a dict"),
    "FAILOVER": (lambda value: value == [] or _is_texts(value), "a list of aliases"),
}


@checks.register(checks.Tags.security)
def check_settings(**kwargs: object) -> list[checks.CheckMessage]:
    """Every key of ``D7VERIFY`` is known and its value fits."""
    try:
        given = conf.read_all()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="d7verify.E001")]
    messages = [*_check_dict("D7VERIFY", given, _KEYS)]
    messages = messages or [*_check_purposes(), *_check_gateways()]
    return messages or [*_check_contents()]


def _check_dict(
    where: str, given: Mapping[str, Any], known: frozenset[str]
) -> Iterable[checks.CheckMessage]:
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(str(key).upper(), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}."
            text = f"{where} has an unknown key {key!r}."
            yield checks.Error(text, hint=hint, id="d7verify.E002")
        elif not _fits(key, value):
            yield checks.Error(f"{where}[{key!r}] must be {_RULES[key][1]}.", id="d7verify.E003")


def _fits(key: str, value: object) -> bool:
    try:
        return bool(_RULES[key][0](value))
    except TypeError:
        return False  # Of a type that the rule cannot even look at.


def _check_purposes() -> Iterable[checks.CheckMessage]:
    for name, given in conf.PURPOSES.items():
        where = f"D7VERIFY['PURPOSES'][{name!r}]"
        if not isinstance(name, str) or len(name) > _LONGEST_PURPOSE:
            yield checks.Error(
                f"{where}: a name has at most {_LONGEST_PURPOSE} letters.", id="d7verify.E004"
            )
        if not isinstance(given, Mapping):
            yield checks.Error(f"{where} must be a dict.", id="d7verify.E004")
            continue
        guards = given.keys() & (_KEYS - PURPOSE_KEYS)
        for key in guards:
            yield checks.Error(
                f"{where} sets {key}, which guards a recipient over all purposes.",
                hint="Set it in D7VERIFY itself.",
                id="d7verify.E005",
            )
        own = {key: given[key] for key in given.keys() - guards}
        yield from _check_dict(where, own, PURPOSE_KEYS)


def _check_gateways() -> Iterable[checks.CheckMessage]:
    for alias, given in conf.GATEWAYS.items():
        where = f"D7VERIFY['GATEWAYS'][{alias!r}]"
        messages = [*_check_dict(where, given, _GATEWAY_KEYS)]
        yield from messages or _check_gateway(where, alias)
    if "default" not in conf.GATEWAYS:
        yield checks.Error(
            "D7VERIFY['GATEWAYS'] has no 'default'.",
            hint="Without DEBUG there is none unless you name one.",
            id="d7verify.E007",
        )


def _check_gateway(where: str, alias: str) -> Iterable[checks.CheckMessage]:
    if set(conf.get_failover(alias)) - (conf.GATEWAYS.keys() - {alias}):
        yield checks.Error(f"{where}['FAILOVER'] names no other gateway.", id="d7verify.E008")
    try:
        if len(alias) > _LONGEST_ALIAS:
            raise ImproperlyConfigured(f"{alias!r} has more than {_LONGEST_ALIAS} letters.")
        gateway = get_gateway(alias)
    except ImproperlyConfigured as error:
        yield checks.Error(str(error), id="d7verify.E006")
    else:
        yield from gateway.check()


def _check_contents() -> Iterable[checks.CheckMessage]:
    for name in conf.PURPOSES:
        rules = conf.get_purpose(name)
        for language in conf.languages:
            yield from _check_content(rules, language)


def _check_content(rules: Purpose, language: str) -> Iterable[checks.CheckMessage]:
    where = f"The text of codes for {rules.name!r} in {language!r}"
    content = render_content(
        rules.content, purpose=rules.name, language=language, expiry_seconds=rules.expiry_seconds
    )
    if content.count(PLACEHOLDER) != 1:
        yield checks.Error(f"{where} must have the code in it once.", id="d7verify.E009")
        return
    gateway = get_gateway(rules.gateway)
    message = CodeMessage(
        recipient="",
        content=content,
        code="0" * rules.code_length,
        code_length=rules.code_length,
        code_alphabet=rules.code_alphabet,
        expiry_seconds=rules.expiry_seconds,
        resend_wait_seconds=conf.RESEND_WAIT_SECONDS,
        max_resends=rules.max_resends,
        origin_host=conf.ORIGIN_HOST,
    )
    try:
        size = gateway.measure(message.text)
    except ImproperlyConfigured as error:
        yield checks.Error(f"{where}: {error}", id="d7verify.E009")
        return
    if size and size.parts > 1:
        yield checks.Warning(
            f"{where} takes {size.parts} parts, and each is billed.",
            hint=f"{size.units} characters in {size.encoding}; a message holds 160, or 70 where "
            "one character is not in GSM 03.38.",
            id="d7verify.W003",
        )


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(**kwargs: object) -> list[checks.CheckMessage]:
    """What is right for development only, and what production has to choose."""
    if any(message.is_serious() for message in check_settings()):
        return []  # Said already, and nothing here could be read.
    return [
        *_check_development(),
        *_check_edge_cache(),
        *_check_choices(),
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
            if host.startswith(_LOOPBACK):
                yield checks.Warning(
                    f"{name} of the gateway {alias!r} is an address of this machine.",
                    hint="The emulator is for development.",
                    id="d7verify.W002",
                )


def _check_edge_cache() -> Iterable[checks.CheckMessage]:
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
