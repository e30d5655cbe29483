"""Every switch, off and on: gateway-apis C and G."""

from __future__ import annotations

import pytest

from django_d7verify.emulator.switches import CHOICES, Switches

from .conftest import PHONE

V1 = "/verify/v1/otp"


def send_otp(d7, **fields):
    body = {"recipient": PHONE, "content": "{}", "retry_delay": 0, **fields}
    return d7.post(f"{V1}/send-otp", body)


def resend(d7, otp_id):
    return d7.post(f"{V1}/resend-otp", {"otp_id": otp_id}).json()


def verify(d7, otp_id, code):
    return d7.post(f"{V1}/verify-otp", {"otp_id": otp_id, "otp_code": code})


def newest_code(emulator):
    return emulator.messages(PHONE)[-1]["code"]


def test_every_switch_is_shown_with_its_default(control):
    assert control.get("/switches").json() == Switches().as_dict()


def test_lenient_recipients_takes_the_name_of_the_tables(d7, emulator):
    body = {"content": "{}", "recipients": [PHONE]}
    assert d7.post(f"{V1}/send-otp", body).status_code == 422
    emulator.set_switches(lenient_recipients=True)
    assert d7.post(f"{V1}/send-otp", body).status_code == 200
    assert d7.post(f"{V1}/send-otp", {**body, "recipients": PHONE}).status_code == 200
    assert d7.post(f"{V1}/send-otp", {**body, "recipients": [PHONE] * 2}).status_code == 422
    assert len(emulator.messages(PHONE)) == 2


def test_strict_fields_are_those_that_the_old_table_stars(d7, emulator):
    emulator.set_switches(verify_strict_fields=True)
    names = [error["loc"][-1] for error in send_otp(d7).json()["detail"]]
    assert sorted(names) == ["data_coding", "expiry", "originator"]
    assert send_otp(d7, originator="X", expiry="600", data_coding="text").status_code == 200


@pytest.mark.parametrize("call", ["verify-otp", "resend-otp"])
def test_short_paths_of_the_headings_exist_only_behind_a_switch(d7, emulator, call):
    assert d7.post(f"/verify/v1/{call}", {}).status_code == 404
    emulator.set_switches(short_verify_paths=True)
    assert d7.post(f"/verify/v1/{call}", {}).status_code == 422


def test_defaults_of_the_other_documents(d7, emulator):
    emulator.set_switches(default_expiry=300, default_retry_count=3, default_data_coding="text")
    answer = send_otp(d7, content="{} õ").json()
    assert answer["expiry"] == 300
    assert emulator.messages(PHONE)[-1]["text"].endswith(" ?")
    counts = [resend(d7, answer["otp_id"]).get("resend_count") for _ in range(4)]
    assert counts == [1, 2, 3, None]


def test_a_resend_may_answer_a_new_id_and_both_name_the_same_code(d7, emulator):
    old = send_otp(d7).json()["otp_id"]
    emulator.set_switches(resend_new_otp_id=True)
    answer = resend(d7, old)
    assert answer["otp_id"] != old
    assert answer["resend_count"] == 1
    assert emulator.messages(PHONE)[-1]["reference"] == answer["otp_id"]
    assert verify(d7, old, newest_code(emulator)).json() == {"status": "APPROVED"}
    again = verify(d7, answer["otp_id"], newest_code(emulator))
    assert again.json() == {"status": "ALREADY_VERIFIED"}


def test_a_resend_may_keep_the_expiry_and_answers_what_is_left(d7, emulator):
    emulator.set_switches(resend_keeps_expiry=True)
    otp_id = send_otp(d7, expiry=300).json()["otp_id"]
    emulator.advance_clock(100)
    assert resend(d7, otp_id)["expiry"] == 200
    emulator.advance_clock(200)
    assert verify(d7, otp_id, newest_code(emulator)).status_code == 400


def test_old_codes_may_stay_valid_after_a_resend(d7, emulator):
    emulator.set_switches(resend_keeps_old_code=True)
    otp_id = send_otp(d7).json()["otp_id"]
    old = newest_code(emulator)
    resend(d7, otp_id)
    assert verify(d7, otp_id, old).json() == {"status": "APPROVED"}


def test_alternative_verify_answers_turn_400_and_200_round(d7, emulator):
    emulator.set_switches(alternative_verify_answers=True)
    otp_id = send_otp(d7, otp_code_length=10).json()["otp_id"]
    code = newest_code(emulator)
    wrong = verify(d7, otp_id, "1")
    assert (wrong.status_code, wrong.json()) == (200, {"status": "FAILED"})
    assert verify(d7, otp_id, code).json() == {"status": "APPROVED"}
    again = verify(d7, otp_id, code)
    assert (again.status_code, again.json()["detail"]["code"]) == (400, "INVALID_OTP_CODE")
    other = send_otp(d7, expiry=60).json()["otp_id"]
    emulator.advance_clock(60)
    expired = verify(d7, other, newest_code(emulator))
    assert (expired.status_code, expired.json()) == (200, {"status": "EXPIRED"})


def test_an_invalid_number_may_be_422(d7, emulator):
    emulator.set_switches(invalid_number_status=422)
    answer = send_otp(d7, recipient="12")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "recipient"]


def test_the_message_log_may_come_late(d7, emulator):
    emulator.set_switches(message_log_delay=30)
    body = {"messages": [{"recipients": [PHONE], "content": "x", "originator": "S"}]}
    request_id = d7.post("/messages/v1/send", body).json()["request_id"]
    path = f"/report/v1/message-log/{request_id}"
    assert d7.get(path).status_code == 404
    emulator.advance_clock(30)
    assert d7.get(path).status_code == 200


@pytest.mark.parametrize(
    ("profile", "length", "parts"),
    [("standard", 70, 1), ("standard", 71, 2), ("documented", 72, 1), ("153_63", 127, 3)],
)
def test_parts_follow_the_profile(d7, emulator, profile, length, parts):
    emulator.set_switches(d7_text_profile=profile)
    send_otp(d7, content="õ" * (length - 6) + "{}")
    assert emulator.messages(PHONE)[-1]["parts"] == parts


def test_messengers_marker_may_be_message(messenger, emulator):
    fields = {"smstext": "x", "receiver": PHONE, "sender": "S"}
    assert messenger.call("/sms", **fields).json()["status"] == "Success"
    emulator.set_switches(messenger_marker_message=True)
    body = messenger.call("/sms", **fields).json()
    assert body["message"] == "Success"
    assert "status" not in body


def test_messenger_takes_get_only_behind_a_switch(messenger, emulator):
    fields = {"api_token": "k", "smstext": "x", "receiver": PHONE, "sender": "S"}
    paths = ["/sms", "/", "/api"]
    assert [messenger.get(path, params=fields).status_code for path in paths] == [405] * 3
    emulator.set_switches(accept_get_sms=True)
    assert [messenger.get(path, params=fields).status_code for path in paths] == [200] * 3


def test_messenger_may_warn_of_a_low_balance(messenger, emulator):
    emulator.set_switches(messenger_low_balance=True)
    body = messenger.call("/sms", smstext="x", receiver=PHONE, sender="S").json()
    assert body["warning"] == "Balance low, please contact us!"


def test_messengers_answer_without_credit_may_be_422(messenger, emulator):
    emulator.set_switches(messenger_no_credit_status=422)
    answer = messenger.call("/2fa/send", token="poor-token", receiver=PHONE)
    assert (answer.status_code, answer.json()["error"]) == (422, "Not enough credit")


def test_without_an_accept_header_messengers_errors_are_redirects(messenger, emulator):
    headers = {"Accept": "*/*"}
    answer = messenger.post("/sms", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/messenger/login")
    answer = messenger.post("/sms", data={"api_token": "k"}, headers=headers)
    assert answer.status_code == 302
    assert (
        messenger.get("/nothing", headers=headers).headers["Content-Type"].startswith("text/html")
    )
    fields = {"api_token": "k", "smstext": "x", "receiver": PHONE, "sender": "S"}
    assert messenger.post("/sms", data=fields, headers=headers).status_code == 200
    emulator.set_switches(messenger_redirects=False)
    assert messenger.post("/sms", headers=headers).status_code == 401


def test_pins_may_be_digits_only(messenger, emulator):
    emulator.set_switches(messenger_numeric_pins=True)
    messenger.call("/2fa/send", receiver=PHONE, pin_length=20)
    assert newest_code(emulator).isdigit()


def test_switches_are_set_by_post_and_shown(control):
    answer = control.post("/switches", {"resend_new_otp_id": True, "report_delay_seconds": 2})
    assert answer.status_code == 200
    assert answer.json()["resend_new_otp_id"] is True
    assert control.get("/switches").json()["report_delay_seconds"] == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"no_such": True}, "Unknown switch 'no_such'"),
        ({"resend_new_otp_id": 1}, "resend_new_otp_id must be true or false"),
        ({"resend_new_otp_id": "true"}, "resend_new_otp_id must be true or false"),
        ({"report_format": "xml"}, "report_format must be one of 'form', 'multipart', 'json'"),
        ({"report_format": ["form"]}, "report_format must be one of"),
        ({"invalid_number_status": 400.0}, "invalid_number_status must be one of 400, 422"),
        ({"report_retries": 1.5}, "report_retries must be a whole number"),
        ({"report_retries": True}, "report_retries must be a number"),
        ({"report_retries": -1}, "report_retries must be from 0"),
        ({"message_log_delay": "5"}, "message_log_delay must be a number"),
        ({"message_log_delay": 1e12}, "message_log_delay must be from 0"),
        ({"self": 1}, "Unknown switch 'self'"),
    ],
)
def test_a_switch_that_does_not_fit_is_refused_with_a_sentence_and_nothing_is_set(
    control, values, words
):
    body = {"accept_get_sms": True, **values}
    answer = control.post("/switches", body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert control.get("/switches").json()["accept_get_sms"] is False


def test_every_choice_can_be_set(emulator):
    for name, choices in CHOICES.items():
        for choice in choices:
            emulator.set_switches(**{name: choice})
            assert emulator.switches()[name] == choice
