"""Every fault of a provider, on every gateway that has one: one error, and rows that say it."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.exceptions import (
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    SessionClosed,
    Throttled,
)
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .wires import ASKING, NETWORKED, Wire, make_wrong, wait_for

pytestmark = pytest.mark.django_db

networked = pytest.mark.parametrize("wire", NETWORKED, indirect=True)
asking = pytest.mark.parametrize("wire", ASKING, indirect=True)

#: By fault: the error, and the reason that the event gives. It was surely not done.
NOT_DONE: dict[str, tuple[type[Exception], str]] = {
    "refuse": (GatewayUnreachable, GatewayReason.OTHER),
    "unauthorized": (ConfigurationError, ConfigurationError.code),
    "forbidden": (ConfigurationError, ConfigurationError.code),
    "no_credit": (GatewayRefused, GatewayReason.NO_CREDIT),
    "invalid": (GatewayRefused, GatewayReason.INVALID_RECIPIENT),
    "too_many": (GatewayUnreachable, GatewayReason.RATE_LIMITED),
}
#: A 200 that says no. To a code that is checked it is D7's word for a wrong one (C9).
REJECTED = {"rejected": (GatewayRefused, GatewayReason.OTHER)}
#: By fault: its name and options, and whether the provider did what was asked. We cannot know.
UNCERTAIN: dict[str, tuple[str, dict[str, Any], bool]] = {
    "reset": ("reset", {}, False),
    "slow": ("slow", {"seconds": 2}, True),
    "stall": ("stall", {}, True),
    "cut body": ("cut_body", {}, True),
    "trickled headers": ("trickled_headers", {"interval_seconds": 0.05}, True),
    "server error": ("server_error", {}, False),
    "server error after acting": ("server_error", {"act": True}, True),
    "not JSON": ("not_json", {}, False),
    "not JSON after acting": ("not_json", {"act": True}, True),
    "redirect": ("redirect", {}, False),
}


def fail_next(wire: Wire, name: str, path: str, **options: Any) -> None:
    """Let the next call to *path* fail; "refuse" closes the provider's door altogether."""
    if name == "refuse":
        options = {"seconds": 60}
    wire.emulator.add_fault(name, path, **options)


def recover(wire: Wire) -> None:
    wire.emulator.clear_faults()
    wire.emulator.stop_refusing()


def lose(wire: Wire, fault: str, path: str, call: Any) -> GatewayUncertain:
    """Make *call* while *fault* keeps its answer back; the provider is done with it after."""
    name, options, _acts = UNCERTAIN[fault]
    before = wire.calls(path)
    fail_next(wire, name, path, **options)
    with wire.impatient(name), pytest.raises(D7VerifyError) as caught:
        call()
    assert type(caught.value) is GatewayUncertain
    wait_for(lambda: wire.calls(path) == before + 1)
    return caught.value


def get_counts() -> dict[str, int]:
    """What the limits of the recipient have taken so far, in microseconds."""
    recipient = Recipient.objects.get()
    return {
        name: getattr(recipient, name)
        for name in ("sends_hour", "sends_day", "failures_hour", "failures_day")
    }


@networked
@pytest.mark.parametrize("fault", [*NOT_DONE, *REJECTED])
def test_a_send_that_surely_failed_is_one_error_and_can_be_repeated_at_once(
    wire: Wire, fault: str
) -> None:
    expected, reason = (NOT_DONE | REJECTED)[fault]
    fail_next(wire, fault, wire.kind.send_path)
    with pytest.raises((D7VerifyError, ConfigurationError)) as caught:
        wire.send()
    assert type(caught.value) is expected
    assert getattr(caught.value, "reason", reason) == reason
    if fault == "too_many":
        assert caught.value.retry_after_seconds == 7

    assert wire.codes() == []
    failed, pin, event = OTPSession.objects.get(), Pin.objects.get(), Event.objects.get()
    assert (failed.status, failed.salt, pin.status) == ("FAILED", "", PinStatus.NOT_SENT)
    assert (event.kind, event.reason, event.gateway) == (EventKind.NOT_SENT, reason, "default")
    with pytest.raises(SessionClosed):
        services.verify_otp(failed.otp_id, "123456", now=wire.now)

    recover(wire)
    otp = wire.send()
    assert wire.verify(otp, wire.newest_code()).approved
    assert len(wire.codes()) == 1


@networked
@pytest.mark.parametrize("fault", ["refuse", "no_credit"])
def test_failed_sends_cost_the_number_nothing_however_many_they_are(wire: Wire, fault: str) -> None:
    for _ in range(4):
        fail_next(wire, fault, wire.kind.send_path)
        with pytest.raises((D7VerifyError, ConfigurationError)):
            wire.send()
        recover(wire)
    wire.send()
    after_failures = get_counts()
    Recipient.objects.all().update(next_send=0, sends_hour=0, sends_day=0)
    wire.send()
    fresh = get_counts()
    # A claim that is given back leaves the arrival time at the instant, and not in the past.
    assert after_failures == fresh


@networked
@pytest.mark.parametrize("fault", UNCERTAIN)
def test_a_send_without_an_answer_is_uncertain_holds_the_sixty_seconds_and_strands_nobody(
    wire: Wire, fault: str
) -> None:
    acts = UNCERTAIN[fault][2]
    error = lose(wire, fault, wire.kind.send_path, wire.send)
    session, pin, event = OTPSession.objects.get(), Pin.objects.get(), Event.objects.get()
    assert (error.otp_id, error.retry_after_seconds) == (str(session.otp_id), 60)
    assert (session.status, pin.status) == (SessionStatus.OPEN, PinStatus.UNCERTAIN)
    assert event.kind == EventKind.SEND_UNCERTAIN
    assert len(wire.codes()) == acts
    otp = services.get_otp(session.otp_id, now=wire.now)
    assert (otp.status, otp.resend_after) == (SessionStatus.OPEN, 60)
    for again in (wire.send, lambda: wire.resend(otp)):
        with pytest.raises(Throttled):
            again()
    if wire.gateway.makes_codes:
        # Nobody knows what the provider calls it: nothing is asked and nothing counted.
        with pytest.raises(SessionClosed):
            wire.verify(otp, "123456")
        assert wire.calls(wire.kind.verify_path) == 0
        assert OTPSession.objects.get().attempts == 0
    assert (len(wire.codes()), wire.calls(wire.kind.send_path)) == (acts, 1)
    wire.advance(60)
    assert wire.resend(otp).resend_count == 1
    assert len(wire.codes()) == acts + 1
    assert wire.verify(otp, wire.newest_code()).approved


@networked
def test_a_code_of_ours_that_came_without_an_answer_is_taken(wire: Wire) -> None:
    error = lose(wire, "cut body", wire.kind.send_path, wire.send)
    otp = services.get_otp(str(error.otp_id), now=wire.now)
    if wire.gateway.makes_codes:
        with pytest.raises(SessionClosed):
            wire.verify(otp, wire.newest_code())
    else:
        assert wire.verify(otp, wire.newest_code()).approved


@networked
@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_resend_that_surely_failed_leaves_the_session_and_its_code_as_they_were(
    wire: Wire, fault: str
) -> None:
    expected, reason = NOT_DONE[fault]
    otp = wire.send()
    wire.advance(60)
    before = OTPSession.objects.get()
    fail_next(wire, fault, wire.kind.resend_path or wire.kind.send_path)
    with pytest.raises((D7VerifyError, ConfigurationError)) as caught:
        wire.resend(otp)
    assert type(caught.value) is expected
    after = OTPSession.objects.get()
    assert (after.status, after.resend_count) == (SessionStatus.OPEN, 0)
    assert after.expires_at == before.expires_at
    assert list(Pin.objects.order_by("generation").values_list("status", flat=True)) == [
        PinStatus.SENT,
        PinStatus.NOT_SENT,
    ]
    assert Event.objects.latest("pk").reason == reason
    recover(wire)
    assert wire.resend(otp).resend_count == 1
    assert wire.verify(otp, wire.newest_code()).approved


@networked
@pytest.mark.parametrize("fault", NOT_DONE)
def test_the_code_before_a_resend_that_surely_failed_still_works(wire: Wire, fault: str) -> None:
    otp = wire.send()
    wire.advance(60)
    fail_next(wire, fault, wire.kind.resend_path or wire.kind.send_path)
    with pytest.raises((D7VerifyError, ConfigurationError)):
        wire.resend(otp)
    recover(wire)
    assert wire.verify(otp, wire.newest_code()).approved


@networked
def test_a_resend_that_is_rejected_is_begun_anew_where_resending_is_a_call_of_its_own(
    wire: Wire,
) -> None:
    otp = wire.send()
    wire.advance(60)
    fail_next(wire, "rejected", wire.kind.resend_path or wire.kind.send_path)
    if wire.kind.resend_path:
        # Its session there is over, whatever the provider's words for it.
        assert wire.resend(otp).resend_count == 1
        assert wire.calls(wire.kind.send_path) == 2
    else:
        with pytest.raises(GatewayRefused):
            wire.resend(otp)
    assert wire.verify(otp, wire.newest_code()).approved


@networked
@pytest.mark.parametrize("fault", ["reset", "stall", "server error after acting"])
def test_a_resend_without_an_answer_keeps_its_count_and_strands_nobody(
    wire: Wire, fault: str
) -> None:
    otp = wire.send()
    wire.advance(60)
    path = wire.kind.resend_path or wire.kind.send_path
    error = lose(wire, fault, path, lambda: wire.resend(otp))
    assert error.otp_id == otp.otp_id
    session = OTPSession.objects.get()
    assert (session.status, session.resend_count) == (SessionStatus.OPEN, 1)
    assert Pin.objects.latest("pk").status == PinStatus.UNCERTAIN
    with pytest.raises(Throttled):
        wire.resend(otp)
    wire.advance(60)
    assert wire.resend(otp).resend_count == 2
    assert wire.verify(otp, wire.newest_code()).approved


@networked
@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_check_that_was_surely_not_made_is_one_error_and_not_counted(
    wire: Wire, fault: str
) -> None:
    expected, reason = NOT_DONE[fault]
    otp = wire.send()
    code = wire.newest_code()
    before = get_counts()
    fail_next(wire, fault, wire.kind.verify_path)
    if not wire.gateway.makes_codes:
        # Our own code is compared here: whatever befalls the provider does not matter.
        asked = len(wire.emulator.calls())
        assert wire.verify(otp, code).approved
        assert len(wire.emulator.calls()) == asked
        return
    with pytest.raises((D7VerifyError, ConfigurationError)) as caught:
        wire.verify(otp, code)
    assert type(caught.value) is expected
    session = OTPSession.objects.get()
    assert (session.status, session.attempts, session.unanswered) == (SessionStatus.OPEN, 0, "")
    event = Event.objects.latest("pk")
    assert (event.kind, event.reason) == (EventKind.NOT_COMPARED, reason)
    after = get_counts()
    assert after["sends_hour"] == before["sends_hour"]
    recover(wire)
    assert wire.verify(otp, code).approved


@asking
@pytest.mark.parametrize("fault", ["unauthorized", "no_credit"])
def test_checks_that_were_not_made_never_lock_the_number(wire: Wire, fault: str) -> None:
    otp = wire.send()
    for _ in range(12):
        fail_next(wire, fault, wire.kind.verify_path)
        with pytest.raises((D7VerifyError, ConfigurationError)):
            wire.verify(otp, wire.newest_code())
    assert OTPSession.objects.get().attempts == 0
    assert wire.verify(otp, wire.newest_code()).approved


@asking
@pytest.mark.parametrize("fault", UNCERTAIN)
def test_a_check_whose_answer_is_lost_is_counted_and_only_that_code_approves_next(
    wire: Wire, fault: str
) -> None:
    otp = wire.send()
    code = wire.newest_code()
    error = lose(wire, fault, wire.kind.verify_path, lambda: wire.verify(otp, code))
    assert error.otp_id == otp.otp_id
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == (SessionStatus.OPEN, 1)
    assert code not in session.unanswered
    generation, _, digest = session.unanswered.partition(":")
    assert (generation, len(digest)) == ("1", 64)
    assert Event.objects.latest("pk").kind == EventKind.ANSWER_LOST
    assert not wire.verify(otp, make_wrong(code)).approved
    result = wire.verify(otp, code)
    assert (result.approved, result.status) == (True, SessionStatus.APPROVED)
    assert OTPSession.objects.get().unanswered == ""


@asking
@pytest.mark.parametrize("fault", ["reset", "stall", "cut body"])
def test_no_answer_to_a_wrong_code_approves_it_later(wire: Wire, fault: str) -> None:
    otp = wire.send()
    wrong = make_wrong(wire.newest_code())
    lose(wire, fault, wire.kind.verify_path, lambda: wire.verify(otp, wrong))
    assert not wire.verify(otp, wrong).approved
    assert OTPSession.objects.get().attempts == 2
    assert wire.verify(otp, wire.newest_code()).approved


@networked
def test_a_provider_that_is_slow_within_the_time_limits_is_no_failure(wire: Wire) -> None:
    for path in filter(None, (wire.kind.send_path, wire.kind.verify_path)):
        wire.emulator.add_fault("slow", path, seconds=0.05)
    otp = wire.send()
    assert wire.verify(otp, wire.newest_code()).approved
    assert len(wire.codes()) == 1
