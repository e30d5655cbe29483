"""The emulator's own calls, as design 4.6 lists them, and what does not fit them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from .conftest import PHONE

SEND = "/verify/v1/otp/send-otp"


def send(d7, recipient=PHONE):
    return d7.post(SEND, {"recipient": recipient, "content": "{}", "originator": "SignOTP"})


def test_messages_are_listed_with_these_fields_and_the_newest_last(d7, control, emulator):
    first, second = send(d7), send(d7)
    messages = control.get("/messages").json()
    assert [message["reference"] for message in messages] == [
        first.json()["otp_id"],
        second.json()["otp_id"],
    ]
    message = messages[0]
    assert set(message) == {
        "id", "provider", "recipient", "originator", "text", "code", "reference", "encoding",
        "parts", "status", "at",
    }  # fmt: skip
    assert (message["encoding"], message["parts"]) == ("GSM-7", 1)
    assert datetime.fromisoformat(message["at"]).tzinfo is not None
    assert [message["id"] for message in emulator.messages()] == [
        message["id"] for message in messages
    ]


@pytest.mark.parametrize(
    "query", ["%2B971501234567", "+971501234567", "%20971501234567", "971501234567"]
)
def test_messages_of_one_phone_are_found_however_the_plus_arrives(d7, control, query):
    send(d7)
    send(d7, "+37255512345")
    [message] = control.get(f"/messages?recipient={query}").json()
    assert message["recipient"] == PHONE


def test_messages_can_be_cleared_while_codes_stay(d7, control, emulator):
    otp_id = send(d7).json()["otp_id"]
    code = emulator.messages()[-1]["code"]
    control.session.delete(control.url + "/messages")
    assert control.get("/messages").json() == []
    body = {"otp_id": otp_id, "otp_code": code}
    assert d7.post("/verify/v1/otp/verify-otp", body).json() == {"status": "APPROVED"}


def test_the_clock_moves_by_what_was_asked_and_shows_it(control):
    before = control.get("/clock").json()
    assert before["advanced_seconds"] == 0
    after = control.post("/clock", {"advance_seconds": 61}).json()
    assert after["advanced_seconds"] == 61
    moved = datetime.fromisoformat(after["now"]) - datetime.fromisoformat(before["now"])
    assert timedelta(seconds=61) <= moved < timedelta(seconds=66)


@pytest.mark.parametrize("seconds", [-1, "61", None, True, 1e300, [61]])
def test_the_clock_refuses_what_is_no_step_forward(control, seconds):
    answer = control.post("/clock", {"advance_seconds": seconds})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert control.get("/clock").json()["advanced_seconds"] == 0


def test_the_clock_refuses_nan_and_infinity(control):
    for word in ("NaN", "Infinity"):
        data = f'{{"advance_seconds": {word}}}'
        headers = {"Content-Type": "application/json"}
        assert control.post("/clock", data=data, headers=headers).status_code == 400


def test_delivery_answers_with_the_message(d7, control):
    send(d7)
    answer = control.post("/delivery", {"recipient": PHONE, "status": "not_reachable"})
    assert (answer.status_code, answer.json()["status"]) == (200, "not_reachable")


def test_delivery_to_a_phone_without_messages_is_404(control):
    answer = control.post("/delivery", {"recipient": PHONE, "status": "sent"})
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "No message for that recipient."},
    )


def test_reset_empties_everything(d7, messenger, control, emulator):
    otp_id = send(d7).json()["otp_id"]
    messenger.call("/api/blacklist/create", receiver=PHONE)
    control.post("/clock", {"advance_seconds": 5000})
    control.post("/faults", {"name": "forbidden"})
    control.post("/switches", {"accept_get_sms": True})
    assert control.post("/reset").status_code == 200
    assert control.get("/messages").json() == []
    assert control.get("/calls").json() == []
    assert control.get("/faults").json() == []
    assert control.get("/switches").json()["accept_get_sms"] is False
    assert control.get("/clock").json()["advanced_seconds"] == 0
    assert d7.get(f"/verify/v1/report/{otp_id}").status_code == 404
    assert d7.get("/messages/v1/balance").json() == {"balance": 99.9999999}
    assert messenger.get("/api/blacklist", params={"api_token": "x"}).json()["data"] == []


def test_calls_show_the_wire_without_the_token(d7, messenger, control, emulator):
    send(d7)
    messenger.call("/2fa/send", receiver=PHONE)
    messenger.post("/2fa/send", params={"api_token": "hidden-token", "receiver": PHONE})
    calls = control.get("/calls").json()
    assert [(call["method"], call["path"], call["status"], call["auth"]) for call in calls] == [
        ("POST", SEND, 200, "bearer"),
        ("POST", "/messenger/2fa/send", 200, "body"),
        ("POST", "/messenger/2fa/send", 200, "query"),
    ]
    assert calls[0]["body"] == {"recipient": PHONE, "content": "{}", "originator": "SignOTP"}
    assert calls[0]["content_type"] == "application/json"
    assert calls[1]["body"] == {"receiver": PHONE}
    assert calls[2]["query"] == {"receiver": PHONE}
    assert "token" not in str(emulator.calls()).replace("api_token", "token-name-only")
    assert control.get(f"/calls?path={SEND}").json() == calls[:1]
    assert emulator.calls("/nothing") == []


def test_calls_keep_what_is_no_json_and_leave_out_what_is_large(d7, emulator):
    d7.post(SEND, data=b"\xff{")
    d7.post(SEND, data=b"[" * 20_000)
    d7.post(SEND, data=b"[" * 900 + b"]" * 900)
    bodies = [call["body"] for call in emulator.calls()]
    assert bodies[0] == "\ufffd{"
    assert bodies[1] == "(20000 bytes left out)"
    assert bodies[2].startswith("[[[")


@pytest.mark.parametrize("path", ["/clock", "/faults", "/switches", "/delivery"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b'{"a":' * 50_000, b"1" * 5000],
)
def test_a_malformed_body_is_400_with_a_sentence(control, path, body):
    answer = control.post(path, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clock", {}),
        ("/clock", {"advance_seconds": 1, "more": 1}),
        ("/delivery", {"recipient": PHONE}),
        ("/delivery", {"recipient": 5, "status": "sent"}),
        ("/delivery", {"recipient": PHONE, "status": ""}),
        ("/delivery", {"recipient": PHONE, "status": {}}),
        ("/faults", {"name": "slow", "name2": 1}),
    ],
)
def test_a_body_with_wrong_fields_is_400(control, path, body):
    answer = control.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_control_paths_and_methods_are_named(control):
    answer = control.get("/nothing")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "No such control path: /_emulator/nothing"},
    )
    answer = control.get("/reset")
    assert (answer.status_code, answer.json()) == (405, {"error": "/_emulator/reset takes POST."})


def test_the_python_methods_refuse_like_the_calls(emulator):
    with pytest.raises(ValueError, match="forward"):
        emulator.advance_clock(-1)
    with pytest.raises(ValueError, match="known are"):
        emulator.add_fault("explode")
    with pytest.raises(ValueError, match="known are"):
        emulator.set_switches(no_such=True)
    with pytest.raises(LookupError):
        emulator.deliver(PHONE, "sent")
