"""From the first code to the proof that is used once, by HTTP."""

from __future__ import annotations

import uuid

import pytest

from django_d7verify import services
from django_d7verify.exceptions import SessionClosed
from tests.conftest import NUMBER

from .site import (
    OTHER_NUMBER,
    SEND_PATH,
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_closed,
    assert_refused,
    assert_throttled,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db


def test_a_number_is_proven_from_send_to_the_proof_that_is_used_once(
    api: Api, phones: Phones, clocks: Clocks
):
    sent = api.send()
    otp_id = sent["otp_id"]
    assert str(uuid.UUID(otp_id, version=4)) == otp_id
    assert (sent.status, sent.body) == (
        201,
        {
            "otp_id": otp_id,
            "status": "OPEN",
            "recipient": "+9715*****67",
            "expiry": 600,
            "resend_count": 0,
            "resend_after": 60,
        },
    )

    assert_throttled(api.resend(otp_id), retry_after=60)
    clocks.advance(25)
    assert_throttled(api.resend(otp_id), retry_after=35)
    assert_throttled(api.send(), retry_after=35)
    first_code = phones.newest_code()
    assert phones.codes() == [first_code]
    assert_wrong(api.verify(otp_id, make_wrong(first_code)), attempts_left=4)
    assert api.state(otp_id).body == {
        "otp_id": otp_id,
        "status": "OPEN",
        "expiry": 575,
        "resend_count": 0,
        "resend_after": 35,
        "delivery": "",
    }

    clocks.advance(35)
    resent = api.resend(otp_id)
    assert (resent.status, resent.body) == (200, {**sent.body, "resend_count": 1})
    second_code = phones.newest_code()
    assert phones.codes() == [first_code, second_code]
    assert_wrong(api.verify(otp_id, first_code), attempts_left=3)

    approved = api.verify(otp_id, second_code)
    token = approved.body.pop("verification_token")
    assert (approved.status, approved.body) == (
        200,
        {
            "otp_id": otp_id,
            "status": "APPROVED",
            "recipient": "+9715*****67",
            "purpose": "verify",
        },
    )
    assert_closed(api.verify(otp_id, second_code))
    assert_closed(api.resend(otp_id))
    assert api.state(otp_id).body == {
        "otp_id": otp_id,
        "status": "APPROVED",
        "expiry": 0,
        "resend_count": 1,
        "resend_after": None,
        "delivery": "",
    }

    with pytest.raises(SessionClosed):
        services.consume_verification_token(token, purpose="login")
    proven = services.consume_verification_token(token, purpose="verify")
    assert (proven.recipient, proven.otp_id, proven.purpose) == (NUMBER, otp_id, "verify")
    with pytest.raises(SessionClosed):
        services.consume_verification_token(token, purpose="verify")


def test_the_next_session_of_a_proven_number_starts_from_the_beginning(
    api: Api, phones: Phones, clocks: Clocks
):
    first = api.send()
    assert_wrong(api.verify(first["otp_id"], make_wrong(phones.newest_code())), attempts_left=4)
    assert_approved(api.verify(first["otp_id"], phones.newest_code()))
    clocks.advance(60)
    second = api.send()
    assert second["otp_id"] != first["otp_id"]
    assert_wrong(api.verify(second["otp_id"], make_wrong(phones.newest_code())), attempts_left=4)
    assert_approved(api.verify(second["otp_id"], phones.newest_code()))


def test_a_code_may_be_typed_with_blanks_and_hyphens(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    code = phones.newest_code()
    assert_approved(api.verify(otp_id, f" {code[:3]}-{code[3:]} "))


def test_what_cannot_be_a_code_is_not_counted(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    code = phones.newest_code()
    for text in (code[:5], code + "1", "abcdef", "١٢٣٤٥٦", code.replace(code[0], "x")):
        answer = api.verify(otp_id, text)
        assert (answer.status, list(answer.body)) == (400, ["otp_code"])
    assert_wrong(api.verify(otp_id, make_wrong(code)), attempts_left=4)


def test_no_purpose_that_is_not_public_is_sent_for(api: Api, phones: Phones, clocks: Clocks):
    for purpose in ("login", "change_phone", "unheard-of", "VERIFY"):
        assert_refused(api.send(purpose=purpose), 400, "invalid_purpose")
    assert phones.all_codes() == []
    assert api.send(purpose="verify").status == 201


def test_a_public_purpose_of_the_site_has_rules_of_its_own(
    api: Api, phones: Phones, clocks: Clocks, settings
):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "PURPOSES": {
            "vote": {
                "PUBLIC": True,
                "EXPIRY_SECONDS": 300,
                "MAX_ATTEMPTS": 2,
                "MAX_RESENDS": 1,
                "CODE_LENGTH": 8,
            }
        },
    }
    sent = api.send(purpose="vote")
    assert (sent["expiry"], len(phones.newest_code())) == (300, 8)
    clocks.advance(60)
    # The one resend: after it there is nothing to count down to.
    assert api.resend(sent["otp_id"])["resend_after"] is None
    clocks.advance(60)
    assert_closed(api.resend(sent["otp_id"]))
    wrong = make_wrong(phones.newest_code())
    assert_wrong(api.verify(sent["otp_id"], wrong), attempts_left=1)
    assert_wrong(api.verify(sent["otp_id"], wrong), attempts_left=0)
    assert_closed(api.verify(sent["otp_id"], phones.newest_code()))


def test_numbers_do_not_wait_for_each_other(api: Api, phones: Phones, clocks: Clocks):
    assert api.send().status == 201
    assert api.send(OTHER_NUMBER).status == 201
    assert_throttled(api.send(), retry_after=60)


def test_an_hour_has_five_codes_and_an_approval_gives_one_back(
    api: Api, phones: Phones, clocks: Clocks
):
    for _ in range(5):
        otp_id = api.send()["otp_id"]
        clocks.advance(60)
    # One of five comes back every 720 s, and 300 s have passed.
    assert_throttled(api.send(), retry_after=420)
    assert_approved(api.verify(otp_id, phones.newest_code()))
    assert api.send().status == 201
    assert_throttled(api.send(), retry_after=420)


def test_d7_is_told_every_limit_of_ours(api: Api, d7, clocks: Clocks):
    api.send()
    [call] = d7.calls(SEND_PATH)
    assert call["body"] == {
        "recipient": NUMBER,
        "originator": "SignOTP",
        "content": "Your verification code is {}",
        "expiry": 600,
        "data_coding": "auto",
        # Ours less the 10 s that D7's acceptance may come after our claim.
        "retry_delay": 50,
        "retry_count": 6,
        "otp_code_length": 6,
        "otp_type": "numeric",
    }
