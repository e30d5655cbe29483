"""What holds at once and what it costs, the same on all six gateways."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_d7verify import services
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.words import EventKind, SessionStatus
from tests.parallel import run_at_once
from tests.test_statements import count

from .wires import Wire, make_wrong


@pytest.mark.django_db(transaction=True)
def test_of_20_right_codes_at_once_exactly_one_is_approved(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    outcomes = run_at_once(20, lambda _: wire.verify(otp, code).approved)
    assert outcomes == {"True": 1, "SessionClosed": 19}
    assert OTPSession.objects.get().status == SessionStatus.APPROVED
    assert Event.objects.filter(kind=EventKind.APPROVED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_20_wrong_codes_at_once_five_are_compared(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    outcomes = run_at_once(20, lambda i: wire.verify(otp, make_wrong(code, i % 9 + 1)).approved)
    assert outcomes == {"False": 5, "SessionClosed": 15}
    assert wire.calls(wire.kind.verify_path) == 5 * wire.gateway.makes_codes
    assert services.get_otp(otp.otp_id, now=wire.now).status == SessionStatus.LOCKED


@pytest.mark.django_db(transaction=True)
def test_of_20_sends_and_resends_at_once_one_message_goes_out(wire: Wire) -> None:
    otp = wire.send()
    wire.advance(60)

    def send_or_resend(index: int) -> str:
        return (wire.resend(otp) if index % 2 else wire.send()).status

    assert run_at_once(20, send_or_resend) == {"OPEN": 1, "Throttled": 19}
    assert len(wire.codes()) == 2


@pytest.mark.django_db
def test_a_send_takes_five_statements_eight_to_a_new_number_and_two_where_refused(
    wire: Wire,
) -> None:
    assert count(wire.send) == 8
    assert count(wire.send) == 2
    wire.advance(60)
    assert count(wire.send) == 5


@pytest.mark.django_db
def test_a_resend_takes_six_statements_and_one_where_refused(wire: Wire) -> None:
    otp = wire.send()
    assert count(lambda: wire.resend(otp)) == 1
    wire.advance(60)
    assert count(lambda: wire.resend(otp)) == 6


@pytest.mark.django_db
def test_a_right_code_takes_four_statements_and_six_where_a_provider_is_asked(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    assert count(lambda: wire.verify(otp, code)) == (6 if wire.gateway.makes_codes else 4)


@pytest.mark.django_db
def test_a_wrong_code_takes_four_statements_and_a_closed_session_one(wire: Wire) -> None:
    otp = wire.send()
    code = wire.newest_code()
    counts = [count(lambda n=n: wire.verify(otp, make_wrong(code, n))) for n in range(1, 7)]
    # A provider's last wrong answer takes one more, which locks the session.
    assert counts == [4, 4, 4, 4, 4 + wire.gateway.makes_codes, 1]


@pytest.mark.django_db
def test_failures_of_one_session_are_charged_to_the_number(wire: Wire) -> None:
    for _ in range(2):
        otp = wire.send()
        for variant in range(1, 6):
            wire.verify(otp, make_wrong(wire.newest_code(), variant))
        wire.advance(60)
    recipient = Recipient.objects.get()
    # Ten of ten in an hour, of which one comes back every 360 s.
    full_at = timedelta(microseconds=recipient.failures_hour)
    assert full_at > timedelta(microseconds=recipient.next_send)
    assert count(wire.send) == 2
    assert len(wire.codes()) == 2
