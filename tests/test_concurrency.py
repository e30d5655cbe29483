"""The limits hold when requests come at once: our own codes and provider-made ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.words import EventKind, SessionStatus

from .conftest import NUMBER
from .parallel import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

Codes = Callable[[], list[str]]


@pytest.fixture(params=["own codes", "provider-made codes"])
def codes(request: pytest.FixtureRequest) -> Codes:
    """The codes that went out so far, oldest first."""
    if request.param == "own codes":
        return lambda: [str(message.code) for message in locmem.outbox]
    emulator: Emulator = request.getfixturevalue("d7")
    return lambda: [message["code"] for message in emulator.messages(NUMBER)]


def make_wrong(code: str) -> Callable[[int], str]:
    """A different wrong code for each number."""
    return lambda index: f"{(int(code) + index + 1) % 1_000_000:06}"


def test_of_200_wrong_codes_at_once_five_are_compared_and_the_right_one_is_refused_after(
    codes: Codes,
) -> None:
    otp = services.send_otp(NUMBER)
    code = codes()[-1]
    wrong = make_wrong(code)
    outcomes = run_at_once(200, lambda i: services.verify_otp(otp.otp_id, wrong(i)).attempts_left)
    assert outcomes == {"4": 1, "3": 1, "2": 1, "1": 1, "0": 1, "SessionClosed": 195}
    assert OTPSession.objects.get().attempts == 5
    assert services.get_otp(otp.otp_id).status == SessionStatus.LOCKED
    kinds = list(Event.objects.order_by("pk").values_list("kind", flat=True))
    assert sorted(kinds) == sorted([EventKind.SENT, *[EventKind.WRONG_CODE] * 4, EventKind.LOCKED])
    assert run_at_once(1, lambda _: services.verify_otp(otp.otp_id, code)) == {"SessionClosed": 1}


def test_of_50_right_codes_at_once_exactly_one_is_approved(codes: Codes) -> None:
    otp = services.send_otp(NUMBER)
    code = codes()[-1]
    outcomes = run_at_once(50, lambda _: services.verify_otp(otp.otp_id, code).approved)
    assert outcomes == {"True": 1, "SessionClosed": 49}
    assert OTPSession.objects.get().status == SessionStatus.APPROVED
    kinds = Event.objects.values_list("kind", flat=True)
    assert sorted(kinds) == [EventKind.APPROVED, EventKind.SENT]


def test_of_50_sends_at_once_to_a_number_never_seen_one_goes_out(codes: Codes) -> None:
    outcomes = run_at_once(50, lambda _: services.send_otp(NUMBER).status)
    assert outcomes == {"OPEN": 1, "Throttled": 49}
    assert len(codes()) == 1
    assert OTPSession.objects.count() == Pin.objects.count() == Event.objects.count() == 1
    assert Recipient.objects.count() == 1


def test_of_50_resends_at_once_none_goes_out_inside_60_seconds_and_one_after(
    codes: Codes, request: pytest.FixtureRequest
) -> None:
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)
    soon = now + timedelta(seconds=59, milliseconds=999)
    assert run_at_once(50, lambda _: services.resend_otp(otp.otp_id, now=soon)) == {"Throttled": 50}
    assert len(codes()) == 1
    later = now + timedelta(seconds=60)
    if "d7" in request.fixturenames:
        request.getfixturevalue("d7").advance_clock(60)
    outcomes = run_at_once(50, lambda _: services.resend_otp(otp.otp_id, now=later).resend_count)
    assert outcomes == {"1": 1, "Throttled": 49}
    assert len(codes()) == 2
    assert Pin.objects.count() == 2


def test_sends_and_resends_at_once_share_one_throttle(
    codes: Codes, request: pytest.FixtureRequest
) -> None:
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)
    later = now + timedelta(seconds=60)
    if "d7" in request.fixturenames:
        request.getfixturevalue("d7").advance_clock(60)

    def send_or_resend(index: int) -> str:
        if index % 2:
            return services.resend_otp(otp.otp_id, now=later).status
        return services.send_otp(NUMBER, now=later).status

    outcomes = run_at_once(40, send_or_resend)
    assert outcomes == {"OPEN": 1, "Throttled": 39}
    assert len(codes()) == 2


def test_wrong_codes_in_several_sessions_at_once_are_counted_on_the_number(
    settings: Any, codes: Codes
) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "RESEND_WAIT_SECONDS": 1, "SENDS_PER_HOUR": 50}
    now = timezone.now()
    ids = [
        services.send_otp(NUMBER, now=now + timedelta(seconds=index)).otp_id for index in range(4)
    ]
    later = now + timedelta(seconds=10)
    wrong = make_wrong(codes()[-1])
    outcomes = run_at_once(
        40, lambda i: services.verify_otp(ids[i % 4], wrong(i), now=later).approved
    )
    assert outcomes["False"] == 10
    assert set(outcomes) <= {"False", "LockedOut", "SessionClosed"}


def test_a_thousand_mixed_calls_at_once_neither_deadlock_nor_fail(codes: Codes) -> None:
    now = timezone.now()
    numbers = [f"+97150123{index:04}" for index in range(4)]
    ids = [services.send_otp(number, now=now).otp_id for number in numbers]

    def call(index: int) -> str:
        otp_id = ids[index % 4]
        at = now + timedelta(seconds=20 * (index // 20))
        match index % 5:
            case 0:
                services.send_otp(numbers[index % 4], now=at)
            case 1:
                services.resend_otp(otp_id, now=at)
            case 2:
                services.verify_otp(otp_id, "000000", now=at)
            case 3:
                services.get_otp(otp_id, now=at)
            case _:
                services.cancel_otp(otp_id, now=at)
        return "done"

    outcomes = run_at_once(1000, call)
    assert set(outcomes) <= {"done", "Throttled", "SessionClosed", "LockedOut"}
    assert outcomes["done"] > 0
