"""What was done and never answered: nobody is approved by it who should not be, or is stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Pin
from tests.conftest import NUMBER, make_d7_settings

from .site import (
    RESEND_PATH,
    SEND_PATH,
    VERIFY_PATH,
    Answer,
    Api,
    Clocks,
    assert_approved,
    assert_closed,
    assert_refused,
    assert_throttled,
    assert_wrong,
    make_wrong,
    wait_for_call,
)

pytestmark = pytest.mark.django_db

either_way = pytest.mark.parametrize("alternative", [False, True], ids=["C9 off", "C9 on"])
Losing = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def losing(d7: Emulator, settings: Any) -> Losing:
    """``with losing(path):`` the call is done, and we give up before the answer."""

    @contextmanager
    def lose(path: str) -> Iterator[None]:
        patient = settings.D7VERIFY
        gateway = make_d7_settings(
            d7, read_timeout_seconds=0.05, total_timeout_seconds=2, retry_delay_seconds=50
        )
        settings.D7VERIFY = {**patient, "GATEWAYS": {"default": gateway}}
        d7.add_fault("stall", path)
        count = len(d7.calls(path)) + 1
        yield
        wait_for_call(d7, path, count)
        settings.D7VERIFY = patient

    return lose


def newest_code(d7: Emulator) -> str:
    return str(d7.messages(NUMBER)[-1]["code"])


def assert_lost(answer: Answer, otp_id: str) -> None:
    assert answer.status == 504, answer
    assert answer["code"] == "gateway_uncertain"
    assert "same code again" in answer["detail"]
    assert answer["otp_id"] == otp_id


# A lost answer to verify.


@either_way
def test_the_same_code_is_approved_by_the_next_try_after_its_answer_was_lost(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = newest_code(d7)
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, code), otp_id)
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == ("OPEN", 1)
    assert Event.objects.latest("pk").kind == "answer_lost"
    assert_approved(api.verify(otp_id, code))
    assert OTPSession.objects.get().unanswered == ""
    assert_closed(api.verify(otp_id, code))


@either_way
def test_a_different_code_is_not_approved_after_the_answer_to_the_right_one_was_lost(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = newest_code(d7)
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, code), otp_id)
    assert_wrong(api.verify(otp_id, make_wrong(code)), attempts_left=3)
    assert_wrong(api.verify(otp_id, make_wrong(code)), attempts_left=2)
    # And it took nothing from the right one.
    assert_approved(api.verify(otp_id, code))


@either_way
def test_the_right_code_is_approved_after_the_answer_to_a_wrong_one_was_lost(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = newest_code(d7)
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, make_wrong(code)), otp_id)
    assert_approved(api.verify(otp_id, code))


@either_way
def test_a_wrong_code_is_wrong_however_often_its_answer_is_lost(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    wrong = make_wrong(newest_code(d7))
    for _ in range(2):
        with losing(VERIFY_PATH):
            assert_lost(api.verify(otp_id, wrong), otp_id)
    assert_wrong(api.verify(otp_id, wrong), attempts_left=2)
    assert_approved(api.verify(otp_id, newest_code(d7)))


@either_way
def test_the_right_code_is_approved_when_its_answer_was_lost_twice(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    for _ in range(2):
        with losing(VERIFY_PATH):
            assert_lost(api.verify(otp_id, newest_code(d7)), otp_id)
    assert_approved(api.verify(otp_id, newest_code(d7)))


@either_way
def test_no_wrong_code_is_approved_when_its_answer_and_that_to_the_right_one_were_lost(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = newest_code(d7)
    for text in (code, make_wrong(code)):
        with losing(VERIFY_PATH):
            assert_lost(api.verify(otp_id, text), otp_id)
    # D7's report says "approved" by now, and not of which of the two.
    assert_wrong(api.verify(otp_id, make_wrong(code)), attempts_left=2)
    assert_wrong(api.verify(otp_id, make_wrong(code, 2)), attempts_left=1)


@either_way
def test_lost_answers_are_charged_like_any_other(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = newest_code(d7)
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, make_wrong(code)), otp_id)
    for variant in range(2, 6):
        assert_wrong(api.verify(otp_id, make_wrong(code, variant)), attempts_left=5 - variant)
    assert_closed(api.verify(otp_id, code))
    assert api.state(otp_id)["status"] == "LOCKED"
    assert len(d7.calls(VERIFY_PATH)) == 5


@either_way
def test_a_resend_after_the_answer_to_the_right_code_was_lost_brings_a_code_that_works(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, newest_code(d7)), otp_id)
    clocks.advance(60)
    # For D7 its session is over, in words that no document has: a new one takes its place.
    assert api.resend(otp_id).status == 200
    assert len(d7.messages(NUMBER)) == 2
    assert_approved(api.verify(otp_id, newest_code(d7)))


@either_way
def test_a_lost_answer_before_a_resend_does_not_spoil_one_after_it(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, make_wrong(newest_code(d7))), otp_id)
    clocks.advance(60)
    assert api.resend(otp_id).status == 200
    with losing(VERIFY_PATH):
        assert_lost(api.verify(otp_id, newest_code(d7)), otp_id)
    assert_approved(api.verify(otp_id, newest_code(d7)))


# A lost answer to send, of a code that D7 made.


def test_a_send_without_an_answer_may_have_left_and_is_not_sent_again_within_the_minute(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing
):
    with losing(SEND_PATH):
        answer = api.send()
    otp_id = str(OTPSession.objects.get().otp_id)
    assert_refused(answer, 504, "gateway_uncertain", otp_id=otp_id, retry_after=60)
    assert api.state(otp_id)["status"] == "OPEN"
    clocks.advance(59)
    assert_throttled(api.resend(otp_id), retry_after=1)
    assert_throttled(api.send(), retry_after=1)
    assert len(d7.messages(NUMBER)) == 1


def test_a_code_of_d7_without_its_reference_cannot_be_checked_and_costs_nothing(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing
):
    with losing(SEND_PATH):
        otp_id = api.send()["otp_id"]
    assert_closed(api.verify(otp_id, newest_code(d7)))
    assert OTPSession.objects.get().attempts == 0
    assert d7.calls(VERIFY_PATH) == []


def test_the_resend_after_a_send_without_an_answer_is_a_new_send_that_works(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing
):
    with losing(SEND_PATH):
        otp_id = api.send()["otp_id"]
    clocks.advance(60)
    resent = api.resend(otp_id)
    assert (resent.status, resent["otp_id"], resent["resend_count"]) == (200, otp_id, 1)
    assert (len(d7.calls(SEND_PATH)), len(d7.calls(RESEND_PATH))) == (2, 0)
    assert_approved(api.verify(otp_id, newest_code(d7)))


def test_a_resend_without_an_answer_leaves_the_session_usable_with_the_code_that_came(
    api: Api, d7: Emulator, clocks: Clocks, losing: Losing
):
    otp_id = api.send()["otp_id"]
    clocks.advance(60)
    with losing(RESEND_PATH):
        answer = api.resend(otp_id)
    assert_refused(answer, 504, "gateway_uncertain", otp_id=otp_id, retry_after=60)
    assert api.state(otp_id)["resend_count"] == 1
    assert_throttled(api.resend(otp_id), retry_after=60)
    assert len(d7.messages(NUMBER)) == 2
    assert_approved(api.verify(otp_id, newest_code(d7)))


def test_a_resend_that_never_reached_d7_leaves_the_older_code_good(
    api: Api, d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    clocks.advance(60)
    d7.add_fault("reset", RESEND_PATH)
    assert_refused(api.resend(otp_id), 504, "gateway_uncertain", otp_id=otp_id, retry_after=60)
    assert len(d7.messages(NUMBER)) == 1
    assert_approved(api.verify(otp_id, newest_code(d7)))


# A lost answer to send, of a code that is ours.


def lose_own(settings: Any, *lost: int) -> None:
    gateway = {"BACKEND": "tests.stories.gateways.LossyGateway", "OPTIONS": {"lost": lost}}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}


def own_codes() -> list[str]:
    return [str(message.code) for message in locmem.outbox]


def test_a_code_of_ours_works_though_nobody_knows_whether_it_left(
    api: Api, clocks: Clocks, settings
):
    lose_own(settings, 1)
    answer = api.send()
    otp_id = str(OTPSession.objects.get().otp_id)
    assert_refused(answer, 504, "gateway_uncertain", otp_id=otp_id, retry_after=60)
    assert Pin.objects.get().status == "uncertain"
    assert_wrong(api.verify(otp_id, make_wrong(own_codes()[0])), attempts_left=4)
    assert_approved(api.verify(otp_id, own_codes()[0]))


@pytest.mark.parametrize("used", [0, 1], ids=["the older", "the newer"])
def test_both_codes_work_while_nobody_knows_whether_the_newer_left(
    api: Api, clocks: Clocks, settings, used: int
):
    lose_own(settings, 2)
    otp_id = api.send()["otp_id"]
    clocks.advance(60)
    assert api.resend(otp_id).status == 504
    assert_approved(api.verify(otp_id, own_codes()[used]))


def test_a_confirmed_resend_ends_every_older_code(api: Api, clocks: Clocks, settings):
    lose_own(settings, 2)
    otp_id = api.send()["otp_id"]
    for status in (504, 200):
        clocks.advance(60)
        assert api.resend(otp_id).status == status
    first, second, third = own_codes()
    assert_wrong(api.verify(otp_id, first), attempts_left=4)
    assert_wrong(api.verify(otp_id, second), attempts_left=3)
    assert_approved(api.verify(otp_id, third))


def test_a_code_that_was_surely_not_sent_opens_nothing_and_the_one_before_still_does(
    api: Api, clocks: Clocks, settings
):
    gateway = {"BACKEND": "tests.stories.gateways.RefusingGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    otp_id = api.send()["otp_id"]
    clocks.advance(60)
    assert_refused(api.resend(otp_id), 502, "gateway_refused")
    sent, refused = own_codes()
    assert_wrong(api.verify(otp_id, refused), attempts_left=4)
    assert_approved(api.verify(otp_id, sent))
