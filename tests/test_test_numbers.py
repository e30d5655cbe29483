"""Numbers for reviewers: a fixed code, no message, an end, and all of it in the audit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import InvalidCode, SessionClosed, Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.words import EventKind, PinStatus

from .conftest import NUMBER, make_d7_settings, set_d7verify
from .logging_in import deliver, make_user, send_login

pytestmark = pytest.mark.django_db(transaction=True)

REVIEWER = "+12025550123"
CODE = "314159"
BEFORE = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
AFTER = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True, params=["own", "provider-made"])
def sent(
    request: pytest.FixtureRequest, settings: Any, emulator: Emulator, monkeypatch: Any
) -> Sent:
    """What went out, by either kind of gateway."""
    numbers = {REVIEWER: {"CODE": CODE, "UNTIL": date(2027, 1, 1)}}
    set_d7verify(settings, TEST_NUMBERS=numbers, NUMBER_TYPES=["MOBILE", "FIXED_LINE_OR_MOBILE"])
    if request.param == "provider-made":
        set_d7verify(settings, GATEWAYS={"default": make_d7_settings(emulator)})
    return Sent(emulator)


class Sent:
    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def __len__(self) -> int:
        return len(locmem.outbox) + len(self.emulator.messages())


@pytest.fixture
def queue(settings: Any) -> None:
    set_d7verify(settings, DISPATCHER="tests.logging_in.HeldDispatcher")


def find_kinds() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_the_code_is_the_fixed_one_and_nothing_is_sent(sent: Sent):
    otp = services.send_otp(REVIEWER, now=BEFORE)
    assert len(sent) == 0
    assert Pin.objects.get().status == PinStatus.SENT
    assert services.verify_otp(otp.otp_id, CODE, now=BEFORE).approved
    assert find_kinds() == [EventKind.TEST_CODE, EventKind.APPROVED]


def test_a_wrong_code_counts_and_locks_as_ever(sent: Sent):
    otp = services.send_otp(REVIEWER, now=BEFORE)
    left = [services.verify_otp(otp.otp_id, "271828", now=BEFORE).attempts_left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(SessionClosed):
        services.verify_otp(otp.otp_id, CODE, now=BEFORE)


def test_the_wait_between_sends_holds_for_reviewers_too(sent: Sent):
    services.send_otp(REVIEWER, now=BEFORE)
    with pytest.raises(Throttled):
        services.send_otp(REVIEWER, now=BEFORE)


def test_a_resend_has_the_same_code_and_sends_nothing(sent: Sent):
    begun = BEFORE - timedelta(seconds=60)
    otp = services.send_otp(REVIEWER, now=begun)
    services.resend_otp(otp.otp_id, now=BEFORE)
    assert len(sent) == 0
    assert services.verify_otp(otp.otp_id, CODE, now=BEFORE).approved


def test_from_the_end_on_the_number_is_like_any_other(sent: Sent):
    otp = services.send_otp(REVIEWER, now=AFTER)
    assert len(sent) == 1
    result = services.verify_otp(otp.otp_id, CODE, now=AFTER)
    assert (result.approved, find_kinds()) == (False, [EventKind.SENT, EventKind.WRONG_CODE])


def test_a_resend_after_the_end_sends_a_code(sent: Sent):
    otp = services.send_otp(REVIEWER, now=BEFORE)
    services.resend_otp(otp.otp_id, now=AFTER)
    assert len(sent) == 1
    assert not services.verify_otp(otp.otp_id, CODE, now=AFTER).approved


def test_no_other_number_takes_the_code(sent: Sent):
    otp = services.send_otp(NUMBER, now=BEFORE)
    assert not services.verify_otp(otp.otp_id, CODE, now=BEFORE).approved
    assert len(sent) == 1


def test_a_code_that_is_longer_than_the_sites_own_is_charged_when_it_is_wrong(settings: Any):
    set_d7verify(settings, TEST_NUMBERS={REVIEWER: {"CODE": "REVIEW7"}})
    otp = services.send_otp(REVIEWER, now=BEFORE)
    assert not services.verify_otp(otp.otp_id, "REVIEW8", now=BEFORE).approved
    assert OTPSession.objects.get().attempts == 1
    assert services.verify_otp(otp.otp_id, "review7", now=BEFORE).approved


@pytest.mark.usefixtures("queue")
def test_a_longer_code_of_a_login_is_charged_when_it_is_wrong_too(settings: Any):
    make_user(REVIEWER)
    set_d7verify(settings, TEST_NUMBERS={REVIEWER: {"CODE": "REVIEW7"}})
    otp = send_login(REVIEWER)
    assert not services.verify_login(otp.otp_id, "REVIEW8").approved
    assert OTPSession.objects.get().attempts == 1
    with pytest.raises(InvalidCode):
        services.verify_login(otp.otp_id, "REVIEW7-8")
    assert services.verify_login(otp.otp_id, "REVIEW7").approved


@pytest.mark.usefixtures("queue")
def test_a_reviewer_logs_in_before_any_worker_came(sent: Sent):
    user = make_user(REVIEWER)
    otp = services.send_login_otp(REVIEWER, now=BEFORE)
    assert services.verify_login(otp.otp_id, CODE, now=BEFORE).user == user
    deliver(now=BEFORE)
    assert len(sent) == 0


@pytest.mark.usefixtures("queue")
def test_a_reviewer_logs_in_after_the_worker_came(sent: Sent):
    user = make_user(REVIEWER)
    otp = services.send_login_otp(REVIEWER, now=BEFORE)
    deliver(now=BEFORE)
    assert services.verify_login(otp.otp_id, CODE, now=BEFORE).user == user
    assert len(sent) == 0
    assert find_kinds() == [EventKind.TEST_CODE, EventKind.APPROVED, EventKind.LOGGED_IN]


@pytest.mark.usefixtures("queue")
def test_a_reviewer_signs_up_where_people_may(sent: Sent, settings: Any):
    set_d7verify(settings, SIGN_UP=True)
    otp = services.send_login_otp(REVIEWER, now=BEFORE)
    deliver(now=BEFORE)
    assert services.verify_login(otp.otp_id, CODE, now=BEFORE).created
    assert len(sent) == 0


@pytest.mark.usefixtures("queue")
def test_a_test_number_that_nobody_has_is_a_decoy_where_people_may_not_sign_up(sent: Sent):
    otp = services.send_login_otp(REVIEWER, now=BEFORE)
    deliver(now=BEFORE)
    assert not services.verify_login(otp.otp_id, CODE, now=BEFORE).approved
    assert EventKind.DECOY in find_kinds()


def test_the_code_is_in_no_row():
    services.send_otp(REVIEWER, now=BEFORE)
    rows = [*Pin.objects.values(), *OTPSession.objects.values(), *Event.objects.values()]
    assert CODE not in str(rows)
