"""D7 Verify on the wire: gateway-apis A.7 to A.11, with the texts of the documents."""

from __future__ import annotations

import uuid

import pytest

from .conftest import PHONE

SEND, RESEND, VERIFY = (
    "/verify/v1/otp/send-otp",
    "/verify/v1/otp/resend-otp",
    "/verify/v1/otp/verify-otp",
)
WRONG = {
    "detail": {
        "code": "INVALID_OTP_CODE",
        "message": "Invalid OTP code or OTP code expired",
    }
}
UNKNOWN = {
    "detail": {
        "code": "MESSAGE_LOG_NOT_EXISTS",
        "message": "Given message otp id not exists in the system. Please Try Again!",
    }
}


def send(d7, **fields):
    body = {"recipient": PHONE, "content": "Your code is {}", "originator": "SignOTP", **fields}
    return d7.post(SEND, body)


def otp_id_of(d7, **fields):
    return send(d7, **fields).json()["otp_id"]


def newest_code(emulator):
    return emulator.messages(PHONE)[-1]["code"]


def wrong_code(code):
    return "000000" if code != "000000" else "111111"


def test_send_answers_with_an_id_and_an_integer_expiry_though_it_was_a_text(d7):
    answer = send(d7, expiry="300")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body == {"otp_id": str(uuid.UUID(body["otp_id"])), "status": "OPEN", "expiry": 300}


def test_the_code_stands_in_the_message_and_never_in_an_answer(d7, emulator):
    answer = send(d7)
    [message] = emulator.messages(PHONE)
    assert message["text"] == f"Your code is {message['code']}"
    assert message["code"] not in answer.text.replace(answer.json()["otp_id"], "")
    assert message["code"].isdigit()
    assert len(message["code"]) == 6
    assert message["reference"] == answer.json()["otp_id"]
    assert (message["provider"], message["originator"]) == ("d7", "SignOTP")


def test_only_the_first_placeholder_is_replaced_and_braces_are_left_alone(d7, emulator):
    send(d7, content="{x} {} {} {0} %s")
    message = emulator.messages(PHONE)[-1]
    assert message["text"] == f"{{x}} {message['code']} {{}} {{0}} %s"


@pytest.mark.parametrize(
    ("otp_type", "length", "is_letter"),
    [
        ("numeric", 2, str.isdigit),
        ("alpha", "10", str.isupper),
        ("alphanumeric", 8, str.isalnum),
    ],
)
def test_a_code_has_the_letters_and_the_length_that_were_asked_for(
    d7, emulator, otp_type, length, is_letter
):
    send(d7, otp_type=otp_type, otp_code_length=length)
    code = newest_code(emulator)
    assert len(code) == int(length)
    assert is_letter(code)


def test_nulls_are_the_same_as_absent_and_unknown_fields_are_ignored(d7):
    answer = send(d7, expiry=None, data_coding=None, whatever={"x": 1})
    assert answer.json()["expiry"] == 600


def test_a_template_needs_no_content_and_no_originator(d7, emulator):
    answer = d7.post(SEND, {"recipient": PHONE, "template_id": 25})
    assert answer.status_code == 200
    assert emulator.messages(PHONE)[-1]["originator"] == "D7VERIFY"


@pytest.mark.parametrize(
    ("fields", "loc", "kind"),
    [
        ({"recipient": None}, ["body", "recipient"], "type_error.none.not_allowed"),
        ({"content": "no place"}, ["body", "content"], "value_error"),
        ({"content": ""}, ["body", "content"], "value_error.any_str.min_length"),
        ({"content": ["{}"]}, ["body", "content"], "type_error.str"),
        ({"expiry": "soon"}, ["body", "expiry"], "type_error.integer"),
        ({"expiry": True}, ["body", "expiry"], "type_error.integer"),
        ({"expiry": 0}, ["body", "expiry"], "value_error.number.not_ge"),
        ({"otp_code_length": 11}, ["body", "otp_code_length"], "value_error.number.not_le"),
        ({"otp_code_length": 1}, ["body", "otp_code_length"], "value_error.number.not_ge"),
        ({"otp_type": "hex"}, ["body", "otp_type"], "type_error.enum"),
        ({"data_coding": "ucs2"}, ["body", "data_coding"], "type_error.enum"),
        ({"originator": "TwelveLetter"}, ["body", "originator"], "value_error.any_str.max_length"),
        ({"success_url": "ftp://x"}, ["body", "success_url"], "value_error.url.scheme"),
    ],
)
def test_a_field_that_does_not_fit_is_named(d7, emulator, fields, loc, kind):
    answer = send(d7, **fields)
    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert (error["loc"], error["type"]) == (loc, kind)
    assert emulator.messages() == []


def test_a_missing_recipient_is_field_required(d7):
    answer = d7.post(SEND, {"content": "{}"})
    assert answer.json() == {
        "detail": [
            {
                "loc": ["body", "recipient"],
                "msg": "field required",
                "type": "value_error.missing",
            }
        ]
    }


@pytest.mark.parametrize("body", ["", "{", "[1, 2", "[]", "1", '{"a":' * 100_000, "9" * 5000])
def test_a_body_that_is_no_json_object_is_422(d7, body):
    answer = d7.post(SEND, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_what_is_not_a_number_is_refused(d7):
    answer = send(d7, recipient="+12")
    assert answer.status_code == 400
    assert answer.json() == {
        "detail": {"code": "INVALID_PHONE_NUMBER", "message": "Number is not valid"}
    }


def test_a_recipient_without_plus_is_the_same_phone(d7, emulator):
    send(d7, recipient=PHONE.removeprefix("+"))
    assert len(emulator.messages(PHONE)) == 1


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic eDp5", "Bearer", "Bearer ", "Bearer None", "Bearer bad-token", "bad-token"],
)
def test_every_call_without_a_good_token_is_401_before_anything_else(d7, header):
    headers = {"Authorization": header}
    answers = [
        d7.post(SEND, {}, headers=headers),
        d7.post(RESEND, {}, headers=headers),
        d7.post(VERIFY, {}, headers=headers),
        d7.get("/verify/v1/report/x", headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 401
        detail = answer.json()["detail"]
        assert detail["code"] == "ACCESS_TOKEN_SIGNATURE_VERIFICATION_FAILED"
        assert detail["message"].startswith("It looks like your requests were failed due to a")


def test_an_account_without_credit_gets_402_with_a_list(d7, emulator):
    body = {"recipient": PHONE, "content": "{}"}
    answer = d7.post(SEND, body, headers={"Authorization": "Bearer poor-token"})
    assert answer.status_code == 402
    assert answer.json()["detail"][0]["code"] == "INSUFFICIENT_CREDIT"
    assert emulator.messages() == []


def test_a_resend_after_sixty_seconds_makes_a_new_code_and_counts(d7, emulator):
    otp_id = otp_id_of(d7)
    old = newest_code(emulator)
    emulator.advance_clock(60)
    answer = d7.post(RESEND, {"otp_id": otp_id})
    assert answer.json() == {
        "otp_id": otp_id,
        "status": "OPEN",
        "expiry": 600,
        "resend_count": 1,
    }
    if newest_code(emulator) != old:
        assert d7.post(VERIFY, {"otp_id": otp_id, "otp_code": old}).json() == WRONG
    new = newest_code(emulator)
    assert d7.post(VERIFY, {"otp_id": otp_id, "otp_code": new}).json() == {"status": "APPROVED"}


def test_a_resend_too_soon_says_how_long_the_delay_is(d7, emulator):
    otp_id = otp_id_of(d7, retry_delay="90")
    emulator.advance_clock(88)
    answer = d7.post(RESEND, {"otp_id": otp_id})
    assert answer.status_code == 400
    text = "Frequent resend request, resend request need minimum 90 seconds delay"
    assert answer.json() == {"detail": text}


def test_the_delay_counts_from_the_last_resend(d7, emulator):
    otp_id = otp_id_of(d7)
    emulator.advance_clock(61)
    assert d7.post(RESEND, {"otp_id": otp_id}).status_code == 200
    text = d7.post(RESEND, {"otp_id": otp_id}).json()["detail"]
    assert text == "Frequent resend request, resend request need minimum 60 seconds delay"


def test_resends_are_counted_and_then_refused(d7, emulator):
    otp_id = otp_id_of(d7, retry_delay=0, retry_count=2)
    counts = [d7.post(RESEND, {"otp_id": otp_id}).json()["resend_count"] for _ in range(2)]
    assert counts == [1, 2]
    answer = d7.post(RESEND, {"otp_id": otp_id})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Resend Failed. Maximum resend limit reached."}


def test_an_expired_code_can_be_neither_resent_nor_used(d7, emulator):
    otp_id = otp_id_of(d7, expiry=120)
    code = newest_code(emulator)
    emulator.advance_clock(120)
    answer = d7.post(RESEND, {"otp_id": otp_id})
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "Resend Failed. OTP time limit expired."},
    )
    answer = d7.post(VERIFY, {"otp_id": otp_id, "otp_code": code})
    assert (answer.status_code, answer.json()) == (400, WRONG)
    assert d7.get(f"/verify/v1/report/{otp_id}").json() == {"status": "EXPIRED"}


def test_a_code_is_approved_once_and_then_already_verified(d7, emulator):
    otp_id = otp_id_of(d7)
    assert d7.get(f"/verify/v1/report/{otp_id}").json() == {"status": "OPEN"}
    code = newest_code(emulator)
    answers = [d7.post(VERIFY, {"otp_id": otp_id, "otp_code": code}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json() for answer in answers] == [
        {"status": "APPROVED"},
        {"status": "ALREADY_VERIFIED"},
    ]
    wrong = {"otp_id": otp_id, "otp_code": wrong_code(code)}
    assert d7.post(VERIFY, wrong).json() == WRONG
    assert d7.get(f"/verify/v1/report/{otp_id}").json() == {"status": "APPROVED"}
    assert d7.post(RESEND, {"otp_id": otp_id}).status_code == 400


def test_wrong_codes_are_refused_and_not_limited(d7, emulator):
    otp_id = otp_id_of(d7)
    code = newest_code(emulator)
    wrong = {"otp_id": otp_id, "otp_code": wrong_code(code)}
    answers = [d7.post(VERIFY, wrong) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {400}
    assert d7.post(VERIFY, {"otp_id": otp_id, "otp_code": code}).json()["status"] == "APPROVED"


def test_a_code_as_an_integer_works_unless_it_begins_with_zero(d7, emulator):
    seen = set()
    while seen != {True, False}:
        otp_id = otp_id_of(d7, otp_code_length=2)
        code = newest_code(emulator)
        seen.add(code.startswith("0"))
        answer = d7.post(VERIFY, {"otp_id": otp_id, "otp_code": int(code)})
        assert (answer.status_code == 200) is not code.startswith("0")


def test_an_unknown_id_is_404_with_the_wording_of_codes(d7):
    otp_id = str(uuid.UUID(int=1))
    answers = [
        d7.post(RESEND, {"otp_id": otp_id}),
        d7.post(VERIFY, {"otp_id": otp_id, "otp_code": "123456"}),
        d7.get(f"/verify/v1/report/{otp_id}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert [answer.json() for answer in answers] == [UNKNOWN] * 3


def test_an_id_that_is_no_uuid_is_422(d7):
    answers = [
        d7.post(RESEND, {"otp_id": "x"}),
        d7.post(VERIFY, {"otp_id": "x", "otp_code": "1"}),
        d7.get("/verify/v1/report/x"),
    ]
    assert [answer.status_code for answer in answers] == [422] * 3
    locs = [answer.json()["detail"][0]["loc"] for answer in answers]
    assert locs == [["body", "otp_id"], ["body", "otp_id"], ["path", "otp_id"]]


def test_v2_is_served_as_an_alias(d7, emulator):
    send_v2 = "/verify/v2/otp/send-otp"
    assert d7.post(send_v2, {"recipient": PHONE}).status_code == 422
    otp_id = d7.post(send_v2, {"recipient": PHONE, "flow_id": "abc"}).json()["otp_id"]
    code = newest_code(emulator)
    assert d7.get(f"/verify/v2/report/{otp_id}").json() == {"status": "OPEN"}
    emulator.advance_clock(60)
    assert d7.post("/verify/v2/otp/resend-otp", {"otp_id": otp_id}).json()["resend_count"] == 1
    code = newest_code(emulator)
    body = {"otp_id": otp_id, "otp_code": code}
    assert d7.post("/verify/v2/otp/verify-otp", body).json() == {"status": "APPROVED"}


def test_two_sends_to_one_number_are_independent(d7, emulator):
    first = otp_id_of(d7)
    code = newest_code(emulator)
    second = otp_id_of(d7)
    assert first != second
    assert d7.post(VERIFY, {"otp_id": first, "otp_code": code}).json() == {"status": "APPROVED"}
    assert d7.get(f"/verify/v1/report/{second}").json() == {"status": "OPEN"}


def test_paths_with_a_trailing_slash_do_not_exist(d7):
    answer = d7.post(SEND + "/", {})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
