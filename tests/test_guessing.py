"""
A simulated day, and three, of guessing codes for one number.

The attacker knows the number and the rules, comes from a new address with every request, opens
sessions as often as it is let, and waits exactly as long as it is told.
``-rP --log-level=INFO`` shows the figures.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import LockedOut, SessionClosed, Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.words import EventKind, SessionStatus

from .conftest import NUMBER, make_d7_settings

pytestmark = pytest.mark.django_db
logger = logging.getLogger(__name__)

STARTED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OTHER_NUMBER = "+971507654321"
ADDRESSES = itertools.count(1)


@dataclass
class Attacker:
    """Guesses at a number by services, in anonymous sessions, or in those of *user*."""

    user: Any = None
    #: Guesses that it keeps for later, so that a session is worth opening; 0: none, greedily.
    saves: int = 0
    now: datetime = STARTED_AT
    otp_id: str = ""
    compared_at: list[datetime] = field(default_factory=list)
    sessions: int = 0
    guesses: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def work_until(self, end: datetime) -> None:
        while self.now < end:
            wait = self.guess() if self.otp_id else self.open_session()
            if wait and not self.otp_id and self.saves:
                wait = max(wait, self.saves * 48 * 60)
            self.now += timedelta(seconds=wait)

    def open_session(self) -> int:
        """Seconds to wait for one; 0 where it was opened."""
        try:
            self.otp_id = services.send_otp(NUMBER, user=self.user, now=self.now).otp_id
        except (Throttled, LockedOut) as error:
            return error.retry_after_seconds
        self.sessions += 1
        return 0

    def guess(self) -> int:
        """Seconds to wait before the next; 0 where a code was compared."""
        try:
            result = services.verify_otp(self.otp_id, self.make_guess(), now=self.now)
        except SessionClosed:
            self.otp_id = ""
            return 0
        except LockedOut as error:
            if error.retry_after_seconds > 600:
                self.otp_id = ""
            return error.retry_after_seconds
        assert not result.approved
        self.compared_at.append(self.now)
        return 0

    def make_guess(self) -> str:
        right = {str(message.code) for message in locmem.outbox}
        return next(guess for n in self.guesses if (guess := f"{n % 10**6:06}") not in right)

    def count(self, begin: timedelta, end: timedelta) -> int:
        begun, ended = STARTED_AT + begin, STARTED_AT + end
        return sum(begun <= instant < ended for instant in self.compared_at)


def count_most(instants: list[datetime], period: timedelta) -> int:
    return max(sum(begun <= each < begun + period for each in instants) for begun in instants)


def make_user(name: str = "ann") -> Any:
    return get_user_model().objects.create(username=name)


def count_failures() -> int:
    return Event.objects.filter(kind__in=[EventKind.WRONG_CODE, EventKind.LOCKED]).count()


@pytest.mark.parametrize("saves", [0, 5], ids=["greedy", "patient"])
def test_three_days_of_guessing_get_59_codes_in_the_first_and_30_a_day_after_and_disable_nothing(
    settings: Any, saves: int
):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 10}
    attacker = Attacker(saves=saves)
    attacker.work_until(STARTED_AT + 3 * DAY)
    days = [attacker.count(day * DAY, (day + 1) * DAY) for day in range(3)]
    logger.info("Saving %s: %s codes compared, in %d sessions", saves, days, attacker.sessions)
    assert sum(days) == len(attacker.compared_at) == count_failures()
    # 30 that were saved up, and one each 48 minutes.
    for number in range(3):
        assert sum(days[: number + 1]) < 30 + 30 * (number + 1)
    assert count_most(attacker.compared_at, DAY) <= 59
    assert count_most(attacker.compared_at, timedelta(hours=1)) <= 19
    # An attack that is stopped by something else would show nothing.
    assert days[0] >= (30 if saves else 58)
    assert days[1:] == [30, 30]
    assert not OTPSession.objects.filter(status=SessionStatus.APPROVED).exists()
    recipient = Recipient.objects.get()
    assert (recipient.disabled, recipient.failures_in_a_row) == (False, 0)
    services.send_otp(NUMBER, user=make_user(), now=attacker.now + timedelta(minutes=1))


class Web:
    """The same by the API; each request has an address of its own."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self.clock = clock
        self.client = Client()
        self.compared_at: list[datetime] = []
        self.addresses: set[str] = set()
        self.otp_id = ""

    def post(self, path: str, **body: str) -> Any:
        number = next(ADDRESSES)
        address = (
            f"2001:db8:{number:x}::1" if number % 2 else f"198.18.{number // 250}.{number % 250}"
        )
        self.addresses.add(address)
        return self.client.post(
            f"/api/otp/{path}", body, content_type="application/json", REMOTE_ADDR=address
        )

    def step(self) -> int:
        """Do one thing, and answer for how many seconds to wait."""
        if not self.otp_id:
            answer = self.post("send/", recipient=NUMBER)
            self.otp_id = answer.json().get("otp_id", "")
            assert answer.status_code in {201, 429}
            return int(answer.headers.get("Retry-After", 0))
        right = str(locmem.outbox[-1].code)
        guess = f"{(int(right) + 1 + len(self.compared_at)) % 10**6:06}"
        answer = self.post("verify/", otp_id=self.otp_id, otp_code=guess)
        code = answer.json()["code"]
        assert code in {"invalid_code", "session_closed", "locked"}
        if code == "invalid_code":
            self.compared_at.append(datetime.now(UTC))
            return 0
        self.otp_id = ""
        return int(answer.headers.get("Retry-After", 0))


def test_a_day_of_guessing_by_the_api_with_a_new_address_each_time_gets_at_most_59_codes():
    with time_machine.travel(STARTED_AT, tick=False) as clock:
        web = Web(clock)
        while datetime.now(UTC) < STARTED_AT + DAY:
            clock.shift(web.step())
        # Whatever it opened then, a code is not compared while the number is locked.
        first = sum(instant < STARTED_AT + DAY for instant in web.compared_at)
        while datetime.now(UTC) < STARTED_AT + 2 * DAY:
            clock.shift(web.step())
    second = len(web.compared_at) - first
    logger.info("%s compared, then %s, by %d addresses", first, second, len(web.addresses))
    assert 45 <= first <= 59
    assert 15 <= second <= 31
    assert len(web.compared_at) == count_failures()


def test_a_day_of_guessing_at_provider_made_codes_gets_at_most_59(
    settings: Any, emulator: Emulator
):
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": make_d7_settings(emulator)}}

    class Provider(Attacker):
        def make_guess(self) -> str:
            emulator.advance_clock((self.now - self.told).total_seconds())
            self.told = self.now
            newest = str(emulator.messages(NUMBER)[-1]["code"])
            return f"{(int(newest) + 1) % 10**6:06}"

    attacker = Provider()
    attacker.told = STARTED_AT
    attacker.work_until(STARTED_AT + DAY)
    logger.info("%d provider-made codes compared", len(attacker.compared_at))
    assert 45 <= len(attacker.compared_at) <= 59
    asked = emulator.calls("/verify/v1/otp/verify-otp")
    assert len(asked) == len(attacker.compared_at)


# Who it locks out.


def fail(otp_id: str, now: datetime, times: int = 1) -> None:
    wrong = Attacker(now=now).make_guess()
    for _ in range(times):
        assert not services.verify_otp(otp_id, wrong, now=now).approved


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def fail_in_a_row(times: int, user: Any) -> datetime:
    """Wrong codes in the user's own sessions as fast as they are taken; when the last was."""
    attacker = Attacker(user=user)
    while len(attacker.compared_at) < times:
        attacker.work_until(attacker.now + timedelta(microseconds=1))
    return attacker.now


def test_100_wrong_codes_in_a_row_in_a_known_users_own_sessions_disable_that_users_number():
    user = make_user()
    now = fail_in_a_row(99, user)
    recipient = Recipient.objects.get()
    assert (recipient.disabled, recipient.failures_in_a_row) == (False, 99)
    # The bucket lets them through one by one: it is days before the hundredth.
    assert now > STARTED_AT + 2 * DAY
    attacker = Attacker(user=user, now=now)
    while not attacker.compared_at:
        attacker.work_until(attacker.now + timedelta(microseconds=1))
    assert Recipient.objects.get().disabled
    # For good: not by waiting, not by a right code of a session that is open.
    for days in [0, 1, 30, 365]:
        with pytest.raises(LockedOut):
            services.send_otp(NUMBER, user=user, now=attacker.now + days * DAY)
    assert services.unlock_recipient(NUMBER, now=attacker.now)
    later = attacker.now + timedelta(hours=1)
    otp = services.send_otp(NUMBER, user=user, now=later)
    assert services.verify_otp(otp.otp_id, newest_code(), now=later).approved


def test_a_disabled_number_takes_no_code_of_a_session_that_was_open_before(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 3}
    user, now = make_user(), STARTED_AT
    otp = services.send_otp(NUMBER, user=user, now=now)
    code = newest_code()
    second = services.send_otp(NUMBER, user=user, now=now + timedelta(seconds=60))
    fail(second.otp_id, now + timedelta(seconds=60), 3)
    with pytest.raises(LockedOut):
        services.verify_otp(otp.otp_id, code, now=now + timedelta(seconds=60))
    with pytest.raises(LockedOut):
        services.resend_otp(otp.otp_id, now=now + timedelta(seconds=120))
    # A stranger's session to that number is none of the user's business, nor the other way round.
    stranger = services.send_otp(NUMBER, now=now + timedelta(seconds=120))
    assert services.verify_otp(
        stranger.otp_id, newest_code(), now=now + timedelta(seconds=120)
    ).approved
    assert Recipient.objects.get().disabled


def test_a_right_code_between_them_begins_the_row_anew(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 4}
    user, now = make_user(), STARTED_AT
    for _ in range(4):
        now += timedelta(hours=4)
        otp = services.send_otp(NUMBER, user=user, now=now)
        code = newest_code()
        fail(otp.otp_id, now, 3)
        assert services.verify_otp(otp.otp_id, code, now=now).approved
        recipient = Recipient.objects.get()
        assert (recipient.failures_in_a_row, recipient.disabled) == (0, False)
    assert count_failures() == 12


def test_while_a_stranger_guesses_all_day_the_owner_logs_in_whenever_they_like():
    user = make_user()
    attacker = Attacker()
    waits = []
    for hour in range(24):
        attacker.work_until(STARTED_AT + timedelta(hours=hour, minutes=30))
        now = attacker.now
        # At the worst moment, 20 seconds after one that the stranger gets.
        with suppress(Throttled, LockedOut):
            services.send_otp(NUMBER, now=now)
        now += timedelta(seconds=20)
        try:
            otp = services.send_otp(NUMBER, user=user, now=now)
        except Throttled as error:
            waits.append(error.retry_after_seconds)
            now += timedelta(seconds=waits[-1])
            otp = services.send_otp(NUMBER, user=user, now=now)
        code = newest_code()
        if hour % 6 == 0:
            fail(otp.otp_id, now)
        assert services.verify_otp(otp.otp_id, code, now=now).approved
        attacker.now = now
    guesses = len(attacker.compared_at)
    logger.info("24 logins, %d waited %s s; %d guesses", len(waits), set(waits), guesses)
    # The 60 seconds are everybody's; the hours and days are not.
    assert set(waits) == {40}
    assert 30 <= guesses <= 59


def test_while_a_stranger_has_locked_the_number_the_owner_verifies_a_session_of_their_own():
    now = STARTED_AT
    for index in range(2):
        otp = services.send_otp(NUMBER, now=now + timedelta(seconds=60 * index))
        fail(otp.otp_id, now + timedelta(seconds=60 * index), 5)
    now += timedelta(seconds=120)
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, now=now)
    otp = services.send_otp(NUMBER, user=make_user(), now=now)
    assert services.verify_otp(otp.otp_id, newest_code(), now=now).approved
    # And that unlocks nothing for the stranger.
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, now=now + timedelta(seconds=60))


def test_what_the_owner_gets_wrong_is_not_charged_to_strangers_nor_to_other_numbers():
    user, now = make_user(), STARTED_AT
    for index in range(2):
        at = now + timedelta(seconds=60 * index)
        fail(services.send_otp(NUMBER, user=user, now=at).otp_id, at, 5)
    at = now + timedelta(seconds=120)
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, user=user, now=at)
    services.send_otp(NUMBER, now=at)
    services.send_otp(OTHER_NUMBER, user=user, now=at)


# What resets a count, and what does not.


def test_a_new_code_resets_neither_the_sessions_attempts_nor_the_numbers_failures():
    now = STARTED_AT
    otp = services.send_otp(NUMBER, now=now)
    fail(otp.otp_id, now, 4)
    now += timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=now)
    result = services.verify_otp(otp.otp_id, Attacker().make_guess(), now=now)
    assert (result.attempts_left, result.status) == (0, SessionStatus.LOCKED)
    with pytest.raises(SessionClosed):
        services.verify_otp(otp.otp_id, newest_code(), now=now)
    # A new session neither: five more, and the hour's ten are used up.
    now += timedelta(seconds=60)
    otp = services.send_otp(NUMBER, now=now)
    fail(otp.otp_id, now, 5)
    with pytest.raises(LockedOut) as caught:
        services.send_otp(NUMBER, now=now + timedelta(seconds=60))
    # Ten in two minutes: one comes back every six minutes, of which three have passed.
    assert caught.value.retry_after_seconds == 180


@pytest.mark.parametrize("purpose", ["verify", "login", "change_phone"])
def test_another_purpose_has_no_count_of_its_own(purpose: str):
    now = STARTED_AT
    for index in range(2):
        at = now + timedelta(seconds=60 * index)
        fail(services.send_otp(NUMBER, purpose="verify", now=at).otp_id, at, 5)
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, purpose=purpose, now=now + timedelta(seconds=120))


@pytest.mark.parametrize("provider", [False, True], ids=["own codes", "provider-made codes"])
def test_a_success_empties_the_hour_and_the_row_and_leaves_the_day(
    settings: Any, emulator: Emulator, provider: bool
):
    if provider:
        gateway = make_d7_settings(emulator)
        settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}

    def read_code() -> str:
        return str(emulator.messages(NUMBER)[-1]["code"]) if provider else newest_code()

    user, now = make_user(), STARTED_AT
    otp = services.send_otp(NUMBER, user=user, now=now)
    wrong = f"{(int(read_code()) + 1) % 10**6:06}"
    for _ in range(4):
        assert not services.verify_otp(otp.otp_id, wrong, now=now).approved
    before = Recipient.objects.get()
    assert before.failures_in_a_row == 4
    assert services.verify_otp(otp.otp_id, read_code(), now=now).approved
    after = Recipient.objects.get()
    assert (after.failures_in_a_row, after.owned_failures_hour) == (0, 0)
    # Neither the four are forgotten there nor is the right one added.
    assert after.owned_failures_day == before.owned_failures_day > 0
    assert after.failures_hour == after.failures_day == 0


def test_an_owner_who_verifies_often_does_not_refill_a_guessers_day():
    """Both in anonymous sessions: the owner is not known, and verifies every hour."""
    attacker = Attacker()
    approved = 0
    for hour in range(24):
        attacker.work_until(STARTED_AT + timedelta(hours=hour))
        now = attacker.now
        try:
            otp = services.send_otp(NUMBER, now=now)
            approved += services.verify_otp(otp.otp_id, newest_code(), now=now).approved
        except (Throttled, LockedOut):
            continue
    logger.info("%d guesses beside %d approvals", len(attacker.compared_at), approved)
    assert approved >= 3
    assert len(attacker.compared_at) <= 59
    assert count_most(attacker.compared_at, DAY) <= 59


CALLS: dict[str, Callable[[str, datetime], Any]] = {
    "send": lambda otp_id, now: services.send_otp(NUMBER, now=now),
    "resend": lambda otp_id, now: services.resend_otp(otp_id, now=now),
    "verify": lambda otp_id, now: services.verify_otp(otp_id, newest_code(), now=now),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_wait_of_a_locked_number_is_exactly_the_one_that_is_told(name: str):
    now = STARTED_AT
    ids = [
        services.send_otp(NUMBER, now=now + timedelta(seconds=60 * index)).otp_id
        for index in range(3)
    ]
    now += timedelta(seconds=120)
    for otp_id in ids[:2]:
        fail(otp_id, now, 5)
    with pytest.raises(LockedOut) as caught:
        CALLS[name](ids[2], now)
    wait = caught.value.retry_after_seconds
    assert wait == 360
    with pytest.raises(LockedOut):
        CALLS[name](ids[2], now + timedelta(seconds=wait - 1))
    CALLS[name](ids[2], now + timedelta(seconds=wait))
