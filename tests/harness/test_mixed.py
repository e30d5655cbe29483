"""Everything at once, in any order: no error of ours, nothing left locked, and rows that add up."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

from django.db import connection

from django_d7verify.models import Event, OTPSession
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .answers import Answer, assert_polite, call_at_once
from .database import count_deadlocks, count_stuck
from .figures import Figures
from .people import Kind, Person, make_number, make_wrong
from .site import Site, wait_for

#: In waves, each on one person's rows: strangers do not get in each other's way.
WAVES, CALLS_OF_A_WAVE = 25, 40
CALLS = WAVES * CALLS_OF_A_WAVE
WAVE = {"wrong": 12, "right": 3, "resend": 9, "send": 9, "state": 6, "cancel": 1}
#: Time goes on between them, within the life of the sessions that are open from the start.
STEP_SECONDS = 20
#: By kind, because each country has a budget.
ABROAD = {"own": "+3460", "made": "+39333"}
ANSWERS = {EventKind.WRONG_CODE, EventKind.LOCKED, EventKind.APPROVED}
EXPECTED = {
    *("201 OPEN", "200 OPEN", "200 APPROVED", "200 CANCELLED", "200 LOCKED", "200 EXPIRED"),
    *("400 invalid_code", "400 session_closed", "429 throttled", "429 locked"),
    "503 gateway_unreachable",
}


class Crowd:
    """People with open sessions, each of whom does everything at once when it is their turn."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self._people = people
        self._random = random.Random(seed)
        self._names = [name for _ in people for name in self._shuffle()]
        self._sessions = [[person.get_otp_id()] for person in people]
        self._lock = threading.Lock()

    def _shuffle(self) -> list[str]:
        names = [name for name, times in WAVE.items() for _ in range(times)]
        self._random.shuffle(names)
        return names

    def call(self, index: int) -> Answer:
        """One thing that one of them does."""
        wave, place = divmod(index, CALLS_OF_A_WAVE)
        person, sessions = self._people[wave], self._sessions[wave]
        with self._lock:
            if place == 0:
                person.site.advance(STEP_SECONDS)
            otp_id = self._random.choice(sessions)
        match self._names[index]:
            case "send":
                answer = person.send()
                if answer.status == 201:
                    sessions.append(answer["otp_id"])
                return answer
            case "resend":
                return person.resend(otp_id)
            case "wrong":
                return person.verify(otp_id, make_wrong(person.newest_code(), place + 1))
            case "right":
                return person.verify(otp_id, person.newest_code())
            case "cancel":
                return person.site.post("cancel/", otp_id=otp_id)
            case _:
                return person.site.state(otp_id)


def assert_rows_add_up(people: list[Person]) -> int:
    """Each session's events tell how it came to what it is; the number of messages."""
    numbers = [person.number for person in people]
    kinds: dict[object, Counter[str]] = defaultdict(Counter)
    events = Event.objects.filter(session__recipient__in=numbers)
    for session_id, kind in events.values_list("session", "kind"):
        kinds[session_id][kind] += 1
    for session in OTPSession.objects.filter(recipient__in=numbers):
        told = kinds[session.pk]
        answered = sum(told[kind] for kind in ANSWERS)
        assert told[EventKind.APPROVED] == (session.status == SessionStatus.APPROVED)
        assert told[EventKind.CANCELLED] == (session.status == SessionStatus.CANCELLED)
        assert answered <= session.attempts <= session.max_attempts
        assert told[EventKind.SENT] + told[EventKind.NOT_SENT] == session.generation
        assert told[EventKind.SENT] <= session.resend_count + 1 <= session.generation
    # Time goes on in leaps here: for the provider, who counts from when it took a message, a
    # resend may come too early. It says so, and nothing is lost by it.
    refused = events.filter(kind=EventKind.NOT_SENT).values_list("reason", flat=True)
    assert set(refused) <= {GatewayReason.TOO_FREQUENT}
    messages = 0
    for person in people:
        pins = [pin for pin in person.pins() if pin.status != PinStatus.NOT_SENT]
        assert {pin.status for pin in pins} == {PinStatus.SENT}
        for earlier, later in pairwise(sorted(pin.created_at for pin in pins)):
            assert later - earlier >= timedelta(seconds=60)
        assert len(person.codes()) == len(pins)
        messages += len(pins)
    return messages


def test_a_thousand_mixed_calls_at_once_make_no_error_no_deadlock_and_rows_that_add_up(
    site: Site, kind: Kind, figures: Figures
) -> None:
    # Every other one abroad, where the rows of prefix and country are taken as well.
    prefixes = ["+97150", ABROAD[kind.purpose]] * WAVES
    people = [Person(site, kind, make_number(prefix)) for prefix in prefixes[:WAVES]]
    deadlocks = count_deadlocks()
    crowd = Crowd(people, seed=20261121)
    site.advance(60)
    answers = call_at_once(CALLS, crowd.call)
    busy = assert_polite(answers)
    figures.show("calls", answers)
    assert {answer.outcome for answer in answers} <= EXPECTED
    wait_for(lambda: count_stuck() == 0)
    messages = assert_rows_add_up(people)
    deadlocks = count_deadlocks() - deadlocks
    figures.show_text("left", f"{messages} messages", busy=busy, deadlocks=deadlocks)
    # The other databases' server counts those of everybody.
    assert deadlocks == 0 or connection.vendor != "postgresql"
