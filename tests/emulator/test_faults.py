"""Every fault as a client sees it."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import PHONE

SEND = "/verify/v1/otp/send-otp"
BODY = {"recipient": PHONE, "content": "{}"}
BALANCE = "/messages/v1/balance"


def test_refuse_means_no_connection_even_for_a_client_with_a_pool(d7, emulator):
    assert d7.get(BALANCE).status_code == 200
    emulator.add_fault("refuse", seconds=60)
    for _ in range(3):
        with pytest.raises(requests.ConnectionError, match="refused"):
            d7.get(BALANCE)
    emulator.stop_refusing()
    assert d7.get(BALANCE).status_code == 200


def test_refuse_by_the_control_call_begins_once_it_is_answered_and_ends_by_itself(d7, control):
    assert control.post("/faults", {"name": "refuse", "seconds": 0.2}).status_code == 200
    with pytest.raises(requests.ConnectionError, match="refused"):
        d7.get(BALANCE)
    with pytest.raises(requests.ConnectionError, match="refused"):
        control.get("/clock")
    give_up_at = time.monotonic() + 5
    while time.monotonic() < give_up_at:
        try:
            assert d7.get(BALANCE).status_code == 200
            break
        except requests.ConnectionError:
            time.sleep(0.02)
    else:
        pytest.fail("The port did not open again.")


def test_refuse_can_be_repeated_and_reset_ends_it(d7, emulator):
    url = emulator.url
    for _ in range(5):
        emulator.add_fault("refuse", seconds=60)
        emulator.add_fault("refuse", seconds=60)
        with pytest.raises(requests.ConnectionError):
            d7.get(BALANCE)
        emulator.reset()
        assert d7.get(BALANCE).status_code == 200
    assert emulator.url == url


def test_reset_cuts_before_the_request_is_read(d7, emulator):
    emulator.add_fault("reset", SEND)
    # Whether "reset by peer" or "without response" is the client's: it may lose the first
    # error while it still writes.
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        d7.post(SEND, BODY)
    assert emulator.messages() == []
    assert emulator.calls()[-1]["status"] is None
    assert d7.post(SEND, BODY).status_code == 200


def test_reset_is_a_reset_and_not_a_close(emulator):
    emulator.add_fault("reset")
    parts = urlsplit(emulator.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_slow_acts_and_answers_late(d7, emulator):
    emulator.add_fault("slow", SEND, seconds=0.2)
    began = time.monotonic()
    assert d7.post(SEND, BODY).status_code == 200
    assert time.monotonic() - began >= 0.2
    assert len(emulator.messages(PHONE)) == 1


def test_stall_acts_and_never_answers(d7, emulator):
    emulator.add_fault("stall", SEND)
    with pytest.raises(requests.ReadTimeout):
        d7.session.post(d7.url + SEND, json=BODY, timeout=1)
    assert len(emulator.messages(PHONE)) == 1
    assert d7.post(SEND, BODY).status_code == 200


def test_stall_ends_after_its_seconds_without_an_answer(d7, emulator):
    emulator.add_fault("stall", SEND, seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        d7.post(SEND, BODY)


def test_stall_acts_on_a_verification_too(d7, emulator):
    otp_id = d7.post(SEND, BODY).json()["otp_id"]
    body = {"otp_id": otp_id, "otp_code": emulator.messages(PHONE)[-1]["code"]}
    emulator.add_fault("stall", "/verify/v1/otp/verify-otp")
    with pytest.raises(requests.ReadTimeout):
        d7.session.post(d7.url + "/verify/v1/otp/verify-otp", json=body, timeout=1)
    assert d7.get(f"/verify/v1/report/{otp_id}").json() == {"status": "APPROVED"}


def test_cut_body_acts_and_sends_half_an_answer(d7, emulator):
    emulator.add_fault("cut_body", SEND)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        d7.post(SEND, BODY)
    assert len(emulator.messages(PHONE)) == 1


def test_trickled_headers_come_letter_by_letter_so_that_no_read_times_out(d7, emulator):
    emulator.add_fault("trickled_headers", interval_seconds=0.02, seconds=0.5)
    began = time.monotonic()
    with pytest.raises(requests.RequestException) as caught:
        d7.session.post(d7.url + SEND, json=BODY, timeout=0.3)
    assert not isinstance(caught.value, requests.Timeout)
    assert time.monotonic() - began >= 0.45
    assert len(emulator.messages(PHONE)) == 1


def test_trickled_headers_begin_like_an_answer(emulator):
    emulator.add_fault("trickled_headers", interval_seconds=0.01, seconds=5)
    parts = urlsplit(emulator.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(f"GET {BALANCE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        while not got.endswith(b"aaa"):
            got += client.recv(100)
    assert got.startswith(b"HTTP/1.1 401 OK\r\nX-Wait: aaa")


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("forbidden", 403, "Forbidden"),
        ("too_many", 429, "Too Many Requests"),
    ],
)
def test_a_fault_with_a_text_does_not_act(d7, emulator, name, status, detail):
    emulator.add_fault(name, SEND)
    answer = d7.post(SEND, BODY)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert emulator.messages() == []


def test_too_many_says_when_to_come_back(d7, emulator):
    emulator.add_fault("too_many")
    assert d7.get(BALANCE).headers["Retry-After"] == "7"
    emulator.add_fault("too_many", retry_after=60)
    assert d7.get(BALANCE).headers["Retry-After"] == "60"


def test_the_other_shapes_of_d7s_errors(d7, emulator):
    shapes = {"unauthorized": (401, dict), "no_credit": (402, list), "invalid": (422, list)}
    for name, (status, shape) in shapes.items():
        emulator.add_fault(name, SEND)
        answer = d7.post(SEND, BODY)
        assert answer.status_code == status
        assert isinstance(answer.json()["detail"], shape)
    assert emulator.messages() == []


def test_messenger_fails_in_its_own_words(messenger, emulator):
    bodies = {
        "unauthorized": (401, {"message": "Unauthenticated."}),
        "forbidden": (403, {"message": "This action is unauthorized."}),
        "too_many": (429, {"message": "Too Many Attempts."}),
        "invalid": (
            422,
            {"message": "The given data was invalid.", "errors": {"receiver": ["Invalid number"]}},
        ),
    }
    for name, (status, body) in bodies.items():
        emulator.add_fault(name, "/messenger/")
        answer = messenger.call("/sms")
        assert (answer.status_code, answer.json()) == (status, body)
    emulator.add_fault("no_credit", "/messenger")
    assert messenger.call("/2fa/send").json()["error"] == "Not enough credit"


@pytest.mark.parametrize("name", ["server_error", "not_json"])
def test_an_html_answer_acts_only_where_it_is_told_to(d7, emulator, name):
    status = {"server_error": 500, "not_json": 200}[name]
    for act in (False, True):
        emulator.add_fault(name, SEND, act=act)
        answer = d7.post(SEND, BODY)
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.startswith("<html>")
        assert len(emulator.messages(PHONE)) == int(act)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/messages/v1/send", {"status": "rejected"}),
        (SEND, {"status": "FAILED"}),
        ("/verify/v1/otp/verify-otp", {"status": "FAILED"}),
        ("/messenger/sms", {"error": "Rejected"}),
    ],
)
def test_rejected_is_200_and_still_a_no(d7, emulator, path, words):
    emulator.add_fault("rejected", path)
    answer = d7.post(path, BODY)
    assert answer.status_code == 200
    assert words.items() <= answer.json().items()
    assert emulator.messages() == []


def test_redirect_names_a_place(d7, emulator):
    emulator.add_fault("redirect", SEND, location="/elsewhere")
    answer = d7.post(SEND, BODY)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/elsewhere")
    assert emulator.messages() == []


def test_times_counts_calls_and_a_path_is_matched_by_whole_segments(d7, emulator):
    emulator.add_fault("forbidden", "/verify/v1/otp", times=2)
    statuses = [d7.post(SEND, BODY).status_code for _ in range(3)]
    assert statuses == [403, 403, 200]
    emulator.add_fault("forbidden", "/verify/v1/ot")
    assert d7.post(SEND, BODY).status_code == 200
    emulator.add_fault("forbidden", SEND)
    assert d7.get(BALANCE).status_code == 200
    assert d7.post(SEND, BODY).status_code == 403


def test_faults_are_taken_in_the_order_in_which_they_were_added(d7, emulator):
    emulator.add_fault("forbidden")
    emulator.add_fault("too_many", BALANCE)
    assert [d7.get(BALANCE).status_code for _ in range(3)] == [403, 429, 200]


def test_faults_never_touch_control_calls_or_the_page(d7, control, emulator):
    emulator.add_fault("forbidden")
    assert control.get("/messages").status_code == 200
    assert d7.get("/").status_code == 200
    assert d7.get("/favicon.ico").status_code == 404
    assert d7.get(BALANCE).status_code == 403


def test_faults_are_listed_and_cleared(control, d7):
    control.post("/faults", {"name": "slow", "path": SEND, "times": 3, "seconds": 1})
    expected = [{"name": "slow", "path": SEND, "times": 3, "seconds": 1.0}]
    assert control.get("/faults").json() == expected
    assert control.session.delete(control.url + "/faults").json() == []
    assert control.get("/faults").json() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "needs a name"),
        ({"name": 5}, "needs a name"),
        ({"name": "explode"}, "known are refuse, reset, unauthorized"),
        ({"name": "slow", "times": 0}, "times must be"),
        ({"name": "slow", "times": True}, "times must be"),
        ({"name": "slow", "times": "2"}, "times must be"),
        ({"name": "slow", "path": 5}, "path must be"),
        ({"name": "slow", "path": "verify"}, "path must be"),
        ({"name": "slow", "minutes": 1}, "Unknown option 'minutes' of slow; known: seconds"),
        ({"name": "slow", "seconds": "1"}, "seconds must be a number"),
        ({"name": "slow", "seconds": -1}, "seconds must be from 0"),
        ({"name": "not_json", "act": 1}, "act must be true or false"),
        ({"name": "redirect", "location": "/\r\nX: y"}, "location must be one line"),
        ({"name": "slow", "self": 1}, "Unknown option 'self'"),
    ],
)
def test_a_fault_that_does_not_fit_is_refused_with_a_sentence(control, body, words):
    answer = control.post("/faults", body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
