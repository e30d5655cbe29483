"""Direct Messenger on the wire: gateway-apis B."""

from __future__ import annotations

import re
import uuid

import pytest

PHONE = "+37255512345"
DIGITS = PHONE.removeprefix("+")
SMS = {"smstext": "Foo", "receiver": DIGITS, "sender": "Apple"}
QUEUED = {"status": "Success", "description": "Your message was succesfully added to the queue"}
INVALID = "The given data was invalid."


def errors_of(answer):
    assert answer.status_code == 422
    assert answer.json()["message"] == INVALID
    return answer.json()["errors"]


def test_an_sms_without_dlruri_is_queued_and_answers_no_id(messenger, emulator):
    answer = messenger.call("/sms", **SMS)
    assert (answer.status_code, answer.json()) == (200, QUEUED)
    [message] = emulator.messages(PHONE)
    assert (message["provider"], message["originator"], message["text"]) == (
        "messenger",
        "Apple",
        "Foo",
    )


def test_with_dlruri_the_id_given_comes_back_as_a_text(messenger, emulator):
    dlruri = "http://h.example/?dlr=%dlr%&id=%smsid%"
    answer = messenger.call("/sms", **SMS, dlruri=dlruri, dlrid=158)
    assert answer.json() == {**QUEUED, "dlr_id": "158"}
    assert emulator.messages(PHONE)[-1]["reference"] == "158"


def test_with_dlruri_and_without_dlrid_the_id_is_a_uuid(messenger):
    body = messenger.call("/sms", **SMS, dlruri="http://h.example/").json()
    assert str(uuid.UUID(body["dlr_id"])) == body["dlr_id"]


@pytest.mark.parametrize("place", ["form", "multipart", "query"])
def test_parameters_may_stand_in_a_form_a_multipart_or_the_query(messenger, emulator, place):
    fields = {"api_token": "key", **SMS, "smstext": "Tänane kood: 493021 & 100%"}
    options = {
        "form": {"data": fields},
        "multipart": {"files": {name: (None, text) for name, text in fields.items()}},
        "query": {"params": fields},
    }[place]
    assert messenger.post("/sms", **options).json()["status"] == "Success"
    assert emulator.messages(PHONE)[-1]["text"] == "Tänane kood: 493021 & 100%"


def test_a_bearer_is_taken_too_and_json_bodies_are_not_read(messenger):
    bearer = {"Authorization": "Bearer key"}
    assert messenger.post("/sms", data=SMS, headers=bearer).status_code == 200
    assert messenger.post("/sms", json={"api_token": "key", **SMS}).status_code == 401


@pytest.mark.parametrize("token", ["", "bad-token", "None"])
def test_a_bad_or_missing_token_is_unauthenticated(messenger, token):
    answer = messenger.call("/sms", token=token, **SMS)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_an_account_without_credit_is_told_so(messenger, emulator):
    answer = messenger.call("/sms", token="poor-token", **SMS)
    assert (answer.status_code, answer.json()["error"]) == (402, "Not enough credit")
    assert messenger.call("/2fa/send", token="poor-token", receiver=DIGITS).status_code == 402
    assert emulator.messages() == []


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"smstext": ""}, {"smstext": ["The smstext field is required."]}),
        ({"receiver": ""}, {"receiver": ["The receiver field is required."]}),
        ({"sender": ""}, {"sender": ["The sender field is required."]}),
        (
            {"sender": "TwelveLetter"},
            {"sender": ["The sender may not be greater than 11 characters."]},
        ),
        (
            {"sender": "+" + "1" * 15},
            {"sender": ["The sender may not be greater than 15 characters."]},
        ),
        ({"dlruri": "h.example"}, {"dlruri": ["The dlruri format is invalid."]}),
        ({"conversion": "3"}, {"conversion": ["The selected conversion is invalid."]}),
        ({"conversion": "x"}, {"conversion": ["The conversion must be an integer."]}),
        (
            {"deliverytime": "2019-12-30T15:30"},
            {"deliverytime": ["The deliverytime does not match the format Y-m-d H:i:s."]},
        ),
        ({"smstext": "x" * 472}, {"smstext": ["The smstext may not be greater than 3 messages."]}),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(messenger, fields, errors):
    assert errors_of(messenger.call("/sms", **{**SMS, **fields})) == errors


@pytest.mark.parametrize("receiver", ["1234567", "abc", "1" * 16, "+0123456789"])
def test_what_is_not_a_number_is_the_other_kind_of_error(messenger, receiver):
    answer = messenger.call("/sms", **{**SMS, "receiver": receiver})
    assert answer.status_code == 422
    assert answer.json() == {
        "message": "Problem with validating numbers",
        "error": "Invalid number",
    }


@pytest.mark.parametrize(("text", "parts"), [("x" * 160, 1), ("x" * 161, 2), ("x" * 471, 3)])
def test_parts_are_counted_by_messengers_own_numbers(messenger, emulator, text, parts):
    messenger.call("/sms", **{**SMS, "smstext": text})
    assert emulator.messages(PHONE)[-1]["parts"] == parts


@pytest.mark.parametrize(
    ("conversion", "text"),
    [("0", "“Õ” š"), ("1", '"Õ" š'), ("2", '"O" s')],
)
def test_conversion_changes_nothing_some_or_all(messenger, emulator, conversion, text):
    messenger.call("/sms", **{**SMS, "smstext": "“Õ” š", "conversion": conversion})
    assert emulator.messages(PHONE)[-1]["text"] == text


def test_a_delivery_time_schedules_the_message(messenger, emulator):
    messenger.call("/sms", **SMS, deliverytime="2037-12-30 15:30:00")
    assert emulator.messages(PHONE)[-1]["status"] == "scheduled"


def test_a_pin_is_sent_and_also_answered(messenger, emulator):
    answer = messenger.call("/2fa/send", receiver=DIGITS)
    body = answer.json()
    assert body["message"] == "Success"
    assert body["response"]["sms"] == "sent"
    assert re.fullmatch("[A-Z0-9]{6}", body["response"]["pin"])
    assert re.fullmatch("[A-Z0-9]{20}", body["response"]["pin_id"])
    message = emulator.messages(PHONE)[-1]
    assert message["code"] == body["response"]["pin"]
    assert message["reference"] == body["response"]["pin_id"]
    assert message["code"] in message["text"]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, {"receiver": ["The receiver field is required."]}),
        ({"receiver": "x"}, {"receiver": ["Invalid number"]}),
        (
            {"receiver": DIGITS, "pin_length": "3"},
            {"pin_length": ["The pin length must be between 4 and 20."]},
        ),
        (
            {"receiver": DIGITS, "pin_length": "21"},
            {"pin_length": ["The pin length must be between 4 and 20."]},
        ),
    ],
)
def test_a_pin_that_cannot_be_sent_says_why(messenger, fields, errors):
    assert errors_of(messenger.call("/2fa/send", **fields)) == errors


def make_pin(messenger, **fields):
    answer = messenger.call("/2fa/send", receiver=DIGITS, **fields).json()["response"]
    return {"pin": answer["pin"], "pin_id": answer["pin_id"]}


def test_a_pin_is_authenticated_once(messenger):
    pin = make_pin(messenger, pin_length="20")
    assert len(pin["pin"]) == 20
    first = messenger.call("/2fa/authenticate", **pin)
    assert first.json() == {
        "message": "Success",
        "response": {"auth_status": "User has been authenticated", **pin},
    }
    second = errors_of(messenger.call("/2fa/authenticate", **pin))
    assert second == {"auth_status": ["The PIN has already been authenticated"]}


def test_a_pin_expires_after_five_minutes(messenger, emulator):
    pin = make_pin(messenger)
    emulator.advance_clock(299)
    other = make_pin(messenger)
    emulator.advance_clock(1)
    errors = errors_of(messenger.call("/2fa/authenticate", **pin))
    assert errors == {"expire_time": ["The PIN given has expired"]}
    assert messenger.call("/2fa/authenticate", **other).status_code == 200


def test_a_wrong_pin_is_not_found_and_anothers_pin_does_not_match(messenger):
    mine = make_pin(messenger, pin_length="19")
    others = make_pin(messenger, pin_length="20")
    wrong = messenger.call("/2fa/authenticate", pin="0" * 18, pin_id=mine["pin_id"])
    assert errors_of(wrong) == {"pin": ["PIN not found"]}
    crossed = messenger.call("/2fa/authenticate", pin=others["pin"], pin_id=mine["pin_id"])
    assert errors_of(crossed) == {"pin_id": ["PIN and PIN ID not matching"]}


def test_pins_are_compared_exactly(messenger):
    pin = make_pin(messenger, pin_length="20")
    lower = {**pin, "pin": pin["pin"].lower()}
    assert errors_of(messenger.call("/2fa/authenticate", **lower)) == {"pin": ["PIN not found"]}


def test_pin_and_id_have_lengths(messenger):
    errors = errors_of(messenger.call("/2fa/authenticate", pin="123", pin_id="x"))
    assert errors == {
        "pin": ["The pin must be between 4 and 20 characters."],
        "pin_id": ["The pin id must be 20 characters."],
    }
    errors = errors_of(messenger.call("/2fa/authenticate"))
    assert errors["pin"] == ["The pin field is required."]


def test_a_personal_text_is_filled_in_and_not_sent(messenger, emulator):
    text = "Foo %my_var% Bar %second_var% %unset% 100%"
    fields = {"my_var": "variable", "second_var": "õ", "id": "7", "receiver": DIGITS}
    body = messenger.call("/personal", smstext=text, **fields).json()
    assert body == {
        "message": "Success",
        "id": "7",
        "original_text": text,
        "formatted_text": "Foo variable Bar õ %unset% 100%",
        "receiver": DIGITS,
    }
    assert emulator.messages() == []
    assert messenger.call("/personal", smstext="x").json()["receiver"] is None
    errors = errors_of(messenger.call("/personal"))
    assert errors == {"smstext": ["The smstext field is required."]}


def test_the_blacklist_is_listed_added_to_and_removed_from(messenger):
    bearer = {"Authorization": "Bearer key"}
    assert messenger.get("/api/blacklist", headers=bearer).json()["data"] == []
    added = messenger.call("/api/blacklist/create", receiver=PHONE)
    assert added.json() == {
        "response": "Success",
        "message": f"Number ({DIGITS}) added to your blacklist",
    }
    listed = messenger.get("/api/blacklist", params={"api_token": "key"}).json()
    assert (listed["response"], listed["message"]) == ("Success", "Blacklist")
    [row] = listed["data"]
    assert (row["id"], row["receiver"], row["source"]) == (2222, DIGITS, "api")
    twice = errors_of(messenger.call("/api/blacklist/create", receiver=DIGITS))
    assert twice == {"receiver": ["The receiver has already been taken."]}
    removed = messenger.post("/api/blacklist/delete/2222", headers=bearer)
    assert removed.json()["message"] == "Number with id 2222 removed from blacklist"
    assert messenger.call("/api/blacklist/delete/2222").status_code == 404


def test_a_blacklisted_number_is_sent_to_all_the_same(messenger, emulator):
    messenger.call("/api/blacklist/create", receiver=DIGITS)
    assert messenger.call("/sms", **SMS).status_code == 200
    assert len(emulator.messages(PHONE)) == 1


@pytest.mark.parametrize("root", ["", "/"])
def test_one_address_tells_the_calls_apart_by_their_parameters(messenger, root):
    assert messenger.call(root, **SMS).json() == QUEUED
    pin = messenger.call(root, receiver=DIGITS).json()["response"]
    fields = {"pin": pin["pin"], "pin_id": pin["pin_id"]}
    answer = messenger.call(root, **fields).json()
    assert answer["response"]["auth_status"] == "User has been authenticated"
    personal = messenger.call(root, smstext="%a%", a="b").json()
    assert personal["formatted_text"] == "b"
    assert "sender" in errors_of(messenger.call(root, smstext="x", receiver=DIGITS))


def test_unknown_paths_and_wrong_methods_answer_like_laravel(messenger):
    answer = messenger.get("/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": ""})
    answer = messenger.get("/sms")
    assert answer.status_code == 405
    assert answer.json()["message"].endswith("Supported methods: POST.")
