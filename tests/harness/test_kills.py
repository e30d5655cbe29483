"""
A process is killed at each point of a send and a verify: ``security.md`` 3.9, row by row.

Each test looks at what is left in the database and on the phone, and takes the way out, by
HTTP and through another process. Nothing else runs: no sweeper, no operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from django_d7verify.models import Recipient
from django_d7verify.words import EventKind, PinStatus, SessionStatus

from . import points
from .answers import Answer
from .database import count_stuck
from .figures import Figures
from .people import KINDS, Kind, Person, make_wrong
from .site import Site, wait_for

APPROVED, WRONG, CLOSED = "200 APPROVED", "400 invalid_code", "400 session_closed"
THROTTLED, SENT, RESENT = "429 throttled", "201 OPEN", "200 OPEN"

#: Points at which the message is out, or will be.
MESSAGE_OUT = [points.WHILE_SENDING, points.AFTER_SENDING, points.BEFORE_SENT_COMMITS]
IN_A_SEND = [points.BEFORE_CLAIM_COMMITS, points.AFTER_CLAIM, *MESSAGE_OUT]
#: Points at which a provider-made code is charged, and may have been compared.
CHARGED = [
    points.AFTER_CHARGE,
    points.WHILE_ASKING,
    points.AFTER_ASKING,
    points.BEFORE_PROVIDERS_VERDICT_COMMITS,
]

only_made = pytest.mark.parametrize(
    "kind", [KINDS["provider-made codes"]], ids=["provider-made codes"]
)
either_code = pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])


class Undertaker:
    """Kills the process that serves a call, and sees to it that another one goes on."""

    def __init__(self, person: Person, figures: Figures) -> None:
        self._person = person
        self._figures = figures
        self.killed = 0

    def kill_at(self, point: str, make_call: Callable[[], Answer]) -> None:
        """Make the call whose process dies at *point*."""
        site, kind = self._person.site, self._person.kind
        #: Where it goes on into a call of the provider, that is done and never answered.
        stalled = {
            points.WHILE_SENDING: kind.resend_path if self._person.codes() else kind.send_path,
            points.WHILE_ASKING: kind.verify_path,
        }.get(point)
        if stalled is None:
            self.killed = site.kill_at(point, make_call)
            return
        before = len(site.emulator.calls(stalled))
        site.emulator.add_fault("stall", stalled)
        self.killed = site.kill_at(
            point, make_call, when=lambda: len(site.emulator.calls(stalled)) > before
        )

    def show(self, way_out: Answer) -> None:
        """The way out was taken, in another process."""
        person = self._person
        assert way_out.worker not in {0, self.killed}
        self._figures.show(
            "way out",
            [way_out],
            messages=len(person.codes()),
            attempts=person.session().attempts,
            events=", ".join(person.kinds_of_events()),
        )


@pytest.fixture
def undertaker(person: Person, figures: Figures) -> Undertaker:
    return Undertaker(person, figures)


def get_charges(recipient: Recipient) -> dict[str, int]:
    """Every limit of *recipient*."""
    names = ["next_send", "sends_hour", "sends_day", "failures_hour", "failures_day"]
    return {name: getattr(recipient, name) for name in names}


def get_state(person: Person) -> tuple[Any, ...]:
    """What a verify may change."""
    session = person.session()
    kept = (session.status, session.attempts, session.unanswered, session.approved_at)
    return *kept, get_charges(person.recipient()), person.kinds_of_events()


def read_pins(person: Person) -> list[tuple[int, str]]:
    return [(pin.generation, pin.status) for pin in person.pins()]


def assert_sends_nothing(person: Person, otp_id: str) -> None:
    """Inside the 60 seconds, no call of anybody's sends to this number."""
    messages = len(person.codes())
    assert person.send().outcome == person.resend(otp_id).outcome == THROTTLED
    assert len(person.codes()) == messages


# Row 1: before the claim of a send commits.


def test_a_send_killed_before_its_claim_leaves_nothing_and_goes_out_at_once_when_repeated(
    person: Person, undertaker: Undertaker
) -> None:
    undertaker.kill_at(points.BEFORE_CLAIM_COMMITS, person.send)
    assert (person.sessions(), person.pins(), person.codes()) == ([], [], [])
    assert set(get_charges(person.recipient()).values()) == {0}
    assert person.recipient().claim == ""
    sent = person.send()
    assert sent.outcome == SENT
    undertaker.show(sent)
    assert len(person.codes()) == 1
    assert person.verify(sent["otp_id"], person.newest_code()).outcome == APPROVED


# Row 2: after it, before the call.


def test_a_send_killed_after_its_claim_sends_nothing_for_60_seconds_and_a_new_one_works_then(
    site: Site, person: Person, undertaker: Undertaker
) -> None:
    undertaker.kill_at(points.AFTER_CLAIM, person.send)
    session = person.session()
    assert (session.status, read_pins(person)) == (SessionStatus.OPEN, [(1, PinStatus.CLAIMED)])
    assert (person.codes(), person.kinds_of_events()) == ([], [])
    assert_sends_nothing(person, str(session.otp_id))
    site.advance(60)
    sent = person.send()
    assert sent.outcome == SENT
    undertaker.show(sent)
    assert len(person.codes()) == 1
    assert person.verify(sent["otp_id"], person.newest_code()).outcome == APPROVED


# Row 3: during the call, or after it.


@pytest.mark.parametrize("point", MESSAGE_OUT)
def test_a_send_killed_when_its_message_is_out_sends_no_second_one_inside_60_seconds(
    site: Site, person: Person, undertaker: Undertaker, point: str
) -> None:
    undertaker.kill_at(point, person.send)
    session = person.session()
    otp_id = str(session.otp_id)
    assert (session.status, read_pins(person)) == (SessionStatus.OPEN, [(1, PinStatus.CLAIMED)])
    assert (len(person.codes()), person.kinds_of_events()) == (1, [])
    assert_sends_nothing(person, otp_id)
    if person.kind.is_own:
        # Its code is known here, and works.
        approved = person.verify(otp_id, person.newest_code())
        assert approved.outcome == APPROVED
        undertaker.show(approved)
        return
    # Nobody here knows what the provider calls it: nothing is asked, and nothing counted.
    assert person.verify(otp_id, person.newest_code()).outcome == CLOSED
    assert (person.count_asked(), person.session().attempts) == (0, 0)
    site.advance(60)
    sent = person.send()
    assert sent.outcome == SENT
    undertaker.show(sent)
    assert len(person.codes()) == 2
    assert person.verify(sent["otp_id"], person.newest_code()).outcome == APPROVED


# The same rows for a resend: the person is at a screen, with an open session.


@pytest.mark.parametrize("is_out", [True, False], ids=["code at hand", "next resend"])
@pytest.mark.parametrize("point", IN_A_SEND)
def test_a_killed_resend_strands_nobody(
    site: Site, person: Person, undertaker: Undertaker, point: str, is_out: bool
) -> None:
    otp_id = person.get_otp_id()
    site.advance(60)
    undertaker.kill_at(point, lambda: person.resend(otp_id))
    session = person.session()
    is_claimed = point != points.BEFORE_CLAIM_COMMITS
    assert session.status == SessionStatus.OPEN
    assert (session.generation, session.resend_count) == (1 + is_claimed, is_claimed)
    assert read_pins(person) == [
        (1, PinStatus.SENT),
        *([(2, PinStatus.CLAIMED)] if is_claimed else []),
    ]
    assert len(person.codes()) == 1 + (point in MESSAGE_OUT)
    if is_claimed:
        assert_sends_nothing(person, otp_id)
    if is_out:
        # The newest code on the phone, whichever it is.
        approved = person.verify(otp_id, person.newest_code())
        assert approved.outcome == APPROVED
        undertaker.show(approved)
        return
    if is_claimed:
        site.advance(60)
    messages = len(person.codes())
    resent = person.resend(otp_id)
    assert resent.outcome == RESENT
    undertaker.show(resent)
    assert len(person.codes()) == messages + 1
    assert person.verify(otp_id, person.newest_code()).outcome == APPROVED


# Row 4: during a verify, before anything of it commits.


@either_code
def test_a_verify_killed_before_it_commits_charges_nothing_and_the_same_code_is_compared_again(
    person: Person, undertaker: Undertaker, kind: Kind, is_right: bool
) -> None:
    otp_id = person.get_otp_id()
    code = person.newest_code() if is_right else make_wrong(person.newest_code())
    before = get_state(person)
    point = points.BEFORE_VERDICT_COMMITS if kind.is_own else points.BEFORE_CHARGE_COMMITS
    undertaker.kill_at(point, lambda: person.verify(otp_id, code))
    assert get_state(person) == before
    assert person.count_asked() == 0
    again = person.verify(otp_id, code)
    undertaker.show(again)
    if is_right:
        assert again.outcome == APPROVED
        return
    assert (again.outcome, again["attempts_left"]) == (WRONG, 4)
    assert person.verify(otp_id, person.newest_code()).outcome == APPROVED


# Row 5: after the charge of a provider-made code.


@only_made
@pytest.mark.parametrize("point", CHARGED)
@pytest.mark.parametrize("alternative", [False, True], ids=["C9 off", "C9 on"])
def test_a_right_code_killed_after_its_charge_is_approved_when_it_is_tried_again(
    site: Site, person: Person, undertaker: Undertaker, point: str, alternative: bool
) -> None:
    site.emulator.set_switches(alternative_verify_answers=alternative)
    otp_id = person.get_otp_id()
    code = person.newest_code()
    undertaker.kill_at(point, lambda: person.verify(otp_id, code))
    assert_charged(person)
    # No other code profits from what the provider thinks of this one.
    other = person.verify(otp_id, make_wrong(code))
    assert (other.outcome, other["attempts_left"]) == (WRONG, 3)
    again = person.verify(otp_id, code)
    assert again.outcome == APPROVED
    undertaker.show(again)
    assert person.kinds_of_events().count(EventKind.APPROVED) == 1
    assert person.session().unanswered == ""
    assert person.verify(otp_id, code).outcome == CLOSED


@only_made
@pytest.mark.parametrize("point", CHARGED)
def test_a_wrong_code_killed_after_its_charge_stays_charged_and_the_right_one_is_approved(
    person: Person, undertaker: Undertaker, point: str
) -> None:
    otp_id = person.get_otp_id()
    wrong = make_wrong(person.newest_code())
    undertaker.kill_at(point, lambda: person.verify(otp_id, wrong))
    assert_charged(person)
    again = person.verify(otp_id, wrong)
    assert (again.outcome, again["attempts_left"]) == (WRONG, 3)
    approved = person.verify(otp_id, person.newest_code())
    assert approved.outcome == APPROVED
    undertaker.show(approved)


def assert_charged(person: Person) -> None:
    """One attempt, on the session and on the number; no answer."""
    session, recipient = person.session(), person.recipient()
    assert (session.status, session.attempts) == (SessionStatus.OPEN, 1)
    assert len(session.unanswered.split()) == 1
    assert min(recipient.failures_hour, recipient.failures_day) > 0
    assert person.kinds_of_events() == [EventKind.SENT]


# Row 6: after the commit, and the answer is lost.


@pytest.mark.parametrize("is_in_time", [True, False], ids=["within 5 minutes", "later"])
def test_an_approval_whose_answer_is_lost_can_be_used_by_the_same_session_within_5_minutes(
    site: Site, person: Person, undertaker: Undertaker, is_in_time: bool
) -> None:
    otp_id = person.get_otp_id()
    code = person.newest_code()
    undertaker.kill_at(points.BEFORE_ANSWER, lambda: person.verify(otp_id, code))
    session = person.session()
    assert (session.status, session.attempts) == (SessionStatus.APPROVED, 1)
    assert person.kinds_of_events() == [EventKind.SENT, EventKind.APPROVED]
    assert site.state(otp_id).outcome == APPROVED
    assert person.verify(otp_id, code).outcome == CLOSED
    site.advance(270 if is_in_time else 300)
    used = site.consume(otp_id=otp_id, purpose=person.purpose)
    assert used.outcome == ("200 CONSUMED" if is_in_time else CLOSED)
    undertaker.show(used)
    assert site.consume(otp_id=otp_id, purpose=person.purpose).outcome == CLOSED


def test_a_wrong_code_whose_answer_is_lost_was_counted_once(
    person: Person, undertaker: Undertaker
) -> None:
    otp_id = person.get_otp_id()
    wrong = make_wrong(person.newest_code())
    undertaker.kill_at(points.BEFORE_ANSWER, lambda: person.verify(otp_id, wrong))
    session = person.session()
    assert (session.status, session.attempts) == (SessionStatus.OPEN, 1)
    assert person.kinds_of_events() == [EventKind.SENT, EventKind.WRONG_CODE]
    again = person.verify(otp_id, wrong)
    assert (again.outcome, again["attempts_left"]) == (WRONG, 3)
    undertaker.show(again)
    assert person.verify(otp_id, person.newest_code()).outcome == APPROVED


# And the site goes on.


def test_killed_processes_are_replaced_and_leave_nothing_locked(
    site: Site, person: Person, figures: Figures
) -> None:
    killed = set()
    for point in (points.BEFORE_CLAIM_COMMITS, points.AFTER_CLAIM):
        killed.add(site.kill_at(point, Person(site, person.kind).send))
    workers = wait_for(site.find_all_workers)
    figures.show_text("processes", f"{len(killed)} killed, {len(workers)} at work")
    assert not workers & killed
    wait_for(lambda: count_stuck() == 0)
