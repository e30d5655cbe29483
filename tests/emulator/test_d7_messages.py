"""D7 Messages, balance, prices, token, lookup and other channels: A.2 to A.6, A.12, A.13."""

from __future__ import annotations

import pytest

from .conftest import PHONE

SEND = "/messages/v1/send"
OTHER = "+37255512345"


def send(d7, message=None, **message_globals):
    message = {"channel": "sms", "recipients": [PHONE], "content": "Greetings", **(message or {})}
    body = {"messages": [message], "message_globals": {"originator": "SMS", **message_globals}}
    return d7.post(SEND, body)


def log(d7, request_id):
    return d7.get(f"/report/v1/message-log/{request_id}")


def test_a_request_is_accepted_with_one_id_and_a_time_with_milliseconds(d7):
    answer = send(d7)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "accepted"
    assert set(body) == {"request_id", "status", "created_at"}
    assert body["created_at"].endswith("Z")
    assert len(body["created_at"]) == len("2001-08-05T12:52:38.393Z")


def test_the_minimal_body_of_the_documents_works_without_globals(d7, emulator):
    message = {
        "channel": "sms",
        "originator": "SMS",
        "recipients": ["+971509752655"],
        "content": "Greetings",
        "msg_type": "text",
    }
    assert d7.post(SEND, {"messages": [message]}).status_code == 200
    assert emulator.messages("+971509752655")[0]["text"] == "Greetings"


def test_a_messages_own_value_wins_over_the_globals(d7, emulator):
    send(d7, {"originator": "Mine"}, originator="Shared")
    assert emulator.messages()[-1]["originator"] == "Mine"


def test_every_recipient_of_every_message_gets_a_text_and_a_row_in_the_log(d7, emulator):
    messages = [
        {"recipients": [PHONE, OTHER.removeprefix("+")], "content": "One"},
        {"recipients": OTHER, "content": "Two " * 60},
    ]
    body = {"messages": messages, "message_globals": {"originator": "SMS"}}
    request_id = d7.post(SEND, body).json()["request_id"]
    shown = log(d7, request_id).json()
    assert (shown["total_recipients"], shown["channel"]) == (3, "sms")
    rows = shown["messages"]
    assert [row["recipient"] for row in rows] == [PHONE, OTHER, OTHER]
    assert [row["country"] for row in rows] == ["AE", "EE", "EE"]
    assert [row["number_of_sms"] for row in rows] == [1, 1, 2]
    assert [row["sms_cost"] for row in rows] == [0.0001, 0.0001, 0.0002]
    assert [row["schedule_time"] for row in rows] == [None] * 3
    assert len({row["msg_id"] for row in rows}) == 3


def test_the_inbox_finds_the_code_in_a_text_that_carries_one(d7, emulator):
    send(d7, {"content": "123456 is your code. @site.example #123456"})
    assert emulator.messages(PHONE)[-1]["code"] == "123456"
    send(d7, {"content": "Your code: K7PQ2M"})
    assert emulator.messages(PHONE)[-1]["code"] == "K7PQ2M"
    send(d7, {"content": "Your code: KWPQXM"})
    assert emulator.messages(PHONE)[-1]["code"] == "KWPQXM"
    send(d7, {"content": "nothing here"})
    assert emulator.messages(PHONE)[-1]["code"] is None


@pytest.mark.parametrize(
    ("message", "loc"),
    [
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["+971501234567", {}]}, "recipients"),
        ({"recipients": 5}, "recipients"),
        ({"data_coding": "gsm"}, "data_coding"),
        ({"msg_type": "smoke"}, "msg_type"),
        ({"originator": "TwelveLetter"}, "originator"),
        ({"report_url": "x"}, "report_url"),
    ],
)
def test_a_field_that_does_not_fit_is_named(d7, emulator, message, loc):
    answer = send(d7, message)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "messages", 0, loc]
    assert emulator.messages() == []


def test_an_originator_must_stand_in_one_of_two_places(d7):
    answer = d7.post(SEND, {"messages": [{"recipients": [PHONE], "content": "x"}]})
    [error] = answer.json()["detail"]
    assert error["loc"] == ["body", "messages", 0, "originator"]
    assert error["type"] == "value_error.missing"


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": {}}, {"messages": [1]}])
def test_messages_must_be_a_list_of_objects(d7, body):
    assert d7.post(SEND, body).status_code == 422


def test_nulls_of_the_sdk_are_taken(d7):
    answer = send(d7, report_url=None, schedule_time=None, tag=None)
    assert answer.json()["status"] == "accepted"


@pytest.mark.parametrize(
    "times",
    [
        {"schedule_time": "2037-08-05T12:52+05:30"},
        {"schedule_time": "2037-08-05T07:22:00+0000"},
        {"schedule_time": "2037-08-05T11:22:00", "schedule_utc_offset": "+04:00"},
    ],
)
def test_a_time_in_each_documented_form_schedules_the_message(d7, times):
    [row] = log(d7, send(d7, **times).json()["request_id"]).json()["messages"]
    assert row["status"] == "scheduled"
    assert row["schedule_time"] == "2037-08-05T07:22:00.000Z"


@pytest.mark.parametrize("text", ["tomorrow", "2037-13-01T00:00", "0001-01-01T00:00+23:00"])
def test_a_time_that_is_none_is_refused(d7, text):
    answer = send(d7, schedule_time=text)
    assert answer.json()["detail"][0]["loc"] == ["body", "message_globals", "schedule_time"]


def test_numbers_that_are_none_are_rejected_with_200_if_there_is_no_other(d7):
    answer = send(d7, {"recipients": ["12"]})
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    assert log(d7, answer.json()["request_id"]).status_code == 404


def test_a_bad_number_among_good_ones_is_seen_in_the_log_only(d7):
    answer = send(d7, {"recipients": ["12", PHONE]}).json()
    assert answer["status"] == "accepted"
    rows = log(d7, answer["request_id"]).json()["messages"]
    assert rows[0]["status"] == "un_delivered"


@pytest.mark.parametrize("reference", ["x", "9d056a09-0fc4-4f68-9058-3846d58aa244"])
def test_an_unknown_request_is_404_with_the_wording_of_requests(d7, reference):
    answer = log(d7, reference)
    assert answer.status_code == 404
    assert answer.json() == {
        "detail": {
            "code": "MESSAGE_LOG_NOT_EXISTS",
            "message": "Given message request id not exists in the system. Please Try Again!",
        }
    }


def test_text_coding_shows_what_gsm_has_not_as_question_marks(d7, emulator):
    send(d7, {"content": "Код 123456 õ", "data_coding": "text"})
    message = emulator.messages()[-1]
    assert (message["text"], message["encoding"]) == ("??? 123456 ?", "GSM-7")


def test_an_account_without_credit_gets_402_and_a_balance_of_zero(d7):
    headers = {"Authorization": "Bearer poor-token"}
    body = {"messages": [{"recipients": [PHONE], "content": "x", "originator": "SMS"}]}
    assert d7.post(SEND, body, headers=headers).status_code == 402
    assert d7.get("/messages/v1/balance", headers=headers).json() == {"balance": 0.0}


def test_the_balance_is_a_number_that_goes_down_with_the_parts_sent(d7):
    assert d7.get("/messages/v1/balance").json() == {"balance": 99.9999999}
    send(d7, {"content": "x" * 200})
    assert d7.get("/messages/v1/balance").json() == {"balance": 99.9997999}


def test_prices_are_one_flat_object_and_can_be_asked_for_one_country(d7):
    prices = d7.get("/messages/v1/sms/pricing").json()
    assert prices["AL"] == 0.066
    one = d7.get("/messages/v1/sms/pricing", params={"country_iso": "ee"}).json()
    assert one == {"EE": 0.05}
    assert d7.get("/messages/v1/sms/pricing", params={"country_iso": "XX"}).json() == {}


def test_a_token_is_made_for_a_form_in_either_encoding(d7):
    fields = {"client_id": "a", "client_secret": "b"}
    path = "/auth/v1/login/application"
    for options in ({"data": fields}, {"files": {k: (None, v) for k, v in fields.items()}}):
        body = d7.post(path, **options).json()
        assert body["token_type"] == "bearer"
        assert len(body["access_token"]) > 20
    assert d7.post(path, data={"client_id": "a"}).status_code == 422
    bad = {"client_id": "a", "client_secret": "bad-token"}
    assert d7.post(path, data=bad).status_code == 401


def test_a_lookup_answers_and_can_be_read_again_by_either_method(d7):
    found = d7.post("/hlr/v1/lookup", {"recipient": "37255512345"}).json()
    assert found["recipient"] == OTHER
    assert (found["status"], found["reachable"], found["type"]) == ("SUCCESS", "yes", "mobile")
    path = f"/hlr/v1/report/{found['request_id']}"
    for report in (d7.get(path).json(), d7.post(path).json()):
        assert report["recipient_type"] == "mobile"
        assert "type" not in report


@pytest.mark.parametrize(
    ("recipient", "code"),
    [("abc", "INVALID_PHONE_NUMBER"), ("+88812345678", "ROUTING_NOT_FOUND")],
)
def test_a_lookup_that_cannot_be_made_says_why(d7, recipient, code):
    answer = d7.post("/hlr/v1/lookup", {"recipient": recipient})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, code)


def test_an_unknown_lookup_is_not_found(d7):
    answer = d7.get("/hlr/v1/report/x")
    assert answer.status_code == 404
    assert answer.json()["detail"]["code"] == "NUMBER_LOOKUP_LOG_NOT_FOUND"


@pytest.mark.parametrize(
    ("send_path", "log_path"),
    [
        ("/viber/v1/send", "/report/v1/viber-log/"),
        ("/whatsapp/v2/send", "/whatsapp/v1/report/"),
        ("/whatsapp/v2/send", "/whatsapp/v2/report/"),
    ],
)
def test_other_channels_answer_with_an_id_whose_log_exists(d7, send_path, log_path):
    sent = d7.post(send_path, {"messages": [{"content": "x"}]}).json()
    assert set(sent) == {"request_id", "status", "created_at"}
    assert d7.get(log_path + sent["request_id"]).status_code == 200
    assert d7.post(send_path, {}).status_code == 422


def test_unknown_paths_and_wrong_methods_answer_in_json(d7):
    answer = d7.get("/nothing/here")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    answer = d7.get(SEND)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["Allow"] == "POST"
    assert d7.session.options(d7.url + SEND).status_code == 405
    assert d7.session.head(d7.url + "/messages/v1/balance").status_code == 405
