"""The life of a code, the same on all six gateways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.codes import ALPHABETS
from django_d7verify.exceptions import InvalidCode, SessionClosed, Throttled
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.words import EventKind, PinStatus, SessionStatus
from tests.conftest import NUMBER

from .wires import Wire, make_wrong

pytestmark = pytest.mark.django_db

EXPIRY_SECONDS = 600


def get_life(wire: Wire) -> int:
    """Seconds that a code of this gateway lives."""
    return min(EXPIRY_SECONDS, wire.gateway.fixed_expiry_seconds or EXPIRY_SECONDS)


def get_kinds() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_a_send_brings_one_code_and_opens_a_session(wire: Wire) -> None:
    otp = wire.send()
    assert len(wire.codes()) == 1
    assert len(wire.newest_code()) == 6
    assert (otp.status, otp.recipient) == (SessionStatus.OPEN, NUMBER)
    assert (otp.resend_count, otp.resend_after, otp.attempts_left) == (0, 60, 5)
    assert otp.expiry == get_life(wire)
    pin = Pin.objects.get()
    assert (pin.status, pin.gateway, pin.generation) == (PinStatus.SENT, "default", 1)
    assert (pin.digest == "") is wire.gateway.makes_codes
    assert bool(pin.reference) or not wire.gateway.makes_codes
    assert get_kinds() == [EventKind.SENT]


def test_a_code_has_the_alphabet_that_its_gateway_says(wire: Wire) -> None:
    wire.send()
    pin = Pin.objects.get()
    assert pin.code_alphabet == (wire.gateway.fixed_alphabet or "numeric")
    assert set(wire.newest_code()) <= set(ALPHABETS[pin.code_alphabet])


def test_a_second_send_waits_sixty_seconds(wire: Wire) -> None:
    wire.send()
    wire.advance(59)
    with pytest.raises(Throttled) as caught:
        wire.send()
    assert caught.value.retry_after_seconds == 1
    assert len(wire.codes()) == 1
    wire.advance(1)
    wire.send()
    assert len(wire.codes()) == 2


def test_the_right_code_is_approved(wire: Wire) -> None:
    otp = wire.send()
    result = wire.verify(otp, wire.newest_code())
    assert result.approved
    assert result.status == services.get_otp(otp.otp_id).status == SessionStatus.APPROVED
    assert get_kinds() == [EventKind.SENT, EventKind.APPROVED]
    session = OTPSession.objects.get()
    assert (session.salt, session.unanswered) == ("", "")


def test_a_wrong_code_is_counted_and_the_right_one_still_approved(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    result = wire.verify(otp, make_wrong(code))
    assert (result.approved, result.attempts_left) == (False, 4)
    assert OTPSession.objects.get().attempts == 1
    assert wire.verify(otp, code).approved
    assert get_kinds() == [EventKind.SENT, EventKind.WRONG_CODE, EventKind.APPROVED]


def test_what_cannot_be_a_code_is_refused_and_neither_counted_nor_asked_about(wire: Wire) -> None:
    otp = wire.send()
    shapes: list[Any] = ["", "12345", "1234567", "12345é", "١٢٣٤٥٦", "12 34", "12345\x00"]
    for shape in [*shapes, "1" * 5000, 123456, None, ["123456"], b"123456"]:
        with pytest.raises(InvalidCode) as caught:
            wire.verify(otp, shape)
        assert not shape or str(shape) not in str(caught.value)
    assert OTPSession.objects.get().attempts == 0
    assert wire.calls(wire.kind.verify_path) == 0
    assert get_kinds() == [EventKind.SENT]
    assert wire.verify(otp, wire.newest_code()).approved


def test_blanks_hyphens_and_case_do_not_matter(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code().lower()
    assert wire.verify(otp, f" {code[:3]}-{code[3:]} ").approved


def test_a_code_is_taken_in_the_last_second_of_its_life(wire: Wire) -> None:
    otp = wire.send()
    # The provider accepted later than we claimed, and real time passes there too.
    wire.emulator.advance_clock(get_life(wire) - 5)
    wire.now += timedelta(seconds=get_life(wire) - 1)
    assert services.get_otp(otp.otp_id, now=wire.now).expiry == 1
    assert wire.verify(otp, wire.newest_code()).approved


def test_a_code_is_refused_from_the_second_in_which_it_expires(wire: Wire) -> None:
    otp = wire.send()
    wire.advance(get_life(wire))
    assert services.get_otp(otp.otp_id, now=wire.now).status == SessionStatus.EXPIRED
    with pytest.raises(SessionClosed):
        wire.verify(otp, wire.newest_code())
    with pytest.raises(SessionClosed):
        wire.resend(otp)
    assert OTPSession.objects.get().attempts == 0
    assert wire.calls(wire.kind.verify_path) == 0
    assert len(wire.codes()) == 1


def test_the_clock_is_part_of_every_claim_on_a_session(wire: Wire) -> None:
    otp = wire.send()
    expires_at = wire.now + timedelta(seconds=get_life(wire))
    in_time = OTPSession.objects.open_at(expires_at - timedelta(microseconds=1))
    assert in_time.filter(pk=otp.otp_id).exists()
    assert not OTPSession.objects.open_at(expires_at).exists()


def test_a_used_code_is_refused_and_its_provider_not_asked_again(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    wire.verify(otp, code)
    asked = wire.calls(wire.kind.verify_path)
    for again in (code, make_wrong(code)):
        with pytest.raises(SessionClosed):
            wire.verify(otp, again)
    assert wire.calls(wire.kind.verify_path) == asked
    assert get_kinds() == [EventKind.SENT, EventKind.APPROVED]


def test_a_resend_waits_sixty_seconds_and_brings_a_code_that_works(wire: Wire) -> None:
    otp = wire.send()
    wire.advance(59)
    with pytest.raises(Throttled):
        wire.resend(otp)
    assert len(wire.codes()) == 1
    wire.advance(1)
    again = wire.resend(otp)
    assert (again.otp_id, again.resend_count) == (otp.otp_id, 1)
    assert again.expiry == get_life(wire)
    assert len(wire.codes()) == 2
    # A provider that has a call for it is asked by it; others send anew.
    assert wire.calls(wire.kind.resend_path) == bool(wire.kind.resend_path)
    if not wire.kind.resend_path:
        assert wire.calls(wire.kind.send_path) == 2 * bool(wire.kind.send_path)
        references = set(Pin.objects.exclude(reference="").values_list("reference", flat=True))
        assert len(references) in {0, 2}
    assert wire.verify(otp, wire.newest_code()).approved


def test_the_code_before_a_confirmed_resend_is_wrong(wire: Wire) -> None:
    otp = wire.send()
    wire.advance(60)
    wire.resend(otp)
    old, new = wire.codes()
    assert not wire.verify(otp, old).approved
    assert OTPSession.objects.get().attempts == 1
    assert wire.verify(otp, new).approved


def test_a_resend_gives_no_attempt_back(wire: Wire) -> None:
    otp = wire.send()
    for variant in range(1, 5):
        wire.verify(otp, make_wrong(wire.newest_code(), variant))
    wire.advance(60)
    assert wire.resend(otp).attempts_left == 1
    assert wire.verify(otp, make_wrong(wire.newest_code())).status == SessionStatus.LOCKED


def test_after_the_last_attempt_the_right_code_is_refused(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    left = [wire.verify(otp, make_wrong(code, variant)).attempts_left for variant in range(1, 6)]
    assert left == [4, 3, 2, 1, 0]
    assert services.get_otp(otp.otp_id, now=wire.now).status == SessionStatus.LOCKED
    asked = wire.calls(wire.kind.verify_path)
    with pytest.raises(SessionClosed):
        wire.verify(otp, code)
    assert wire.calls(wire.kind.verify_path) == asked
    wire.advance(60)
    with pytest.raises(SessionClosed):
        wire.resend(otp)
    assert get_kinds() == [EventKind.SENT, *[EventKind.WRONG_CODE] * 4, EventKind.LOCKED]


def test_the_right_code_is_taken_as_the_last_attempt(wire: Wire) -> None:
    otp = wire.send()
    for variant in range(1, 5):
        wire.verify(otp, make_wrong(wire.newest_code(), variant))
    assert wire.verify(otp, wire.newest_code()).approved


def test_a_cancelled_session_takes_neither_its_code_nor_a_resend(wire: Wire) -> None:
    otp = wire.send()
    cancelled = services.cancel_otp(otp.otp_id, now=wire.now)
    assert cancelled.status == SessionStatus.CANCELLED
    with pytest.raises(SessionClosed):
        wire.verify(otp, wire.newest_code())
    wire.advance(60)
    with pytest.raises(SessionClosed):
        wire.resend(otp)
    assert len(wire.codes()) == 1
    assert services.cancel_otp(otp.otp_id, now=wire.now).status == SessionStatus.CANCELLED
    assert get_kinds() == [EventKind.SENT, EventKind.CANCELLED]


def test_cancelling_an_approved_session_changes_nothing(wire: Wire) -> None:
    otp = wire.send()
    wire.verify(otp, wire.newest_code())
    assert services.cancel_otp(otp.otp_id, now=wire.now).status == SessionStatus.APPROVED


def test_a_code_opens_no_other_session(wire: Wire) -> None:
    first = wire.send()
    wire.advance(60)
    second = wire.send()
    code_of_first, code_of_second = wire.codes()
    assert not wire.verify(first, code_of_second).approved
    assert not wire.verify(second, code_of_first).approved
    assert wire.verify(first, code_of_first).approved
    assert wire.verify(second, code_of_second).approved


def test_an_unknown_session_is_closed(wire: Wire) -> None:
    wire.send()
    code = wire.newest_code()
    for otp_id in ("not-an-id", "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(SessionClosed):
            services.verify_otp(otp_id, code, now=wire.now)
        with pytest.raises(SessionClosed):
            services.resend_otp(otp_id, now=wire.now)
