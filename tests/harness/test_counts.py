"""What holds for one person and one thread holds for four processes of eight threads at once."""

from __future__ import annotations

from datetime import datetime

from django_d7verify.arrivals import make_microseconds
from django_d7verify.models import Budget, Pin, Recipient
from django_d7verify.words import EventKind, SessionStatus

from .answers import assert_polite, call_at_once, count, find_words
from .figures import Figures
from .people import Kind, Person, make_number, make_wrong
from .site import Site

WRONG, CLOSED, THROTTLED = "400 invalid_code", "400 session_closed", "429 throttled"
#: Of ``PREFIX_BUDGET``, as the site has it by default.
PREFIX_BUDGET = 50
ABROAD = {"own": "+44740", "made": "+3361"}


def count_failures(recipient: Recipient, since: datetime) -> int:
    """How many failures the hour of *recipient* was charged with; the first one after *since*."""
    ahead_seconds = (recipient.failures_hour - make_microseconds(since)) / 1_000_000
    return int(ahead_seconds // 360)


def test_of_200_wrong_codes_at_once_five_are_compared_and_the_right_one_is_refused_after(
    site: Site, person: Person, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    code = person.newest_code()
    started_at = site.now()
    answers = call_at_once(200, lambda i: person.verify(otp_id, make_wrong(code, i + 1)))
    busy = assert_polite(answers)
    asked = person.count_asked()
    figures.show("wrong codes", answers, compared=len(find_words(answers, WRONG)), asked=asked)
    assert count(answers)[WRONG] == 5
    assert count(answers)[CLOSED] == 195 - busy
    assert sorted(answer["attempts_left"] for answer in find_words(answers, WRONG)) == [*range(5)]
    assert asked == (0 if person.kind.is_own else 5)
    assert person.session().attempts == 5
    assert count_failures(person.recipient(), started_at) == 5
    assert sorted(person.kinds_of_events()) == sorted(
        [EventKind.SENT, *[EventKind.WRONG_CODE] * 4, EventKind.LOCKED]
    )
    assert person.verify(otp_id, code).outcome == CLOSED
    assert site.state(otp_id)["status"] == SessionStatus.LOCKED
    assert person.count_asked() == asked


def test_of_50_right_codes_at_once_exactly_one_is_approved_and_its_proof_is_used_once(
    site: Site, person: Person, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    code = person.newest_code()
    answers = call_at_once(50, lambda _: person.verify(otp_id, code))
    busy = assert_polite(answers)
    figures.show("right codes", answers, asked=person.count_asked())
    assert count(answers)["200 APPROVED"] == 1
    assert count(answers)[CLOSED] == 49 - busy
    assert person.session().status == SessionStatus.APPROVED
    assert person.kinds_of_events() == [EventKind.SENT, EventKind.APPROVED]

    [approved] = find_words(answers, "200 APPROVED")
    proof = {"verification_token": approved["verification_token"], "purpose": person.purpose}
    answers = call_at_once(50, lambda _: site.consume(**proof))
    assert_polite(answers)
    figures.show("uses of the proof", answers)
    assert count(answers) == {"200 CONSUMED": 1, CLOSED: 49}


def test_of_50_sends_at_once_to_a_number_never_seen_one_goes_out(
    person: Person, figures: Figures
) -> None:
    answers = call_at_once(50, lambda _: person.send())
    busy = assert_polite(answers)
    figures.show("sends", answers, messages=len(person.codes()))
    assert count(answers)["201 OPEN"] == 1
    assert count(answers)[THROTTLED] == 49 - busy
    assert len(person.codes()) == len(person.sessions()) == len(person.pins()) == 1
    assert person.kinds_of_events() == [EventKind.SENT]
    [sent] = find_words(answers, "201 OPEN")
    code = person.newest_code()
    assert person.verify(sent["otp_id"], code).outcome == "200 APPROVED"


def test_of_50_resends_at_once_none_goes_out_inside_60_seconds_and_one_after(
    site: Site, person: Person, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    # The clock goes on by itself: the calls have the last ten seconds.
    site.advance(50)
    early = call_at_once(50, lambda _: person.resend(otp_id))
    busy = assert_polite(early)
    messages = len(person.codes())
    figures.show("inside the 60 s", early, messages=messages)
    assert count(early)[THROTTLED] == 50 - busy
    assert max(answer["retry_after"] for answer in find_words(early, THROTTLED)) <= 10
    assert messages == 1

    site.advance(60)
    late = call_at_once(50, lambda _: person.resend(otp_id))
    busy = assert_polite(late)
    messages = len(person.codes())
    figures.show("after them", late, messages=messages)
    assert count(late)["200 OPEN"] == 1
    assert count(late)[THROTTLED] == 49 - busy
    assert messages == len(person.pins()) == 2
    session = person.session()
    assert (session.generation, session.resend_count) == (2, 1)
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"


def test_sends_and_resends_at_once_share_one_throttle(
    site: Site, person: Person, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    site.advance(60)
    answers = call_at_once(100, lambda index: person.resend(otp_id) if index % 2 else person.send())
    busy = assert_polite(answers)
    figures.show("sends and resends", answers, messages=len(person.codes()))
    assert count(answers)["200 OPEN"] + count(answers)["201 OPEN"] == 1
    assert count(answers)[THROTTLED] == 99 - busy
    assert len(person.codes()) == len(person.pins()) == 2


def test_of_wrong_codes_in_four_sessions_at_once_ten_an_hour_are_compared_for_the_number(
    site: Site, person: Person, figures: Figures
) -> None:
    ids = []
    for _ in range(4):
        ids.append(person.get_otp_id())
        site.advance(60)
    code = person.newest_code()
    started_at = site.now()
    answers = call_at_once(100, lambda i: person.verify(ids[i % 4], make_wrong(code, i + 1)))
    assert_polite(answers)
    asked = person.count_asked()
    figures.show("wrong codes", answers, asked=asked)
    assert count(answers)[WRONG] == sum(session.attempts for session in person.sessions()) == 10
    assert set(count(answers)) <= {WRONG, CLOSED, "429 locked", "503 gateway_unreachable"}
    assert asked == (0 if person.kind.is_own else 10)
    assert count_failures(person.recipient(), started_at) == 10
    assert person.verify(ids[3], code).outcome in {"429 locked", CLOSED}


def test_of_80_sends_at_once_to_neighbours_abroad_only_the_budget_goes_out(
    site: Site, kind: Kind, figures: Figures
) -> None:
    people = [Person(site, kind, make_number(ABROAD[kind.purpose])) for _ in range(80)]
    assert len({person.number[:-4] for person in people}) == 1
    answers = call_at_once(80, lambda index: people[index].send())
    busy = assert_polite(answers)
    messages = len(site.emulator.messages())
    figures.show("sends", answers, messages=messages)
    assert count(answers)["201 OPEN"] == messages == PREFIX_BUDGET
    assert count(answers)[THROTTLED] == 30 - busy
    numbers = [person.number for person in people]
    assert Pin.objects.filter(session__recipient__in=numbers).count() == PREFIX_BUDGET
    # What was refused took nothing from its number: only from the edge.
    refused = Recipient.objects.filter(number__in=numbers, claim="")
    assert set(refused.values_list("next_send", "sends_hour", "sends_day")) == {(0, 0, 0)}
    assert refused.count() == 30
    assert Budget.objects.filter(scope=f"prefix:{people[0].number[:-4]}").count() == 1
