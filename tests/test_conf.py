"""The site's settings: one dict, typed, never cached; what a purpose has of its own."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_d7verify import services
from django_d7verify.conf import KEYS, PURPOSE_KEYS, Purpose, Settings, conf
from django_d7verify.exceptions import Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Pin

from .conftest import NUMBER

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def get_type(key: str) -> Any:
    read = getattr(Settings, key).fget
    return typing.get_type_hints(read)["return"]


def is_of(value: Any, kind: Any) -> bool:
    """Whether *value* is of the annotation *kind*, as deep as annotations here go."""
    origin, parts = get_origin(kind) or kind, get_args(kind)
    checks: dict[Any, Callable[[], bool]] = {
        Any: lambda: True,
        Literal: lambda: value in parts,
        UnionType: lambda: any(is_of(value, part) for part in parts),
        tuple: lambda: [*map(type, value)] == [*parts],
        Sequence: lambda: type(value) in {list, tuple} and all(is_of(v, parts[0]) for v in value),
        Mapping: lambda: all(is_of(k, parts[0]) and is_of(v, parts[1]) for k, v in value.items()),
    }
    return checks.get(origin, lambda: type(value) is kind)()


@pytest.mark.parametrize("key", KEYS)
def test_every_default_is_of_the_type_that_is_promised(settings: Any, key: str):
    settings.D7VERIFY = {}
    assert is_of(getattr(conf, key), get_type(key))


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_an_annotated_property_with_words(key: str):
    prop = getattr(Settings, key)
    assert isinstance(prop, property)
    assert len(inspect.getdoc(prop.fget) or "") > 15


@pytest.mark.parametrize("key", [key for key in KEYS if key != "PURPOSES"])
def test_what_the_site_sets_is_what_is_read_and_nothing_is_kept(settings: Any, key: str):
    value = object()
    settings.D7VERIFY = {key: value}
    assert getattr(conf, key) is value
    other = object()
    with override_settings(D7VERIFY={key: other}):
        assert getattr(conf, key) is other
    assert getattr(conf, key) is value
    # Changed in place, as a test or a shell may.
    settings.D7VERIFY[key] = other
    assert getattr(conf, key) is other


def test_a_site_without_the_dict_has_every_default(settings: Any):
    settings.D7VERIFY = {}
    defaults = {key: getattr(conf, key) for key in KEYS}
    del settings.D7VERIFY
    assert {key: getattr(conf, key) for key in KEYS} == defaults
    assert defaults["RESEND_WAIT_SECONDS"] == 60
    assert (defaults["FAILURES_PER_HOUR"], defaults["FAILURES_PER_DAY"]) == (10, 30)


@pytest.mark.parametrize("given", ["text", None, ["RESEND_WAIT_SECONDS"], 1], ids=repr)
def test_what_is_no_dict_is_said_to_be_none(settings: Any, given: object):
    settings.D7VERIFY = given
    with pytest.raises(ImproperlyConfigured, match="must be a dict"):
        _ = conf.MAX_ATTEMPTS


def test_without_gateways_the_console_is_there_under_debug_only(settings: Any):
    settings.D7VERIFY = {}
    assert conf.GATEWAYS == {}
    settings.DEBUG = True
    assert list(conf.GATEWAYS) == ["default"]
    assert conf.GATEWAYS["default"]["BACKEND"].endswith("ConsoleGateway")
    settings.D7VERIFY = {"GATEWAYS": {}}
    assert conf.GATEWAYS == {}


def test_secret_keys_are_djangos_own_unless_the_site_names_others(settings: Any):
    settings.D7VERIFY = {}
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old", "older"]
    assert conf.SECRET_KEYS == ["new", "old", "older"]
    settings.D7VERIFY = {"SECRET_KEYS": ["own"]}
    assert conf.SECRET_KEYS == ["own"]


def test_what_is_djangos_is_read_as_it_is_now(settings: Any):
    assert (conf.edge_cache, conf.expects_proxy, conf.is_debug) == ("default", False, False)
    settings.RATELIMIT_USE_CACHE = "edge"
    settings.USE_X_FORWARDED_HOST = True
    settings.DEBUG = True
    assert (conf.edge_cache, conf.expects_proxy, conf.is_debug) == ("edge", True, True)


def test_a_limit_is_enforced_unless_it_is_said_to_be_observed(settings: Any):
    settings.D7VERIFY = {"LIMIT_MODES": {"site_sends": "observe", "prefix_budget": "enforce"}}
    assert not conf.is_enforced("site_sends")
    assert conf.is_enforced("prefix_budget")
    assert conf.is_enforced("country_budget")


def test_failover_is_what_the_gateway_names(settings: Any):
    settings.D7VERIFY = {"GATEWAYS": {"default": {"FAILOVER": ["sms"]}, "sms": {}}}
    assert (list(conf.get_failover("default")), list(conf.get_failover("sms"))) == (["sms"], [])


# Purposes.

#: What a purpose may have of its own, beside a value for the site that differs.
OWN: dict[str, tuple[Any, Any]] = {
    "PUBLIC": (True, None),
    "GATEWAY": ("sms", None),
    "CONTENT": ("Pay: {}", "Code: {}"),
    "EXPIRY_SECONDS": (90, 120),
    "MAX_RESENDS": (1, 2),
    "MAX_ATTEMPTS": (3, 4),
    "CODE_LENGTH": (8, 7),
    "CODE_ALPHABET": ("alpha", "alphanumeric"),
}


def test_every_key_of_a_purpose_is_a_field_of_what_holds_for_it():
    assert {*OWN} == PURPOSE_KEYS
    assert {key.lower() for key in PURPOSE_KEYS} == {*Purpose.__dataclass_fields__} - {"name"}


@pytest.mark.parametrize("key", sorted(OWN))
def test_a_purposes_own_value_goes_before_the_sites_and_that_before_the_default(
    settings: Any, key: str
):
    own, of_site = OWN[key]
    field = key.lower()
    settings.D7VERIFY = {"PURPOSES": {"pay": {}}}
    default = getattr(conf.get_purpose("pay"), field)
    if of_site is not None:
        settings.D7VERIFY = {key: of_site, "PURPOSES": {"pay": {}}}
        assert getattr(conf.get_purpose("pay"), field) == of_site
    settings.D7VERIFY = {**({key: of_site} if of_site else {}), "PURPOSES": {"pay": {key: own}}}
    assert getattr(conf.get_purpose("pay"), field) == own
    assert getattr(conf.get_purpose("login"), field) == (of_site or default)
    assert len({own, of_site, default}) == 3 if of_site else own != default


def test_the_four_own_purposes_are_always_there_and_only_verify_is_public(settings: Any):
    settings.D7VERIFY = {"PURPOSES": {"pay": {"PUBLIC": True}}}
    public = {name: conf.get_purpose(name).public for name in conf.PURPOSES}
    assert {name for name, is_public in public.items() if is_public} == {"verify", "pay"}
    assert public.keys() == {"verify", "login", "change_phone", "second_factor", "pay"}
    settings.D7VERIFY = {"PURPOSES": {"verify": {"MAX_ATTEMPTS": 3}}}
    # Named anew, it is what it is named: no longer public.
    assert conf.get_purpose("verify").public is False


def test_an_unknown_purpose_is_a_key_error(settings: Any):
    with pytest.raises(KeyError):
        conf.get_purpose("nonsense")


@pytest.mark.django_db
def test_what_a_purpose_sets_holds_for_its_sessions_and_what_guards_a_number_for_all(
    settings: Any,
):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "PURPOSES": {
            "pay": {
                "EXPIRY_SECONDS": 90,
                "MAX_RESENDS": 1,
                "MAX_ATTEMPTS": 2,
                "CODE_LENGTH": 8,
                "CODE_ALPHABET": "alpha",
                "CONTENT": "Pay with {}",
                # A check refuses it; here it must do nothing.
                "RESEND_WAIT_SECONDS": 1,
            }
        },
    }
    otp = services.send_otp(NUMBER, purpose="pay", now=NOW)
    code = str(locmem.outbox[-1].code)
    assert (otp.expiry, otp.attempts_left, otp.resend_after) == (90, 2, 60)
    assert locmem.outbox[-1].text == f"Pay with {code}"
    assert (len(code), code.isalpha()) == (8, True)
    assert OTPSession.objects.get().max_resends == 1
    assert Pin.objects.get().code_length == 8
    with pytest.raises(Throttled) as caught:
        services.send_otp(NUMBER, purpose="login", now=NOW + timedelta(seconds=1))
    assert caught.value.retry_after_seconds == 59


@pytest.mark.django_db
def test_a_setting_that_changes_between_two_calls_holds_for_the_second(settings: Any):
    services.send_otp(NUMBER, now=NOW)
    later = NOW + timedelta(seconds=60)
    settings.D7VERIFY = {**settings.D7VERIFY, "SENDS_PER_HOUR": 1}
    with pytest.raises(Throttled):
        services.send_otp(NUMBER, now=later)
    settings.D7VERIFY = {**settings.D7VERIFY, "SENDS_PER_HOUR": 5, "MAX_ATTEMPTS": 2}
    assert services.send_otp(NUMBER, now=later).attempts_left == 2
