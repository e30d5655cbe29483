"""Every key and value of ``D7VERIFY``, and the gateways' options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_d7verify.conf import KEYS, PURPOSE_KEYS, Purpose, conf
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import PLACEHOLDER, CodeMessage
from django_d7verify.phones import mask_phone, parse_phone
from django_d7verify.texts import render_content
from django_d7verify.words import CHANGE_PHONE, LOGIN, SECOND_FACTOR

from .rules import GATEWAY_KEYS, RULES

_LONGEST_ALIAS = 64
_LONGEST_PURPOSE = 32
_END_SESSIONS = "django_d7verify.web.sessions.end_sessions"
#: By key: what its class must be.
_CLASSES = {
    "PHONE_STORE": "django_d7verify.phone_stores.PhoneStore",
    "TOKEN_STRATEGY": "django_d7verify.token_strategies.TokenStrategy",
    "DISPATCHER": "django_d7verify.dispatching.Dispatcher",
}


def check_settings(**kwargs: object) -> list[checks.CheckMessage]:
    """Every key of ``D7VERIFY`` is known and its value fits."""
    try:
        given = conf.read_all()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="d7verify.E001")]
    messages = [*_check_dict("D7VERIFY", given, frozenset(KEYS))]
    messages = messages or [
        *_check_purposes(),
        *_check_gateways(),
        *_check_paths(),
        *_check_test_numbers(),
        *_check_middleware(),
        *_check_times(),
    ]
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
            yield checks.Error(f"{where}[{key!r}] must be {RULES[key][1]}.", id="d7verify.E003")


def _fits(key: str, value: object) -> bool:
    try:
        return bool(RULES[key][0](value))
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
        guards = given.keys() & (frozenset(KEYS) - PURPOSE_KEYS)
        for key in guards:
            yield checks.Error(
                f"{where} sets {key}, which guards a recipient over all purposes.",
                hint="Set it in D7VERIFY itself.",
                id="d7verify.E005",
            )
        if given.get("PUBLIC") is True and name in {LOGIN, CHANGE_PHONE, SECOND_FACTOR}:
            yield checks.Error(
                f"{where} is PUBLIC, and is not for numbers that anybody may type.",
                hint="login/send/ and the pages ask for these codes.",
                id="d7verify.E013",
            )
        own = {key: given[key] for key in given.keys() - guards}
        yield from _check_dict(where, own, PURPOSE_KEYS)


def _check_gateways() -> Iterable[checks.CheckMessage]:
    for alias, given in conf.GATEWAYS.items():
        where = f"D7VERIFY['GATEWAYS'][{alias!r}]"
        messages = [*_check_dict(where, given, GATEWAY_KEYS)]
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


def _check_paths() -> Iterable[checks.CheckMessage]:
    for key, base_path in _CLASSES.items():
        path = getattr(conf, key)
        try:
            found, base = import_string(path), import_string(base_path)
        except ImportError as error:
            yield checks.Error(f"D7VERIFY[{key!r}]: {error}", id="d7verify.E010")
        else:
            if not (isinstance(found, type) and issubclass(found, base)):
                text = f"D7VERIFY[{key!r}]: {path} is not a {base.__name__}."
                yield checks.Error(text, id="d7verify.E010")


def _check_test_numbers() -> Iterable[checks.CheckMessage]:
    for number in conf.TEST_NUMBERS:
        masked = mask_phone(number)
        try:
            is_canonical = parse_phone(number).number == number
        except ValueError:
            is_canonical = False
        if not is_canonical:
            yield checks.Error(
                f"D7VERIFY['TEST_NUMBERS'] has {masked}, which is no valid number in E.164.",
                hint="Take one that its country keeps for fiction, as +12025550123.",
                id="d7verify.E011",
            )


def _check_middleware() -> Iterable[checks.CheckMessage]:
    if conf.END_OTHER_SESSIONS and _END_SESSIONS not in conf.middleware:
        yield checks.Error(
            f"D7VERIFY['END_OTHER_SESSIONS'] needs {_END_SESSIONS} in MIDDLEWARE.",
            hint="After Django's AuthenticationMiddleware.",
            id="d7verify.E012",
        )


def _check_times() -> Iterable[checks.CheckMessage]:
    if not conf.uses_aware_times:
        yield checks.Error(
            "USE_TZ must be True: every limit is an instant of UTC.", id="d7verify.E015"
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
