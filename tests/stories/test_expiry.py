"""A code lives as long as it was said to, to the second, by the clock that is passed in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_d7verify import services
from django_d7verify.exceptions import SessionClosed
from tests.conftest import NUMBER

from .site import (
    RESEND_PATH,
    SEND_PATH,
    STARTED_AT,
    VERIFY_PATH,
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_closed,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db


def test_a_code_is_taken_in_the_last_second_of_its_life(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    clocks.advance(599)
    assert (api.state(otp_id)["status"], api.state(otp_id)["expiry"]) == ("OPEN", 1)
    assert_approved(api.verify(otp_id, phones.newest_code()))


def test_a_code_is_refused_from_the_second_in_which_it_expires(
    api: Api, phones: Phones, clocks: Clocks, emulator
):
    otp_id = api.send()["otp_id"]
    # D7's clock stands, so that nobody but us can say no.
    clocks.advance(600, provider_seconds=0)
    assert_closed(api.verify(otp_id, phones.newest_code()))
    assert_closed(api.resend(otp_id))
    assert emulator.calls(VERIFY_PATH) == []
    state = api.state(otp_id)
    assert (state["status"], state["expiry"], state["resend_after"]) == ("EXPIRED", 0, None)


def test_expiry_is_exact_on_the_clock_that_is_passed_in(phones: Phones):
    otp = services.send_otp(NUMBER, now=STARTED_AT)
    expires_at = STARTED_AT + timedelta(seconds=600)
    code = phones.newest_code()
    with pytest.raises(SessionClosed):
        services.verify_otp(otp.otp_id, code, now=expires_at)
    last_instant = expires_at - timedelta(microseconds=1)
    assert services.get_otp(otp.otp_id, now=last_instant).expiry == 1
    assert services.verify_otp(otp.otp_id, code, now=last_instant).approved


def test_a_resend_begins_the_life_of_the_code_anew(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    clocks.advance(599)
    assert api.resend(otp_id)["expiry"] == 600
    clocks.advance(599)
    assert_approved(api.verify(otp_id, phones.newest_code()))


def test_a_resent_code_expires_as_exactly(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    clocks.advance(599)
    api.resend(otp_id)
    clocks.advance(600, provider_seconds=0)
    assert_closed(api.verify(otp_id, phones.newest_code()))


def test_a_number_is_sent_to_again_when_its_session_has_expired(
    api: Api, phones: Phones, clocks: Clocks
):
    expired = api.send()["otp_id"]
    clocks.advance(600)
    otp_id = api.send()["otp_id"]
    assert_closed(api.verify(expired, phones.newest_code()))
    assert_approved(api.verify(otp_id, phones.newest_code()))


@pytest.mark.parametrize("alternative", [False, True])
def test_a_code_that_only_the_provider_calls_expired_is_not_approved_and_can_be_resent(
    api: Api, d7, clocks: Clocks, alternative: bool
):
    d7.set_switches(alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    code = d7.messages(NUMBER)[-1]["code"]
    clocks.advance(60, provider_seconds=600)
    if alternative:
        assert_closed(api.verify(otp_id, code))
    else:
        # D7 has one answer for wrong and for expired.
        assert_wrong(api.verify(otp_id, code), attempts_left=4)
    # D7 has forgotten its session, so a new one is begun in its place.
    assert api.resend(otp_id).status == 200
    assert (len(d7.calls(RESEND_PATH)), len(d7.calls(SEND_PATH))) == (1, 2)
    assert_approved(api.verify(otp_id, d7.messages(NUMBER)[-1]["code"]))


def test_a_shorter_life_by_the_providers_word_is_what_a_person_is_told(
    api: Api, d7, clocks: Clocks
):
    d7.set_switches(resend_keeps_expiry=True)
    otp_id = api.send()["otp_id"]
    clocks.advance(100)
    assert 499 <= api.resend(otp_id)["expiry"] <= 500
    code = str(d7.messages(NUMBER)[-1]["code"])
    clocks.advance(500, provider_seconds=0)
    assert_closed(api.verify(otp_id, code))
    assert_closed(api.verify(otp_id, make_wrong(code)))
    assert d7.calls(VERIFY_PATH) == []
    # Nobody is stranded in a session whose code is over: the next resend is a new send.
    clocks.advance(0, provider_seconds=500)
    assert api.resend(otp_id).status == 200
    assert_approved(api.verify(otp_id, d7.messages(NUMBER)[-1]["code"]))
