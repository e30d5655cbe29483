"""Turning to another gateway where the first surely did not send, and leaving a dead one alone."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_d7verify import services, signals
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import (
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    InvalidCode,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import breaker as breaker_module
from django_d7verify.gateways import get_gateway, locmem
from django_d7verify.gateways.breaker import Breaker
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.services import OTP
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .conftest import NUMBER
from .contract.wires import (
    IMPATIENT,
    KINDS,
    NETWORKED,
    make_gateway_settings,
    make_wrong,
)
from .parallel import run_at_once

pytestmark = pytest.mark.django_db

#: By fault: the reason that is kept of it. Nothing left, and another gateway may do better.
NOT_SENT = {
    "refuse": GatewayReason.OTHER,
    "unauthorized": ConfigurationError.code,
    "forbidden": ConfigurationError.code,
    "no_credit": GatewayReason.NO_CREDIT,
    "too_many": GatewayReason.RATE_LIMITED,
    "rejected": GatewayReason.OTHER,
}
UNCERTAIN = ["reset", "slow", "stall", "cut_body", "trickled_headers", "server_error", "not_json",
             "redirect"]  # fmt: skip


class Site:
    """A site with a first gateway and others to turn to; its clock stands until it is moved."""

    def __init__(self, settings: Any, emulator: Emulator) -> None:
        self.emulator = emulator
        self.now: datetime = timezone.now()
        self._settings = settings

    def set_up(self, first: str, *others: str, **options: Any) -> None:
        """Gateways by name: *first* is ``default``, the others ``second`` and ``third``."""
        aliases = ["default", "second", "third"]
        gateways = {
            alias: make_gateway_settings(name, self.emulator, **(options if index == 0 else {}))
            for index, (alias, name) in enumerate(zip(aliases, (first, *others), strict=False))
        }
        gateways["default"]["FAILOVER"] = [alias for alias in gateways if alias != "default"]
        self.set(GATEWAYS=gateways)

    def set(self, **values: Any) -> None:
        self._settings.D7VERIFY = {**self._settings.D7VERIFY, **values}

    def fail(self, fault: str, path: str, times: int = 1) -> None:
        options: dict[str, Any] = {
            "refuse": {"seconds": 60},
            "trickled_headers": {"interval_seconds": 0.05},
        }.get(fault, {})
        self.emulator.add_fault(fault, path, times, **options)

    def send(self, **options: Any) -> OTP:
        return services.send_otp(NUMBER, now=self.now, **options)

    def resend(self, otp: OTP) -> OTP:
        return services.resend_otp(otp.otp_id, now=self.now)

    def approves(self, otp: OTP, code: str) -> bool:
        return services.verify_otp(otp.otp_id, code, now=self.now).approved

    def newest_code(self) -> str:
        return str(self.emulator.messages(NUMBER)[-1]["code"])

    def count(self, name: str) -> int:
        """Calls of the send path of the gateway *name*."""
        return len(self.emulator.calls(KINDS[name].send_path))

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.emulator.advance_clock(seconds)


@pytest.fixture
def site(settings: Any, emulator: Emulator) -> Site:
    return Site(settings, emulator)


def get_events() -> list[tuple[str, str, str]]:
    """What happened, through which gateway, and why."""
    return list(Event.objects.order_by("pk").values_list("kind", "gateway", "reason"))


# When another is tried, and when not.


@pytest.mark.parametrize("fault", NOT_SENT)
@pytest.mark.parametrize("first", NETWORKED)
def test_another_gateway_is_tried_where_the_first_surely_did_not_send(
    site: Site, first: str, fault: str
) -> None:
    site.set_up(first, "LocMemGateway")
    site.fail(fault, KINDS[first].send_path)
    otp = site.send()
    assert otp.status == SessionStatus.OPEN
    assert site.emulator.messages() == []
    [message] = locmem.outbox
    assert get_events() == [
        (EventKind.NOT_SENT, "default", NOT_SENT[fault]),
        (EventKind.SENT, "second", ""),
    ]
    pin = Pin.objects.get()
    assert (pin.status, pin.gateway, pin.generation) == (PinStatus.SENT, "second", 1)
    assert (pin.code_alphabet, pin.reference) == ("numeric", "locmem-1")
    asked = len(site.emulator.calls())
    assert not site.approves(otp, make_wrong(str(message.code)))
    assert site.approves(otp, str(message.code))
    assert len(site.emulator.calls()) == asked


@pytest.mark.parametrize("fault", UNCERTAIN)
@pytest.mark.parametrize("first", NETWORKED)
def test_no_other_gateway_is_tried_where_nobody_knows_whether_the_first_sent(
    site: Site, first: str, fault: str
) -> None:
    site.set_up(first, "LocMemGateway", **IMPATIENT.get(fault, {}))
    site.fail(fault, KINDS[first].send_path)
    with pytest.raises(GatewayUncertain):
        site.send()
    assert locmem.outbox == []
    assert [kind for kind, _, _ in get_events()] == [EventKind.SEND_UNCERTAIN]
    assert Pin.objects.get().gateway == "default"


@pytest.mark.parametrize("first", NETWORKED)
def test_no_other_gateway_is_tried_for_a_number_that_the_first_calls_invalid(
    site: Site, first: str
) -> None:
    site.set_up(first, "LocMemGateway")
    site.fail("invalid", KINDS[first].send_path)
    with pytest.raises(GatewayRefused) as caught:
        site.send()
    assert caught.value.reason == GatewayReason.INVALID_RECIPIENT
    assert locmem.outbox == []
    assert OTPSession.objects.get().status == SessionStatus.FAILED


def test_no_other_gateway_is_tried_for_a_resend_that_the_first_finds_too_frequent(
    site: Site,
) -> None:
    site.set_up("D7VerifyGateway", "LocMemGateway", retry_delay_seconds=100)
    otp = site.send()
    site.advance(60)
    with pytest.raises(Throttled) as caught:
        site.resend(otp)
    assert caught.value.retry_after_seconds == 10
    assert locmem.outbox == []
    assert get_events()[-1] == (EventKind.NOT_SENT, "default", GatewayReason.TOO_FREQUENT)


def test_without_failover_no_other_gateway_is_tried(site: Site) -> None:
    site.set_up("D7MessagesGateway", "LocMemGateway")
    gateways = {alias: dict(value) for alias, value in site._settings.D7VERIFY["GATEWAYS"].items()}
    del gateways["default"]["FAILOVER"]
    site.set(GATEWAYS=gateways)
    site.fail("no_credit", KINDS["D7MessagesGateway"].send_path)
    with pytest.raises(GatewayRefused):
        site.send()
    assert locmem.outbox == []


def test_all_are_tried_in_their_order_until_one_sends(site: Site) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway", "D7MessagesGateway")
    site.fail("no_credit", KINDS["D7VerifyGateway"].send_path)
    site.fail("too_many", KINDS["MessengerSMSGateway"].send_path)
    otp = site.send()
    assert [(kind, gateway) for kind, gateway, _ in get_events()] == [
        (EventKind.NOT_SENT, "default"),
        (EventKind.NOT_SENT, "second"),
        (EventKind.SENT, "third"),
    ]
    assert site.approves(otp, site.newest_code())


def test_an_uncertain_end_on_the_way_ends_it(site: Site) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway", "LocMemGateway")
    site.fail("no_credit", KINDS["D7VerifyGateway"].send_path)
    site.fail("cut_body", KINDS["MessengerSMSGateway"].send_path)
    with pytest.raises(GatewayUncertain) as caught:
        site.send()
    assert locmem.outbox == []
    otp = services.get_otp(str(caught.value.otp_id), now=site.now)
    # Its code is ours, and came.
    assert site.approves(otp, site.newest_code())


def test_where_none_sends_the_last_error_is_told_and_all_is_given_back(site: Site) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway")
    site.fail("no_credit", KINDS["D7VerifyGateway"].send_path)
    site.fail("too_many", KINDS["MessengerSMSGateway"].send_path)
    with pytest.raises(GatewayUnreachable) as caught:
        site.send()
    assert caught.value.reason == GatewayReason.RATE_LIMITED
    assert OTPSession.objects.get().status == SessionStatus.FAILED
    assert Pin.objects.get().status == PinStatus.NOT_SENT
    assert [kind for kind, _, _ in get_events()] == [EventKind.NOT_SENT] * 2
    # At once, and to the first.
    otp = site.send()
    assert Pin.objects.latest("pk").gateway == "default"
    assert site.approves(otp, site.newest_code())


def test_a_send_through_several_gateways_is_charged_once(site: Site) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway", "LocMemGateway")
    for name in ("D7VerifyGateway", "MessengerSMSGateway"):
        site.fail("no_credit", KINDS[name].send_path)
    site.send()
    recipient = Recipient.objects.get()
    site.set_up("LocMemGateway")
    Recipient.objects.update(next_send=0, sends_hour=0, sends_day=0)
    site.send()
    once = Recipient.objects.get()
    assert (recipient.sends_hour, recipient.sends_day) == (once.sends_hour, once.sends_day)


def test_what_is_reported_of_a_rerouted_send_is_its_end(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def note(signal: object, **_kwargs: object) -> None:
        told.append("sent" if signal is signals.otp_sent else "failed")

    site.set_up("D7VerifyGateway", "LocMemGateway")
    site.fail("no_credit", KINDS["D7VerifyGateway"].send_path)
    for signal in (signals.otp_sent, signals.otp_send_failed):
        signal.connect(note, dispatch_uid="failover")
    try:
        with caplog.at_level(logging.WARNING, logger="django_d7verify"):
            site.send()
    finally:
        for signal in (signals.otp_sent, signals.otp_send_failed):
            signal.disconnect(dispatch_uid="failover")
    assert told == ["sent"]
    assert "default did not send, second is tried" in caplog.text
    assert NUMBER[1:] not in caplog.text


def test_an_alias_that_does_not_exist_is_noticed_before_anything_is_written(site: Site) -> None:
    site.set_up("D7VerifyGateway")
    gateways = {**site._settings.D7VERIFY["GATEWAYS"]}
    gateways["default"] = {**gateways["default"], "FAILOVER": ["nowhere"]}
    site.set(GATEWAYS=gateways)
    with pytest.raises(ConfigurationError, match="nowhere"):
        site.send()
    assert OTPSession.objects.count() == 0
    assert site.emulator.calls() == []


# Who made the code.


def test_a_successor_with_a_fixed_life_caps_the_expiry(site: Site) -> None:
    site.set_up("D7MessagesGateway", "Messenger2FAGateway")
    site.fail("no_credit", KINDS["D7MessagesGateway"].send_path)
    otp = site.send()
    assert otp.expiry == 300
    assert Pin.objects.get().expires_at == site.now + timedelta(seconds=300)
    sent_at, code = site.now, site.newest_code()
    site.now = sent_at + timedelta(seconds=300)
    assert services.get_otp(otp.otp_id, now=site.now).expiry == 0
    with pytest.raises(SessionClosed):
        site.approves(otp, code)
    assert OTPSession.objects.get().attempts == 0
    site.now = sent_at + timedelta(seconds=299)
    assert services.get_otp(otp.otp_id, now=site.now).expiry == 1
    assert site.approves(otp, code)


def test_a_successor_with_a_longer_life_keeps_to_the_promise_of_the_first(site: Site) -> None:
    site.set_up("Messenger2FAGateway", "D7MessagesGateway")
    site.fail("no_credit", KINDS["Messenger2FAGateway"].send_path)
    otp = site.send()
    assert otp.expiry == 300
    assert Pin.objects.get().expires_at == site.now + timedelta(seconds=300)
    site.now += timedelta(seconds=300)
    with pytest.raises(SessionClosed):
        site.approves(otp, site.newest_code())


PAIRS = [
    ("D7VerifyGateway", "MessengerSMSGateway"),
    ("Messenger2FAGateway", "D7MessagesGateway"),
    ("D7MessagesGateway", "Messenger2FAGateway"),
    ("MessengerSMSGateway", "D7VerifyGateway"),
    ("D7VerifyGateway", "Messenger2FAGateway"),
    ("Messenger2FAGateway", "D7VerifyGateway"),
]


@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_a_code_is_checked_by_whoever_made_it_after_a_failover(
    site: Site, pair: tuple[str, str]
) -> None:
    first, second = pair
    site.set_up(first, second)
    site.fail("no_credit", KINDS[first].send_path)
    otp = site.send()
    code = site.newest_code()
    pin = Pin.objects.get()
    assert (pin.gateway, pin.digest == "") == ("second", get_gateway("second").makes_codes)
    assert not site.approves(otp, make_wrong(code))
    assert site.approves(otp, code)
    asked = {name: len(site.emulator.calls(KINDS[name].verify_path or "/none")) for name in pair}
    assert asked == {first: 0, second: 2 * get_gateway("second").makes_codes}


@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_a_resend_after_a_failover_goes_back_to_the_first_gateway_and_works(
    site: Site, pair: tuple[str, str]
) -> None:
    first, second = pair
    site.set_up(first, second)
    site.fail("no_credit", KINDS[first].send_path)
    otp = site.send()
    old = site.newest_code()
    site.advance(60)
    assert site.resend(otp).resend_count == 1
    assert (site.count(first), site.count(second)) == (2, 1)
    assert Pin.objects.latest("pk").gateway == "default"
    new = site.newest_code()
    assert not site.approves(otp, make_wrong(new))
    # Letters are no code where the newest one has digits.
    with suppress(InvalidCode):
        assert not site.approves(otp, old)
    assert site.approves(otp, new)


@pytest.mark.parametrize("pair", PAIRS, ids="-to-".join)
def test_a_resend_may_turn_to_another_gateway_and_the_next_back_again(
    site: Site, pair: tuple[str, str]
) -> None:
    first, second = pair
    site.set_up(first, second)
    otp = site.send()
    site.advance(60)
    site.fail("no_credit", KINDS[first].resend_path or KINDS[first].send_path)
    site.resend(otp)
    gateways = Pin.objects.order_by("pk").values_list("gateway", flat=True)
    assert list(gateways) == ["default", "second"]
    assert not site.approves(otp, make_wrong(site.newest_code()))
    site.advance(60)
    assert site.resend(otp).resend_count == 2
    assert list(gateways.all()) == ["default", "second", "default"]
    assert site.approves(otp, site.newest_code())


def test_where_no_gateway_resends_the_session_and_its_code_are_as_they_were(site: Site) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway")
    otp = site.send()
    before = OTPSession.objects.get()
    site.advance(60)
    site.fail("no_credit", KINDS["D7VerifyGateway"].resend_path)
    site.fail("no_credit", KINDS["MessengerSMSGateway"].send_path)
    with pytest.raises(GatewayRefused):
        site.resend(otp)
    after = OTPSession.objects.get()
    assert (after.status, after.resend_count) == (SessionStatus.OPEN, 0)
    assert after.expires_at == before.expires_at
    assert site.approves(otp, site.newest_code())


@pytest.mark.parametrize("typed", ["newer, ours", "older, the provider's"])
def test_a_code_of_ours_and_one_of_the_providers_work_while_the_newer_is_uncertain(
    site: Site, typed: str
) -> None:
    site.set_up("D7VerifyGateway", "MessengerSMSGateway")
    otp = site.send()
    made_by_d7 = site.newest_code()
    site.advance(60)
    site.fail("no_credit", KINDS["D7VerifyGateway"].resend_path)
    site.fail("cut_body", KINDS["MessengerSMSGateway"].send_path)
    with pytest.raises(GatewayUncertain):
        site.resend(otp)
    ours = site.newest_code()
    assert not site.approves(otp, make_wrong(ours))
    assert site.approves(otp, ours if "ours" in typed else made_by_d7)


# The breaker.


class Monotonic:
    """In the place of ``time`` in the breaker's module: a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr(breaker_module, "time", clock)
    return clock


@pytest.fixture
def guarded(site: Site, monotonic: Monotonic) -> Site:
    """One D7 gateway that is left alone for 30 s after 3 failures in a row."""
    site.set(BREAKER_FAILURES=3, BREAKER_SECONDS=30, SENDS_PER_HOUR=60, SENDS_PER_DAY=99)
    site.set_up("D7VerifyGateway")
    return site


SEND_PATH = KINDS["D7VerifyGateway"].send_path


def fail_to_send(site: Site, fault: str, times: int = 1) -> None:
    for _ in range(times):
        site.fail(fault, SEND_PATH)
        with pytest.raises((D7VerifyError, ConfigurationError)):
            site.send()
        site.advance(60)


@pytest.mark.parametrize("fault", ["too_many", "server_error", "not_json", "reset", "cut_body"])
def test_after_failures_in_a_row_no_call_is_made_and_the_number_pays_nothing(
    guarded: Site, fault: str
) -> None:
    fail_to_send(guarded, fault, times=3)
    called = len(guarded.emulator.calls())
    for _ in range(2):
        with pytest.raises(GatewayUnreachable) as caught:
            guarded.send()
        assert caught.value.reason == GatewayReason.BREAKER_OPEN
        assert caught.value.retry_after_seconds == 30
    assert len(guarded.emulator.calls()) == called
    assert get_events()[-1] == (EventKind.NOT_SENT, "default", GatewayReason.BREAKER_OPEN)
    assert OTPSession.objects.latest("created_at").status == SessionStatus.FAILED


def test_a_closed_door_opens_the_breaker_too(guarded: Site) -> None:
    for _ in range(3):
        guarded.fail("refuse", "")
        with pytest.raises(GatewayUnreachable) as caught:
            guarded.send()
        assert caught.value.reason == GatewayReason.OTHER
    guarded.emulator.stop_refusing()
    with pytest.raises(GatewayUnreachable) as caught:
        guarded.send()
    assert caught.value.reason == GatewayReason.BREAKER_OPEN
    assert guarded.emulator.calls() == []


def test_one_failure_fewer_leaves_the_breaker_closed(guarded: Site) -> None:
    fail_to_send(guarded, "server_error", times=2)
    guarded.send()
    guarded.advance(60)
    # And a call that was answered begins the row anew.
    fail_to_send(guarded, "server_error", times=2)
    assert guarded.send().status == SessionStatus.OPEN


def test_how_many_failures_open_it_is_read_at_each_of_them(guarded: Site) -> None:
    guarded.send()
    guarded.advance(60)
    guarded.set(BREAKER_FAILURES=1, BREAKER_SECONDS=7)
    fail_to_send(guarded, "server_error")
    with pytest.raises(GatewayUnreachable) as caught:
        guarded.send()
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("fault", ["unauthorized", "forbidden", "no_credit", "invalid", "rejected"])
def test_a_provider_that_refuses_is_there_and_never_opens_the_breaker(
    guarded: Site, fault: str
) -> None:
    fail_to_send(guarded, fault, times=4)
    fail_to_send(guarded, "server_error", times=2)
    fail_to_send(guarded, fault)
    fail_to_send(guarded, "server_error", times=2)
    assert guarded.send().status == SessionStatus.OPEN


def test_after_its_time_one_call_is_let_through_and_closes_it_where_it_is_answered(
    guarded: Site, monotonic: Monotonic
) -> None:
    fail_to_send(guarded, "server_error", times=3)
    monotonic.now += 29.9
    with pytest.raises(GatewayUnreachable) as caught:
        guarded.send()
    assert caught.value.retry_after_seconds == 1
    monotonic.now += 0.2
    otp = guarded.send()
    assert guarded.approves(otp, guarded.newest_code())
    guarded.advance(60)
    fail_to_send(guarded, "server_error", times=2)
    assert guarded.send().status == SessionStatus.OPEN


def test_a_trial_without_an_answer_opens_it_for_as_long_again(
    guarded: Site, monotonic: Monotonic
) -> None:
    fail_to_send(guarded, "server_error", times=3)
    monotonic.now += 31
    fail_to_send(guarded, "server_error")
    called = guarded.count("D7VerifyGateway")
    assert called == 4
    monotonic.now += 29
    with pytest.raises(GatewayUnreachable):
        guarded.send()
    assert guarded.count("D7VerifyGateway") == called


def test_while_the_trial_lasts_no_other_call_is_made(site: Site, monotonic: Monotonic) -> None:
    site.set(BREAKER_FAILURES=1)
    breaker = Breaker("default")
    with pytest.raises(GatewayUncertain), breaker:
        raise GatewayUncertain("No answer.")
    monotonic.now += 31
    with breaker, pytest.raises(GatewayUnreachable), breaker:
        pytest.fail("A second trial was let through.")
    with breaker:
        pass


def test_of_twenty_calls_at_once_to_a_breaker_after_its_time_one_is_the_trial(
    site: Site, monotonic: Monotonic
) -> None:
    site.set(BREAKER_FAILURES=1)
    breaker = Breaker("default")
    with pytest.raises(GatewayUncertain), breaker:
        raise GatewayUncertain("No answer.")
    monotonic.now += 31
    made: list[int] = []

    def call(index: int) -> None:
        with breaker:
            made.append(index)
            raise GatewayUncertain("No answer.")

    outcomes = run_at_once(20, call)
    assert outcomes == {"GatewayUncertain": 1, "GatewayUnreachable": 19}
    assert len(made) == 1


def test_an_open_breaker_sends_by_the_next_gateway_without_a_call_to_the_first(
    guarded: Site,
) -> None:
    guarded.set_up("D7VerifyGateway", "LocMemGateway")
    fail_to_send(guarded, "server_error", times=3)
    called = len(guarded.emulator.calls())
    otp = guarded.send()
    assert len(guarded.emulator.calls()) == called
    assert get_events()[-2:] == [
        (EventKind.NOT_SENT, "default", GatewayReason.BREAKER_OPEN),
        (EventKind.SENT, "second", ""),
    ]
    assert guarded.approves(otp, str(locmem.outbox[-1].code))


def test_the_breaker_of_one_gateway_leaves_the_others_alone(guarded: Site) -> None:
    guarded.set_up("D7VerifyGateway", "D7MessagesGateway")
    fail_to_send(guarded, "server_error", times=3)
    otp = guarded.send(gateway="second")
    assert guarded.approves(otp, guarded.newest_code())


def test_an_open_breaker_takes_no_code_and_counts_none(guarded: Site) -> None:
    otp = guarded.send()
    code = guarded.newest_code()
    path = KINDS["D7VerifyGateway"].verify_path
    guarded.fail("too_many", path, times=3)
    for _ in range(3):
        with pytest.raises(GatewayUnreachable):
            guarded.approves(otp, code)
    with pytest.raises(GatewayUnreachable) as caught:
        guarded.approves(otp, code)
    assert caught.value.reason == GatewayReason.BREAKER_OPEN
    assert len(guarded.emulator.calls(path)) == 3
    assert OTPSession.objects.get().attempts == 0
    assert get_events()[-1] == (EventKind.NOT_COMPARED, "default", GatewayReason.BREAKER_OPEN)


def test_a_code_of_ours_is_taken_whatever_the_breaker(guarded: Site) -> None:
    guarded.set_up("D7MessagesGateway")
    otp = guarded.send()
    code = guarded.newest_code()
    guarded.advance(60)
    for _ in range(3):
        guarded.fail("too_many", KINDS["D7MessagesGateway"].send_path)
        with pytest.raises(GatewayUnreachable):
            guarded.resend(otp)
    with pytest.raises(GatewayUnreachable, match="breaker"):
        guarded.resend(otp)
    assert guarded.approves(otp, code)


def test_a_poll_is_no_call_either_while_the_breaker_is_open(guarded: Site) -> None:
    guarded.set_up("D7MessagesGateway")
    guarded.send()
    guarded.fail("server_error", "/report/v1/message-log", times=3)
    for _ in range(3):
        assert services.poll_deliveries(now=guarded.now)["failed"] == 1
    called = len(guarded.emulator.calls())
    assert services.poll_deliveries(now=guarded.now)["failed"] == 1
    assert len(guarded.emulator.calls()) == called
