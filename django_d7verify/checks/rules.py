"""By key of ``D7VERIFY``: what its value must be, and in what words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeGuard

from django_d7verify.codes import ALPHABETS
from django_d7verify.conf import conf
from django_d7verify.gateways.base import PLACEHOLDER
from django_d7verify.phones import NUMBER_TYPES
from django_d7verify.words import LimitName

GATEWAY_KEYS = frozenset({"BACKEND", "OPTIONS", "FAILOVER"})
LOOPBACK = ("127.", "localhost", "[::1]")
_LOCAL_URLS = tuple(f"http://{host}" for host in LOOPBACK)
_HOST = re.compile(r"([a-z0-9-]+(\.[a-z0-9-]+)*)?", re.IGNORECASE)
_RATE = re.compile(r"[1-9]\d{0,6}/([1-9]\d{0,3})?[smhd]", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_TEST_CODE = re.compile(r"[A-Z0-9]{6,10}", re.ASCII)
_SECRET = re.compile(r"[\w-]{16,}", re.ASCII)


def _is_whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


_is_count = _is_whole(1, 10**9)


def _is_texts(value: object) -> TypeGuard[Sequence[str]]:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(item, str) and item for item in value)
    )


def _is_rates(value: object) -> bool:
    # django-ratelimit's own pattern is not anchored: it reads 10/w as ten a second.
    return _is_texts(value) and all(map(_RATE.fullmatch, value))


def _is_countries(value: object) -> bool:
    return _is_texts(value) and all(map(_COUNTRY.fullmatch, value))


def _is_gateways(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(alias, str) and isinstance(given, Mapping) for alias, given in value.items()
    )


def _is_budget(value: object) -> bool:
    return isinstance(value, Sequence) and [*map(_is_count, value)] == [True, True]


def _is_test_numbers(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(number, str) and isinstance(given, Mapping) and _is_test_number(given)
        for number, given in value.items()
    )


def _is_test_number(given: Mapping[str, object]) -> bool:
    code, until = given.get("CODE"), given.get("UNTIL")
    is_known = set(given) <= {"CODE", "UNTIL"}
    is_code = isinstance(code, str) and _TEST_CODE.fullmatch(code) is not None
    return is_known and is_code and (until is None or type(until) is date)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "." in value


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


_YES_NO = "True or False"
_RATES = "a list of rates as in '100/h': a number, and s, m, h, d or as in 10m"
_COUNTRY_WORDS = "a country in two capitals (ISO alpha-2)"
_COUNTRIES = f"a list, each {_COUNTRY_WORDS}"
_BUDGET = "two whole numbers, per hour and per day"

#: By key: what it must be, and in what words.
RULES: dict[str, tuple[Callable[[Any], object], str]] = {
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
    "SESSION_RETENTION_DAYS": (_is_whole(1, 3650), "whole days, 1 to 3650"),
    "AUDIT_RETENTION_DAYS": (_is_whole(1, 3650), "whole days, 1 to 3650"),
    "TRUSTED_PROXY_COUNT": (_is_whole(0, 10), "a whole number, 0 to 10"),
    "PHONE_STORE": (_is_path, "a dotted path"),
    "SIGN_UP": (_is_bool, _YES_NO),
    "TOKEN_STRATEGY": (_is_path, "a dotted path"),
    "DISPATCHER": (_is_path, "a dotted path"),
    "DISPATCH_THREADS": (_is_whole(1, 100), "a whole number, 1 to 100"),
    "DISPATCH_QUEUE": (_is_whole(1, 100_000), "a whole number, 1 to 100000"),
    "TEST_NUMBERS": (
        _is_test_numbers,
        "a dict by number, each {'CODE': six to ten capitals or digits, 'UNTIL': a date}",
    ),
    "STEP_UP_SECONDS": (_is_whole(1, 86400), "whole seconds, 1 to 86400"),
    "TELL_OLD_NUMBER": (_is_bool, _YES_NO),
    "END_OTHER_SESSIONS": (_is_bool, _YES_NO),
    "CONTENT_SECURITY_POLICY": (_is_bool, _YES_NO),
    "PUBLIC": (_is_bool, _YES_NO),
    "GATEWAY": (lambda value: value in conf.GATEWAYS, "an alias of GATEWAYS"),
    "BACKEND": (lambda value: isinstance(value, str), "a dotted path"),
    "OPTIONS": (lambda value: isinstance(value, Mapping), "a dict"),
    "FAILOVER": (lambda value: value == [] or _is_texts(value), "a list of aliases"),
}
