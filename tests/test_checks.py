"""The system checks: one case for each id, and none that cries without a cause."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage
from django.db import connection

from django_d7verify.checks import deployment
from django_d7verify.checks.rules import GATEWAY_KEYS, RULES
from django_d7verify.conf import KEYS, PURPOSE_KEYS
from django_d7verify.words import LimitName

from .conftest import set_d7verify
from .readme import read_table, read_words

LOCMEM = "django_d7verify.gateways.locmem.LocMemGateway"
MESSAGES = "django_d7verify.gateways.d7.D7MessagesGateway"
CACHES = "django.core.cache.backends"
OPTIONS = {"api_token": "a-very-secret-api-token", "originator": "SignOTP"}

#: The app's own are of it; all of Django's would take most of the time here.
TAG = django_checks.Tags.security
#: What a careful site says beside its gateways.
CHOSEN = {
    "HOME_COUNTRIES": ["AE"],
    "SITE_SENDS_PER_DAY": 10_000,
    "REPORT_URL": "https://example.com/otp/reports/",
    "REPORT_SECRETS": ["0123456789abcdef"],
}
GOOD_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def make_gateways(**given: Any) -> dict[str, Any]:
    return {"GATEWAYS": {"default": {"BACKEND": MESSAGES, "OPTIONS": OPTIONS, **given}}}


@pytest.fixture
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site against which no check has anything to say; a test spoils one thing."""
    settings.D7VERIFY = {**make_gateways(), **CHOSEN}
    settings.CACHES = {
        "default": {"BACKEND": f"{CACHES}.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    settings.set_database = lambda vendor, atomic=False, **options: monkeypatch.setattr(
        deployment,
        "connections",
        {
            "default": SimpleNamespace(
                vendor=vendor, settings_dict={"OPTIONS": options, "ATOMIC_REQUESTS": atomic}
            )
        },
    )
    settings.set_database("postgresql")
    return settings


def run(*, deploy: bool = True) -> list[CheckMessage]:
    """What ``check`` says of the app, by Django's own registry."""
    found = django_checks.run_checks(tags=[TAG], include_deployment_checks=deploy)
    return [message for message in found if str(message.id).startswith("d7verify.")]


def ids() -> list[str]:
    return [str(message.id).removeprefix("d7verify.") for message in run()]


def expect(check_id: str, *words: str) -> CheckMessage:
    """Exactly this one, and what it says has *words* in it."""
    messages = run()
    assert [message.id for message in messages] == [f"d7verify.{check_id}"], messages
    text = f"{messages[0].msg} {messages[0].hint}"
    for word in words:
        assert word in text
    levels = {"E": django_checks.ERROR, "W": django_checks.WARNING, "I": django_checks.INFO}
    assert messages[0].level == levels[check_id[0]]
    return messages[0]


def test_a_site_that_has_everything_right_is_not_spoken_to(site: Any):
    assert ids() == []


def test_a_site_that_sets_every_key_rightly_is_not_spoken_to(site: Any):
    right: dict[str, Any] = {
        "PURPOSES": {"pay": {"PUBLIC": True, "CONTENT": "Pay with {}", "GATEWAY": "default"}},
        "RESEND_WAIT_SECONDS": 60,
        "EXPIRY_SECONDS": 600,
        "MAX_RESENDS": 0,
        "MAX_ATTEMPTS": 1,
        "CODE_LENGTH": 10,
        "CODE_ALPHABET": "alphanumeric",
        "CONTENT": "{} is your code.",
        "ORIGIN_HOST": "example.com",
        "SENDS_PER_HOUR": 5,
        "SENDS_PER_DAY": 20,
        "FAILURES_PER_HOUR": 10,
        "FAILURES_PER_DAY": 30,
        "MAX_FAILURES_IN_A_ROW": 100,
        "VERIFICATION_TOKEN_SECONDS": 300,
        "SECRET_KEYS": ["new", "old"],
        "REPORT_URL": "https://example.com/otp/reports/",
        "REPORT_SECRETS": ["0123456789abcdef"],
        "BREAKER_FAILURES": 5,
        "BREAKER_SECONDS": 30,
        "DEFAULT_REGION": "AE",
        "NUMBER_TYPES": ["MOBILE"],
        "SENDS_PER_IPV4": ["100/h", "500/d"],
        "SENDS_PER_IPV6": ("30/h", "2/10m", "1/s"),
        "SENDS_PER_USER": ["20/h"],
        "WRONG_CODES_PER_ADDRESS": ["100/10m"],
        "WATCHED_SENDS_PER_ADDRESS": "30/h",
        "ALLOWED_COUNTRIES": ["AE", "GB"],
        "PREFIX_BUDGET": (50, 200),
        "COUNTRY_BUDGET": [100, 500],
        "LIMIT_MODES": dict.fromkeys(LimitName.values, "enforce"),
        "TRUSTED_PROXY_COUNT": 1,
        "PHONE_STORE": "django_d7verify.phone_stores.ModelPhoneStore",
        "SIGN_UP": True,
        "TOKEN_STRATEGY": "django_d7verify.token_strategies.KnoxStrategy",
        "DISPATCHER": "django_d7verify.dispatchers.ThreadDispatcher",
        "DISPATCH_THREADS": 4,
        "DISPATCH_QUEUE": 10,
        "TEST_NUMBERS": {"+12025550123": {"CODE": "314159", "UNTIL": date(2027, 1, 1)}},
        "STEP_UP_SECONDS": 60,
        "TELL_OLD_NUMBER": False,
        "END_OTHER_SESSIONS": False,
        "CONTENT_SECURITY_POLICY": False,
        "SESSION_RETENTION_DAYS": 30,
        "AUDIT_RETENTION_DAYS": 3650,
        **CHOSEN,
        **make_gateways(),
    }
    assert set(right) == set(KEYS)
    site.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    site.D7VERIFY = right
    assert ids() == []


def test_every_key_of_the_settings_of_a_purpose_and_of_a_gateway_has_a_rule():
    assert set(KEYS) | PURPOSE_KEYS | GATEWAY_KEYS == set(RULES)


ODD_VALUES = [
    *(None, True, -1, 10**12, 1.5, "", "text", b"", object, {""}),
    *([], [None], [[]], {}, {"a": 1}, {1: {}}, {"default": None}, {"default": {1: 1}}),
]


@pytest.mark.parametrize("key", KEYS)
def test_no_value_of_a_setting_makes_the_checks_fail_themselves(site: Any, key: str):
    for value in ODD_VALUES:
        set_d7verify(site, **{key: value})
        for message in run():
            assert message.id != "d7verify.E003" or f"'{key}'" in message.msg


@pytest.mark.parametrize("given", ["text", None, ["GATEWAYS"]], ids=repr)
def test_e001_settings_that_are_no_dict(site: Any, given: object):
    site.D7VERIFY = given
    expect("E001", "D7VERIFY")


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("RESEND_WAIT_SECOND", "RESEND_WAIT_SECONDS"),
        ("MAX_ATEMPTS", "MAX_ATTEMPTS"),
        ("home_countries", "HOME_COUNTRIES"),
        ("GATEWAY", "GATEWAYS"),
    ],
)
def test_e002_an_unknown_key_has_the_nearest_name_as_a_hint(site: Any, key: str, nearest: str):
    set_d7verify(site, **{key: 1})
    message = expect("E002", repr(key))
    assert message.hint == f"Did you mean {nearest}?"


def test_e002_a_key_that_is_near_to_none_has_all_of_them_as_a_hint(site: Any):
    set_d7verify(site, XYZ=1)
    message = expect("E002", "'XYZ'")
    for key in KEYS:
        assert key in str(message.hint)


@pytest.mark.parametrize("where", ["gateway", "purpose"])
def test_e002_an_unknown_key_of_a_gateway_and_of_a_purpose(site: Any, where: str):
    if where == "gateway":
        set_d7verify(site, **make_gateways(OPTION={}))
        expect("E002", "['GATEWAYS']['default']", "'OPTION'", "OPTIONS")
    else:
        set_d7verify(site, PURPOSES={"pay": {"EXPIRY": 60}})
        expect("E002", "['PURPOSES']['pay']", "'EXPIRY'", "EXPIRY_SECONDS")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("GATEWAYS", "text"),
        ("GATEWAYS", {"default": LOCMEM}),
        ("GATEWAYS", {1: {"BACKEND": LOCMEM}}),
        ("PURPOSES", ["login"]),
        ("RESEND_WAIT_SECONDS", 0),
        ("RESEND_WAIT_SECONDS", "60"),
        ("RESEND_WAIT_SECONDS", True),
        ("EXPIRY_SECONDS", 601),
        ("EXPIRY_SECONDS", 29),
        ("MAX_RESENDS", -1),
        ("MAX_RESENDS", 21),
        ("MAX_ATTEMPTS", 0),
        ("CODE_LENGTH", 5),
        ("CODE_LENGTH", 11),
        ("CODE_ALPHABET", "digits"),
        ("CODE_ALPHABET", []),
        ("CONTENT", "Your code"),
        ("CONTENT", {"{}": ""}),
        ("ORIGIN_HOST", "https://example.com"),
        ("ORIGIN_HOST", "example.com:8000"),
        ("SENDS_PER_HOUR", 0),
        ("SENDS_PER_DAY", 20.0),
        ("FAILURES_PER_HOUR", 101),
        ("FAILURES_PER_DAY", 101),
        ("MAX_FAILURES_IN_A_ROW", 101),
        ("VERIFICATION_TOKEN_SECONDS", 3601),
        ("SECRET_KEYS", []),
        ("SECRET_KEYS", "one-secret"),
        ("SECRET_KEYS", [""]),
        ("REPORT_URL", "http://example.com/"),
        ("REPORT_SECRETS", ["short"]),
        ("REPORT_SECRETS", ["a/b/c/d/e/f/g/h/i/j"]),
        ("BREAKER_FAILURES", 0),
        ("BREAKER_SECONDS", 0),
        ("DEFAULT_REGION", "ARE"),
        ("DEFAULT_REGION", "ae"),
        ("NUMBER_TYPES", ["CELLULAR"]),
        ("NUMBER_TYPES", []),
        *((key, ["10/w"]) for key in KEYS if key.startswith(("SENDS_PER_IP", "SENDS_PER_US"))),
        ("SENDS_PER_IPV4", "100/h"),
        ("SENDS_PER_IPV4", ["5 per hour"]),
        ("SENDS_PER_IPV6", ["0/m"]),
        ("SENDS_PER_USER", ["10/0m"]),
        ("WRONG_CODES_PER_ADDRESS", ["100/10"]),
        ("WRONG_CODES_PER_ADDRESS", []),
        ("PHONE_STORE", "store"),
        ("SIGN_UP", 1),
        ("TOKEN_STRATEGY", None),
        ("DISPATCHER", ""),
        ("DISPATCH_THREADS", 0),
        ("DISPATCH_QUEUE", "10"),
        ("TEST_NUMBERS", ["+12025550123"]),
        ("TEST_NUMBERS", {"+12025550123": {"CODE": 314159}}),
        ("TEST_NUMBERS", {"+12025550123": {"CODE": "3141"}}),
        ("TEST_NUMBERS", {"+12025550123": {"CODE": "314159", "UNTIL": "2027-01-01"}}),
        ("TEST_NUMBERS", {"+12025550123": {"CODE": "314159", "TILL": None}}),
        ("STEP_UP_SECONDS", 0),
        ("TELL_OLD_NUMBER", "no"),
        ("END_OTHER_SESSIONS", None),
        ("CONTENT_SECURITY_POLICY", "strict"),
        ("SESSION_RETENTION_DAYS", 0),
        ("AUDIT_RETENTION_DAYS", 3651),
        ("WATCHED_SENDS_PER_ADDRESS", "30/w"),
        ("WATCHED_SENDS_PER_ADDRESS", ["30/h"]),
        ("ALLOWED_COUNTRIES", ["ae"]),
        ("ALLOWED_COUNTRIES", "AE"),
        ("ALLOWED_COUNTRIES", []),
        ("HOME_COUNTRIES", ["UAE"]),
        ("HOME_COUNTRIES", "AE"),
        ("HOME_COUNTRIES", None),
        ("PREFIX_BUDGET", 50),
        ("PREFIX_BUDGET", (50,)),
        ("PREFIX_BUDGET", {"hour": 1, "day": 2}),
        ("COUNTRY_BUDGET", (0, 500)),
        ("SITE_SENDS_PER_DAY", 0),
        ("LIMIT_MODES", {"sends_per_address": "off"}),
        ("LIMIT_MODES", {"sends": "observe"}),
        ("TRUSTED_PROXY_COUNT", -1),
        ("TRUSTED_PROXY_COUNT", True),
    ],
    ids=repr,
)
def test_e003_a_value_that_does_not_fit_is_named(site: Any, key: str, value: object):
    set_d7verify(site, **{key: value})
    expect("E003", f"D7VERIFY['{key}'] must be ")


def test_e003_every_key_has_a_case_above():
    (mark,) = test_e003_a_value_that_does_not_fit_is_named.pytestmark
    assert {key for key, _ in mark.args[1]} == set(KEYS)


@pytest.mark.parametrize(
    ("key", "value"), [("PUBLIC", 1), ("GATEWAY", "sms"), ("GATEWAY", []), ("MAX_ATTEMPTS", 0)]
)
def test_e003_a_value_of_a_purpose_that_does_not_fit_is_named(site: Any, key: str, value: object):
    set_d7verify(site, PURPOSES={"pay": {key: value}})
    expect("E003", f"D7VERIFY['PURPOSES']['pay']['{key}'] must be ")


@pytest.mark.parametrize(
    ("key", "value"),
    [("BACKEND", BaseCache), ("OPTIONS", "text"), ("FAILOVER", "sms"), ("FAILOVER", [1])],
    ids=str,
)
def test_e003_a_value_of_a_gateway_that_does_not_fit_is_named(site: Any, key: str, value: object):
    set_d7verify(site, **make_gateways(**{key: value}))
    expect("E003", f"D7VERIFY['GATEWAYS']['default']['{key}'] must be ")


@pytest.mark.parametrize("purposes", [{"p" * 33: {}}, {"pay": None}, {1: {}}], ids=repr)
def test_e004_a_purpose_that_is_none(site: Any, purposes: Any):
    set_d7verify(site, PURPOSES=purposes)
    expect("E004", "D7VERIFY['PURPOSES']", repr(next(iter(purposes))))


@pytest.mark.parametrize("key", sorted(set(KEYS) - PURPOSE_KEYS))
def test_e005_a_purpose_that_sets_what_guards_a_recipient(site: Any, key: str):
    set_d7verify(site, PURPOSES={"pay": {key: 1}})
    expect("E005", "['pay']", key)


@pytest.mark.parametrize(
    "given",
    [
        {"BACKEND": "nowhere.Gateway"},
        {"BACKEND": "decimal.Decimal"},
        {"OPTIONS": {**OPTIONS, "api_tokn": "x"}},
        {"OPTIONS": {"originator": "SignOTP"}},
    ],
    ids=repr,
)
def test_e006_a_gateway_that_cannot_be_made(site: Any, given: dict[str, Any]):
    set_d7verify(site, **make_gateways(**given))
    expect("E006", "default")


def test_e006_a_gateway_without_a_backend_or_with_too_long_an_alias(site: Any):
    site.D7VERIFY = {**CHOSEN, "GATEWAYS": {"default": {"OPTIONS": OPTIONS}}}
    expect("E006", "BACKEND")
    gateway = make_gateways()["GATEWAYS"]["default"]
    site.D7VERIFY = {**CHOSEN, "GATEWAYS": {"default": gateway, "a" * 65: gateway}}
    expect("E006", "64")


def test_e007_no_default_gateway_and_none_is_needed_under_debug(site: Any):
    site.D7VERIFY = dict(CHOSEN)
    expect("E007", "GATEWAYS", "'default'")
    site.DEBUG = True
    assert ids() == ["W001"]


@pytest.mark.parametrize("failover", [["sms"], ["default"], ("sms", "default")], ids=repr)
def test_e008_a_failover_to_no_other_gateway(site: Any, failover: object):
    set_d7verify(site, **make_gateways(FAILOVER=failover))
    expect("E008", "['default']['FAILOVER']")


def test_e009_a_text_without_the_code_with_two_or_that_cannot_be_sent(site: Any):
    for content in ["{} and {}", "\ud800 {}"]:
        set_d7verify(site, CONTENT=content)
        assert set(ids()) == {"E009"}
    set_d7verify(site, CONTENT=None, PURPOSES={"pay": {"CONTENT": "{} or {}"}})
    expect("E009", "'pay'", "once")


@pytest.mark.parametrize("path", ["nowhere.Thing", "django.conf.settings", "builtins.dict"])
@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("PHONE_STORE", "PhoneStore"),
        ("TOKEN_STRATEGY", "TokenStrategy"),
        ("DISPATCHER", "Dispatcher"),
    ],
)
def test_e010_a_path_to_no_class_of_the_kind(site: Any, key: str, what: str, path: str):
    set_d7verify(site, **{key: path})
    expect("E010", f"D7VERIFY['{key}']", *([] if "nowhere" in path else [f"not a {what}"]))


@pytest.mark.parametrize("number", ["12025550123", "+1 202 555 0123", "+120255501", "reviewer"])
def test_e011_a_test_number_that_is_none_or_not_in_e164(site: Any, number: str):
    set_d7verify(site, TEST_NUMBERS={number: {"CODE": "314159", "UNTIL": date(2027, 1, 1)}})
    message = expect("E011", "TEST_NUMBERS", "E.164")
    assert number not in message.msg


def test_e012_sessions_that_are_to_end_need_the_middleware_that_ends_them(site: Any):
    set_d7verify(site, END_OTHER_SESSIONS=True)
    expect("E012", "END_OTHER_SESSIONS", "MIDDLEWARE")
    site.MIDDLEWARE = [*site.MIDDLEWARE, "django_d7verify.web.sessions.end_sessions"]
    assert ids() == []


@pytest.mark.parametrize("purpose", ["login", "change_phone", "second_factor"])
def test_e013_codes_to_a_users_own_number_are_not_for_anybody_to_ask_for(site: Any, purpose: str):
    set_d7verify(site, PURPOSES={purpose: {"PUBLIC": True}})
    expect("E013", f"'{purpose}'", "PUBLIC")
    set_d7verify(site, PURPOSES={purpose: {"MAX_RESENDS": 2}})
    assert ids() == []


@pytest.mark.parametrize("until", [{}, {"UNTIL": None}])
def test_e014_a_test_number_without_an_end_for_production(site: Any, until: dict[str, Any]):
    set_d7verify(site, TEST_NUMBERS={"+12025550123": {"CODE": "314159", **until}})
    message = expect("E014", "TEST_NUMBERS", "UNTIL")
    assert "+12025550123" not in message.msg
    assert run(deploy=False) == []


def test_e015_times_that_are_naive(site: Any):
    site.USE_TZ = False
    expect("E015", "USE_TZ")


def test_w001_a_gateway_for_development(site: Any):
    site.D7VERIFY = {**CHOSEN, "GATEWAYS": {"default": {"BACKEND": LOCMEM}}}
    expect("W001", "'default'", "development")
    assert run(deploy=False) == []


def test_w002_a_report_url_on_this_very_machine(site: Any):
    set_d7verify(site, REPORT_URL="http://127.0.0.1:8000/otp/reports/")
    expect("W002", "REPORT_URL")


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost", "[::1]:8600"])
def test_w002_a_provider_on_this_very_machine(site: Any, host: str):
    set_d7verify(site, **make_gateways(OPTIONS={**OPTIONS, "api_url": f"http://{host}"}))
    expect("W002", "api_url", "'default'")


def test_w003_a_text_of_more_than_one_part(site: Any):
    set_d7verify(site, PURPOSES={"pay": {"CONTENT": "{}" + "x" * 155}})
    expect("W003", "'pay'", "2 parts")
    set_d7verify(site, PURPOSES={"pay": {"CONTENT": "{}" + "x" * 154}})
    assert ids() == []


class CountingCache(BaseCache):
    """As a site may write one: it counts by itself."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__({})

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        raise NotImplementedError


class NamedOtherwise(LocMemCache):
    """django-ratelimit's own check compares names only."""


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (f"{CACHES}.locmem.LocMemCache", "each process's own"),
        (f"{__name__}.NamedOtherwise", "each process's own"),
        (f"{CACHES}.dummy.DummyCache", "keeps nothing"),
        (f"{CACHES}.filebased.FileBasedCache", "does not count atomically"),
        (f"{CACHES}.db.DatabaseCache", "300 s"),
    ],
)
def test_w004_a_cache_that_cannot_hold_a_limit_and_why(site: Any, backend: str, words: str):
    site.CACHES = {"default": {"BACKEND": backend, "LOCATION": "/nowhere"}}
    expect("W004", "CACHES['default']", words, "RATELIMIT_USE_CACHE")


def test_w004_the_cache_that_is_meant_is_the_one_that_counts(site: Any):
    site.CACHES = {
        "default": {"BACKEND": f"{CACHES}.locmem.LocMemCache"},
        "edge": {"BACKEND": f"{__name__}.CountingCache"},
    }
    expect("W004", "CACHES['default']")
    site.RATELIMIT_USE_CACHE = "edge"
    assert ids() == []


def test_w005_no_home_countries(site: Any):
    set_d7verify(site, HOME_COUNTRIES=[])
    expect("W005", "HOME_COUNTRIES")


def test_w006_no_word_on_what_a_day_may_cost(site: Any):
    set_d7verify(site, SITE_SENDS_PER_DAY=None)
    expect("W006", "SITE_SENDS_PER_DAY")


@pytest.mark.parametrize(
    ("vendor", "level"),
    [
        ("postgresql", SimpleNamespace(name="SERIALIZABLE")),
        ("postgresql", SimpleNamespace(name="REPEATABLE_READ")),
        ("postgresql", 3),
        ("mysql", "repeatable read"),
        ("mysql", "serializable"),
        ("mysql", None),
    ],
    ids=str,
)
def test_w007_a_database_that_does_not_read_what_is_committed(
    site: Any, vendor: str, level: object
):
    site.set_database(vendor, isolation_level=level)
    expect("W007", "DATABASES['default']", "isolation_level")


@pytest.mark.parametrize(
    ("vendor", "options"),
    [
        ("postgresql", {}),
        ("postgresql", {"isolation_level": SimpleNamespace(name="READ_COMMITTED")}),
        ("postgresql", {"isolation_level": 2}),
        ("mysql", {}),
        ("mysql", {"isolation_level": "read committed"}),
        ("mysql", {"isolation_level": "READ COMMITTED"}),
        ("oracle", {"isolation_level": "anything"}),
    ],
    ids=str,
)
def test_w007_is_silent_where_what_is_committed_is_read(
    site: Any, vendor: str, options: dict[str, Any]
):
    site.set_database(vendor, **options)
    assert ids() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**GOOD_SQLITE, "transaction_mode": "DEFERRED"}, "IMMEDIATE"),
        ({**GOOD_SQLITE, "transaction_mode": None}, "IMMEDIATE"),
        ({**GOOD_SQLITE, "timeout": 5}, "timeout"),
        ({**GOOD_SQLITE, "init_command": "PRAGMA journal_mode=DELETE;"}, "WAL"),
        *(
            ({name: GOOD_SQLITE[name] for name in GOOD_SQLITE if name != missing}, missing)
            for missing in GOOD_SQLITE
        ),
    ],
    ids=str,
)
def test_w008_sqlite_without_what_it_needs_for_requests_at_once(
    site: Any, options: dict[str, Any], words: str
):
    site.set_database("sqlite", **options)
    message = expect("W008", "DATABASES['default']", words)
    assert ", no " not in message.msg
    site.DEBUG = True
    assert ids() == []


def test_w008_names_all_that_is_missing_and_is_silent_where_nothing_is(site: Any):
    site.set_database("sqlite")
    expect("W008", "IMMEDIATE", "timeout", "WAL")
    site.set_database("sqlite", **GOOD_SQLITE)
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
def test_w009_a_proxy_whose_address_would_be_everybodys(site: Any, name: str, value: object):
    setattr(site, name, value)
    expect("W009", "TRUSTED_PROXY_COUNT")
    set_d7verify(site, TRUSTED_PROXY_COUNT=1)
    assert ids() == []


@pytest.mark.parametrize("missing", ["REPORT_URL", "REPORT_SECRETS"])
def test_w010_deliveries_that_are_reported_to_nobody(site: Any, missing: str):
    set_d7verify(site, **{missing: ""})
    expect("W010", "'default'", "REPORT_URL")
    verifying = "django_d7verify.gateways.d7.D7VerifyGateway"
    set_d7verify(site, **make_gateways(BACKEND=verifying))
    assert ids() == []


def test_w011_edge_limits_that_are_off(site: Any):
    site.RATELIMIT_ENABLE = False
    expect("W011", "RATELIMIT_ENABLE")


def test_w012_an_old_number_that_cannot_be_told(site: Any):
    verifying = "django_d7verify.gateways.d7.D7VerifyGateway"
    set_d7verify(site, **make_gateways(BACKEND=verifying))
    assert ids() == []
    site.AUTHENTICATION_BACKENDS = ["django_d7verify.backends.PhoneOTPBackend"]
    expect("W012", "TELL_OLD_NUMBER", "D7MessagesGateway")
    set_d7verify(site, TELL_OLD_NUMBER=False)
    assert ids() == []
    set_d7verify(site, TELL_OLD_NUMBER=True, **make_gateways())
    assert ids() == []


def test_i001_requests_in_transactions(site: Any):
    site.set_database("postgresql", atomic=True)
    expect("I001", "ATOMIC_REQUESTS", "non_atomic_requests")


def test_i002_a_trusted_proxy_that_no_other_setting_tells_of(site: Any):
    set_d7verify(site, TRUSTED_PROXY_COUNT=1)
    expect("I002", "TRUSTED_PROXY_COUNT")


def test_i003_limits_that_are_only_observed(site: Any):
    set_d7verify(site, LIMIT_MODES={"site_sends": "observe", "prefix_budget": "enforce"})
    message = expect("I003", "site_sends")
    assert "prefix_budget" not in message.msg


def test_the_real_connection_has_what_the_checks_read(site: Any, monkeypatch: Any):
    monkeypatch.setattr(deployment, "connections", {"default": connection})
    assert ids() == []


def test_warnings_for_production_are_not_said_while_there_are_errors(site: Any):
    set_d7verify(site, HOME_COUNTRIES=[], MAX_ATTEMPTS=0)
    expect("E003", "MAX_ATTEMPTS")


def test_warnings_for_production_are_said_to_check_deploy_only(site: Any):
    set_d7verify(site, HOME_COUNTRIES=[])
    assert run(deploy=False) == []
    assert ids() == ["W005"]


# The ids.

LEVELS = {"E": "error", "W": "warning", "I": "info"}


def find_ids() -> dict[str, str]:
    """Every id in the code, with the name of the class that it is said by."""
    folder = Path(deployment.__file__).parent
    found: dict[str, str] = {}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg == "id":
                        check_id = ast.literal_eval(keyword.value).removeprefix("d7verify.")
                        found[check_id] = ast.unparse(node.func).rpartition(".")[2].lower()
    return found


def test_every_id_has_a_test_of_its_own():
    own = {name.split("_")[1].upper() for name in globals() if re.match(r"test_[ewi]\d{3}_", name)}
    assert own == set(find_ids())


def test_ids_are_numbered_without_gaps_and_say_their_level():
    found = find_ids()
    for letter in LEVELS:
        numbers = sorted(int(check_id[1:]) for check_id in found if check_id[0] == letter)
        assert numbers == [*range(1, len(numbers) + 1)]
    assert {check_id: LEVELS[check_id[0]] for check_id in found} == found


def test_every_id_stands_in_the_readme():
    rows = {read_words(words)[0]: level for words, level, *_ in read_table("Check")}
    assert rows == {f"d7verify.{name}": level for name, level in find_ids().items()}
