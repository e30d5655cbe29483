"""Used, cancelled, out of attempts, another's, of another purpose: what opens nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from django_d7verify import services
from django_d7verify.exceptions import SessionClosed
from django_d7verify.models import OTPSession
from tests.conftest import NUMBER

from .site import (
    OTHER_NUMBER,
    RESEND_PATH,
    STARTED_AT,
    VERIFY_PATH,
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_closed,
    assert_refused,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db

ATTEMPTS = 5


def spend_attempts(api: Api, otp_id: str, code: str, count: int = ATTEMPTS) -> None:
    for variant in range(1, count + 1):
        answer = api.verify(otp_id, make_wrong(code, variant))
        assert_wrong(answer, attempts_left=ATTEMPTS - variant)


def test_the_right_code_after_the_last_attempt_is_refused(
    api: Api, phones: Phones, clocks: Clocks, emulator
):
    otp_id = api.send()["otp_id"]
    code = phones.newest_code()
    spend_attempts(api, otp_id, code)
    assert_closed(api.verify(otp_id, code))
    assert api.state(otp_id)["status"] == "LOCKED"
    if phones.makes_codes:
        assert len(emulator.calls(VERIFY_PATH)) == ATTEMPTS


def test_a_session_out_of_attempts_is_not_resent(
    api: Api, phones: Phones, clocks: Clocks, emulator
):
    otp_id = api.send()["otp_id"]
    spend_attempts(api, otp_id, phones.newest_code())
    clocks.advance(60)
    assert_closed(api.resend(otp_id))
    assert len(phones.codes()) == 1
    assert emulator.calls(RESEND_PATH) == []


def test_a_resend_does_not_give_attempts_back(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    spend_attempts(api, otp_id, phones.newest_code(), count=4)
    clocks.advance(60)
    assert api.resend(otp_id).status == 200
    assert_wrong(api.verify(otp_id, make_wrong(phones.newest_code())), attempts_left=0)
    assert_closed(api.verify(otp_id, phones.newest_code()))


def test_the_right_code_is_taken_as_the_last_attempt(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    spend_attempts(api, otp_id, phones.newest_code(), count=4)
    assert_approved(api.verify(otp_id, phones.newest_code()))


def test_an_approved_session_takes_neither_its_code_nor_another(
    api: Api, phones: Phones, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    code = phones.newest_code()
    assert_approved(api.verify(otp_id, code))
    assert_closed(api.verify(otp_id, code))
    assert_closed(api.verify(otp_id, make_wrong(code)))
    clocks.advance(60)
    assert_closed(api.resend(otp_id))
    assert OTPSession.objects.get().attempts == 1


def test_a_cancelled_session_takes_no_code_and_no_resend(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    cancelled = api.cancel(otp_id)
    assert (cancelled.status, cancelled.body) == (200, {"otp_id": otp_id, "status": "CANCELLED"})
    assert_closed(api.verify(otp_id, phones.newest_code()))
    clocks.advance(60)
    assert_closed(api.resend(otp_id))
    assert api.state(otp_id)["status"] == "CANCELLED"


def test_cancelling_gives_no_second_message_before_its_time(
    api: Api, phones: Phones, clocks: Clocks
):
    api.cancel(api.send()["otp_id"])
    clocks.advance(59)
    assert_refused(api.send(), 429, "throttled", retry_after=1)
    assert len(phones.codes()) == 1


def test_cancelling_a_closed_session_answers_its_state_and_changes_nothing(
    api: Api, phones: Phones, clocks: Clocks
):
    approved = api.send()["otp_id"]
    assert_approved(api.verify(approved, phones.newest_code()))
    clocks.advance(60)
    locked = api.send()["otp_id"]
    spend_attempts(api, locked, phones.newest_code())
    cancelled = api.send(OTHER_NUMBER)["otp_id"]
    api.cancel(cancelled)
    clocks.advance(60)
    expired = api.send(OTHER_NUMBER)["otp_id"]
    clocks.advance(600)
    for otp_id, status in {
        approved: "APPROVED",
        locked: "LOCKED",
        cancelled: "CANCELLED",
        expired: "EXPIRED",
    }.items():
        answer = api.cancel(otp_id)
        assert (answer.status, answer.body) == (200, {"otp_id": otp_id, "status": status})
        assert api.state(otp_id)["status"] == status


def test_a_failed_session_takes_no_code_and_answers_so(api: Api, d7, clocks: Clocks):
    d7.add_fault("invalid")
    assert_refused(api.send(), 502, "gateway_refused")
    otp_id = str(OTPSession.objects.get().otp_id)
    assert_closed(api.verify(otp_id, "123456"))
    assert_closed(api.resend(otp_id))
    assert api.cancel(otp_id).body == {"otp_id": otp_id, "status": "FAILED"}


def test_an_unknown_id_is_closed_to_everything_and_not_found(
    api: Api, phones: Phones, clocks: Clocks
):
    unknown = str(uuid.uuid4())
    assert_closed(api.verify(unknown, "123456"))
    assert_closed(api.resend(unknown))
    assert_closed(api.cancel(unknown))
    assert_refused(api.state(unknown), 404, "session_closed")
    assert phones.all_codes() == []


def test_no_answer_tells_an_unknown_id_from_a_used_one(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    assert_approved(api.verify(otp_id, phones.newest_code()))
    for call in (api.resend, lambda otp_id: api.verify(otp_id, "123456")):
        known, unknown = call(otp_id), call(str(uuid.uuid4()))
        assert (known.status, known.body) == (unknown.status, unknown.body)


def test_a_code_opens_no_other_session_of_another_number(api: Api, phones: Phones, clocks: Clocks):
    mine, theirs = api.send()["otp_id"], api.send(OTHER_NUMBER)["otp_id"]
    code, their_code = phones.newest_code(), phones.newest_code(OTHER_NUMBER)
    assert_wrong(api.verify(theirs, code), attempts_left=4)
    assert_wrong(api.verify(mine, their_code), attempts_left=4)
    assert_approved(api.verify(mine, code))


def test_a_code_opens_no_other_session_of_the_same_number(api: Api, phones: Phones, clocks: Clocks):
    first = api.send()["otp_id"]
    clocks.advance(60)
    second = api.send()["otp_id"]
    first_code, second_code = phones.codes()
    assert_wrong(api.verify(first, second_code), attempts_left=4)
    assert_wrong(api.verify(second, first_code), attempts_left=4)
    # Sessions are independent: the newer one closes no older one.
    assert_approved(api.verify(first, first_code))
    assert_approved(api.verify(second, second_code))


def test_a_code_never_crosses_purposes(phones: Phones, clocks: Clocks):
    otp = services.send_otp(NUMBER, purpose="login")
    code = phones.newest_code()
    for purpose in ("verify", "change_phone", "unheard-of", ""):
        with pytest.raises(SessionClosed):
            services.verify_otp(otp.otp_id, code, purpose=purpose)
    assert OTPSession.objects.get().attempts == 0
    result = services.verify_otp(otp.otp_id, code, purpose="login")
    assert (result.approved, result.otp.purpose) == (True, "login")


def test_a_proof_is_good_for_its_purpose_its_session_and_its_five_minutes(
    api: Api, phones: Phones, clocks: Clocks
):
    token = api.verify(api.send()["otp_id"], phones.newest_code())["verification_token"]
    clocks.advance(60)
    other_id = api.send()["otp_id"]
    other = api.verify(other_id, phones.newest_code())["verification_token"]
    forged = f"{other_id}:{token.partition(':')[2]}"
    lone = f"{other_id}:\ud800"
    for bad in (forged, token[:-1], token + "x", other_id, lone, "", ":", None, 5, "\0", "a:b:c"):
        with pytest.raises(SessionClosed):
            services.consume_verification_token(bad, purpose="verify")
    with pytest.raises(SessionClosed):
        services.consume_verification_token(other, purpose="login")
    late = STARTED_AT + timedelta(seconds=300)
    with pytest.raises(SessionClosed):
        services.consume_verification_token(token, purpose="verify", now=late)
    in_time = late - timedelta(microseconds=1)
    assert services.consume_verification_token(token, purpose="verify", now=in_time)
    assert services.consume_verification_token(other, purpose="verify")


def test_a_proof_of_what_was_never_approved_proves_nothing(
    api: Api, phones: Phones, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    token = services.make_verification_token(services.get_otp(otp_id))
    with pytest.raises(SessionClosed):
        services.consume_verification_token(token, purpose="verify")
