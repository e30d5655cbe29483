"""Everything at once, in any order: no error of ours, nothing left locked, and rows that add up."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

from django_d7verify.models import Event, OTPSession
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .answers import Answer, assert_polite, call_at_once
from .database import count_deadlocks, count_stuck
from .figures import Figures
from .people import Kind, Person, make_number
from .site import Site, wait_for

CALLS = 1000
#: By kind, because each country has a budget.
ABROAD = {"own": "+3460", "made": "+39333"}
#: Time goes on by so much while the calls are made, so that there is something to resend.
MOVES, MOVE_SECONDS = 15, 25
ANSWERS = {EventKind.WRONG_CODE, EventKind.LOCKED, EventKind.APPROVED}
EXPECTED = {
    *("201 OPEN", "200 OPEN", "200 APPROVED", "200 CANCELLED", "200 LOCKED", "200 EXPIRED"),
    *("400 invalid_code", "400 session_closed", "429 throttled", "429 locked"),
    "503 gateway_unreachable",
}


class Crowd:
    """Some people whose calls get in each other's way, and their sessions so far."""

    def __init__(self, site: Site, people: list[Person], seed: int) -> None:
        self.site = site
        self._people = people
        self._random = random.Random(seed)
        self._sessions: list[tuple[Person, str]] = []
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        self._moves = itertools.count(1)

    def begin(self) -> None:
        """A session for each."""
        for person in self._people:
            self._sessions.append((person, person.get_otp_id()))

    def call(self, index: int) -> Answer:
        """Something that one of them does."""
        with self._lock:
            if index % (CALLS // MOVES) == 0:
                self.site.advance(MOVE_SECONDS)
            name = self._random.choice(
                ["send", "send", "resend", "resend", "wrong", "wrong", "right", "state", "cancel"]
            )
            # Of the newest sessions, most are open.
            person, otp_id = self._random.choice(self._sessions[-2 * len(self._people) :])
            variant = self._random.randrange(1, 1_000_000)
            self.calls[name] += 1
        return self._do(name, person, otp_id, variant)

    def _do(self, name: str, person: Person, otp_id: str, variant: int) -> Answer:
        match name:
            case "send":
                answer = person.send()
                if answer.status == 201:
                    with self._lock:
                        self._sessions.append((person, answer["otp_id"]))
                return answer
            case "resend":
                return person.resend(otp_id)
            case "wrong":
                return person.verify(otp_id, f"{variant:06}")
            case "right":
                return person.verify(otp_id, person.newest_code())
            case "cancel" if variant % 4 == 0:
                return self.site.post("cancel/", otp_id=otp_id)
            case _:
                return self.site.state(otp_id)


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
    # Half of them abroad, where the rows of prefix and country are taken as well.
    prefixes = ["+97150", ABROAD[kind.purpose]] * 6
    people = [Person(site, kind, make_number(prefix)) for prefix in prefixes]
    deadlocks = count_deadlocks()
    crowd = Crowd(site, people, seed=20261121)
    crowd.begin()
    answers = call_at_once(CALLS, crowd.call)
    busy = assert_polite(answers)
    figures.show("calls", answers)
    assert {answer.outcome for answer in answers} <= EXPECTED
    wait_for(lambda: count_stuck() == 0)
    messages = assert_rows_add_up(people)
    figures.show_text(
        "made",
        ", ".join(f"{number} {name}" for name, number in sorted(crowd.calls.items())),
        messages=messages,
        busy=busy,
        deadlocks_solved_by_the_server=count_deadlocks() - deadlocks,
    )
