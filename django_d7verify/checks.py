"""
System checks, with stable ids: every key and value of ``D7VERIFY``, and the gateways' options.

Errors stop the site; warnings of ``check --deploy`` name what must not go to production.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

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


def _is_whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


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


def _is_budget(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 2  # noqa: PLR2004 - hour and day
        and all(_is_whole(1, 10**9)(count) for count in value)
    )


_RATES = "a list of rates as in '100/h': a number, and s, m, h, d or as in 10m"
_COUNTRIES = "a list of countries in two capitals (ISO alpha-2)"
_BUDGET = "two whole numbers, per hour and per day"

#: By key: what it must be, and in what words.
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "GATEWAYS": (lambda value: isinstance(value, Mapping), "a dict of gateways by alias"),
    "PURPOSES": (lambda value: isinstance(value, Mapping), "a dict of purposes by name"),
    "RESEND_WAIT_SECONDS": (_is_whole(1, 86400), "whole seconds, 1 to 86400"),
    "EXPIRY_SECONDS": (_is_whole(30, 600), "whole seconds, 30 to 600"),
    "MAX_RESENDS": (_is_whole(0, 20), "a whole number, 0 to 20"),
    "MAX_ATTEMPTS": (_is_whole(1, 20), "a whole number, 1 to 20"),
    "CODE_LENGTH": (_is_whole(6, 10), "a whole number, 6 to 10"),
    "CODE_ALPHABET": (lambda value: value in ALPHABETS, f"one of {', '.join(ALPHABETS)}"),
    "CONTENT": (
        lambda value: value is None or PLACEHOLDER in str(value),
        "a text with {} where the code stands",
    ),
    "ORIGIN_HOST": (
        lambda value: bool(_HOST.fullmatch(str(value))),
        "a host, without scheme or port",
    ),
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
    "DEFAULT_REGION": (
        lambda value: value is None or (isinstance(value, str) and len(value) == 2),  # noqa: PLR2004
        "two letters of a country, or None",
    ),
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
    "SITE_SENDS_PER_DAY": (
        lambda value: value is None or _is_whole(1, 10**9)(value),
        "a whole number, or None",
    ),
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
}


@checks.register(checks.Tags.security)
def check_settings(**kwargs: object) -> list[checks.CheckMessage]:
    """Every key of ``D7VERIFY`` is known and its value fits."""
    try:
        given = conf.read_all()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="d7verify.E001")]
    messages = [*_check_keys("D7VERIFY", given, _KEYS), *_check_values("D7VERIFY", given)]
    messages = messages or [*_check_purposes(), *_check_gateways()]
    return messages or [*_check_contents()]


def _check_keys(
    where: str, given: Mapping[str, Any], known: frozenset[str]
) -> Iterable[checks.CheckMessage]:
    for key in given.keys() - known:
        near = get_close_matches(str(key).upper(), known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(sorted(known))}."
        yield checks.Error(f"{where} has an unknown key {key!r}.", hint=hint, id="d7verify.E002")


def _check_values(where: str, given: Mapping[str, Any]) -> Iterable[checks.CheckMessage]:
    for key in given.keys() & _RULES.keys():
        fits, words = _RULES[key]
        if not fits(given[key]):
            yield checks.Error(f"{where}[{key!r}] must be {words}.", id="d7verify.E003")


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
        yield from _check_keys(
            where, {key: given[key] for key in given.keys() - guards}, PURPOSE_KEYS
        )
        yield from _check_values(where, given)


def _check_gateways() -> Iterable[checks.CheckMessage]:
    for alias, given in conf.GATEWAYS.items():
        where = f"D7VERIFY['GATEWAYS'][{alias!r}]"
        yield from _check_keys(where, given, _GATEWAY_KEYS)
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
    if "default" not in conf.GATEWAYS:
        yield checks.Error(
            "D7VERIFY['GATEWAYS'] has no 'default'.",
            hint="Without DEBUG there is none unless you name one.",
            id="d7verify.E007",
        )


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
    """No gateway for development, and no provider on this very machine, in production."""
    return [*_check_development()]


def _check_development() -> Iterable[checks.CheckMessage]:
    for alias, settings in conf.GATEWAYS.items():
        try:
            is_for_development = get_gateway(alias).for_development
        except ImproperlyConfigured:
            continue  # E006 says so.
        if is_for_development:
            yield checks.Warning(
                f"The gateway {alias!r} is for development: codes do not go to phones.",
                id="d7verify.W001",
            )
        options = settings.get("OPTIONS", {})
        for name, value in options.items():
            host = str(value).partition("://")[2] if name.endswith("url") else ""
            if host.startswith(_LOOPBACK):
                yield checks.Warning(
                    f"{name} of the gateway {alias!r} is an address of this machine.",
                    hint="The emulator is for development.",
                    id="d7verify.W002",
                )
