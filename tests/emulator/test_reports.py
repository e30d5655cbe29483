"""Delivery reports as a customer's site gets them: gateway-apis F."""

from __future__ import annotations

import json
import time
from email.parser import BytesParser
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from django_d7verify.emulator.reports import is_loopback

from .conftest import PHONE

LONG = 1000


@pytest.fixture(autouse=True)
def quick(emulator):
    emulator.set_switches(report_delay_seconds=0)


def send_d7(d7, report_url):
    message = {"recipients": [PHONE], "content": "Hi", "report_url": report_url}
    body = {"messages": [message], "message_globals": {"originator": "SMSInfo"}}
    return d7.post("/messages/v1/send", body).json()["request_id"]


def send_messenger(messenger, dlruri, **fields):
    fields = {"smstext": "Hi", "receiver": PHONE, "sender": "S", "dlruri": dlruri, **fields}
    return messenger.call("/sms", **fields).json()["dlr_id"]


def fields_of(report):
    return dict(parse_qsl(report[3].decode()))


def statuses_of(receiver, count):
    return [fields_of(receiver.next())["status"] for _ in range(count)]


def test_d7_posts_a_form_for_sent_and_then_for_delivered(d7, emulator, receiver):
    request_id = send_d7(d7, receiver.url + "/reports/x/?a=1")
    reports = [receiver.next(), receiver.next()]
    for method, path, kind, _body in reports:
        assert (method, path) == ("POST", "/reports/x/?a=1")
        assert kind == "application/x-www-form-urlencoded"
    log = d7.get(f"/report/v1/message-log/{request_id}").json()["messages"][0]
    expected = {
        "request_id": request_id,
        "msg_id": log["msg_id"],
        "recipient": PHONE,
        "originator": "SMSInfo",
    }
    assert [fields_of(report) for report in reports] == [
        {**expected, "status": "sent"},
        {**expected, "status": "delivered"},
    ]
    assert log["status"] == "delivered"
    assert emulator.messages(PHONE)[-1]["status"] == "delivered"


def test_reports_may_be_json_or_multipart(d7, emulator, receiver):
    emulator.set_switches(report_format="json")
    send_d7(d7, receiver.url)
    _, _, kind, body = receiver.next()
    assert kind == "application/json"
    assert json.loads(body)["status"] == "sent"
    receiver.next()
    emulator.set_switches(report_format="multipart")
    send_d7(d7, receiver.url)
    _, _, kind, body = receiver.next()
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields = {
        part.get_param("name", header="content-disposition"): part.get_payload()
        for part in message.get_payload()
    }
    assert fields["recipient"] == PHONE
    assert fields["status"] == "sent"


def test_messenger_gets_the_address_with_its_placeholders_filled_in(messenger, receiver):
    dlruri = receiver.url + "/r?id=%smsid%&dlr=%dlr%&to=%receiver%&at=%time%"
    send_messenger(messenger, dlruri, dlrid="my id&x=1")
    method, path, _kind, body = receiver.next()
    assert (method, body) == ("GET", b"")
    query = parse_qs(urlsplit(path).query)
    assert query["id"] == ["my id&x=1"]
    assert query["dlr"] == ["sent"]
    assert query["to"] == [PHONE.removeprefix("+")]
    assert len(query["at"][0]) == len("2026-01-01 00:00:00")
    assert "dlr=delivered" in receiver.next()[1]


def test_messengers_values_may_be_kannels_numbers(messenger, emulator, receiver):
    emulator.set_switches(messenger_report_values="kannel")
    send_messenger(messenger, receiver.url + "/?dlr=%dlr%")
    assert [receiver.next()[1] for _ in range(2)] == ["/?dlr=8", "/?dlr=1"]
    emulator.deliver(PHONE, "undelivered")
    assert receiver.next()[1] == "/?dlr=2"
    emulator.deliver(PHONE, "something")
    assert receiver.next()[1] == "/?dlr=something"


def test_a_report_is_repeated_until_it_is_answered_200(d7, receiver):
    receiver.statuses = [500, 204]
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 4) == ["sent", "sent", "sent", "delivered"]


def test_after_three_repetitions_the_next_report_comes(d7, receiver):
    receiver.statuses = [500] * 4
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 5) == ["sent"] * 4 + ["delivered"]


def test_repetitions_can_be_switched_off(d7, emulator, receiver):
    emulator.set_switches(report_retries=0)
    receiver.statuses = [500]
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 2) == ["sent", "delivered"]


def test_reports_wait_for_the_emulators_clock(d7, emulator, receiver):
    emulator.set_switches(report_delay_seconds=LONG)
    send_d7(d7, receiver.url)
    assert emulator.messages(PHONE)[-1]["status"] == "processed"
    emulator.advance_clock(LONG)
    assert statuses_of(receiver, 1) == ["sent"]
    assert not receiver.has_more()


def wait_until_idle(emulator):
    """Every report of the newest message is done with."""
    give_up_at = time.monotonic() + 5
    while emulator.messages()[-1]["status"] != "delivered" and time.monotonic() < give_up_at:
        time.sleep(0.01)


def test_a_fault_reports_twice(d7, emulator, receiver):
    emulator.add_fault("report_twice", "/messages")
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 4) == ["sent", "sent", "delivered", "delivered"]
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 2) == ["sent", "delivered"]


def test_a_fault_reports_backward_while_the_log_keeps_the_truth(d7, emulator, receiver):
    emulator.add_fault("report_backward")
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 2) == ["delivered", "sent"]
    assert emulator.messages(PHONE)[-1]["status"] == "delivered"


def test_a_fault_reports_never_while_the_log_keeps_the_truth(d7, emulator, receiver):
    emulator.add_fault("report_never")
    send_d7(d7, receiver.url)
    wait_until_idle(emulator)
    assert emulator.messages(PHONE)[-1]["status"] == "delivered"
    assert not receiver.has_more()


def test_faults_of_reports_leave_calls_alone_and_the_reverse(d7, emulator, receiver):
    emulator.add_fault("report_never")
    assert d7.get("/messages/v1/balance").status_code == 200
    emulator.add_fault("forbidden")
    assert d7.get("/messages/v1/balance").status_code == 403


def test_delivery_makes_a_report_happen_and_drops_those_to_come(d7, emulator, receiver):
    emulator.set_switches(report_delay_seconds=LONG)
    send_d7(d7, receiver.url)
    emulator.deliver(PHONE, "not_reachable")
    assert statuses_of(receiver, 1) == ["not_reachable"]
    emulator.advance_clock(2 * LONG)
    emulator.deliver(PHONE, "spam_content")
    assert statuses_of(receiver, 1) == ["spam_content"]
    assert emulator.messages(PHONE)[-1]["status"] == "spam_content"


@pytest.mark.parametrize("spelling", ["un_delivered", "undelivered"])
def test_a_failed_delivery_has_the_spelling_that_is_switched_on(d7, emulator, receiver, spelling):
    emulator.set_switches(undelivered_spelling=spelling, report_delay_seconds=LONG)
    request_id = send_d7(d7, receiver.url)
    emulator.deliver(PHONE, "undelivered")
    assert statuses_of(receiver, 1) == [spelling]
    [row] = d7.get(f"/report/v1/message-log/{request_id}").json()["messages"]
    assert row["status"] == spelling


def test_a_report_goes_to_this_machine_and_nowhere_else():
    here = ["http://127.0.0.1:1/", "http://127.9.9.9/", "http://localhost:8000/x", "http://[::1]/"]
    there = [
        "http://10.0.0.1/",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "https://127.0.0.1/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "file:///etc/passwd",
        "",
    ]
    assert all(map(is_loopback, here))
    assert not any(map(is_loopback, there))


def test_an_address_that_cannot_be_called_stops_nothing(d7, emulator, receiver):
    emulator.set_switches(report_retries=0)
    for url in ("http://10.255.255.1/", "http://127.0.0.1:1/", "http://localhost/a b"):
        send_d7(d7, url)
    send_d7(d7, receiver.url)
    assert statuses_of(receiver, 2) == ["sent", "delivered"]


def send_otp(d7, receiver):
    body = {
        "recipient": PHONE,
        "content": "{}",
        "success_url": receiver.url + "/yes",
        "failure_url": receiver.url + "/no",
    }
    return d7.post("/verify/v1/otp/send-otp", body).json()["otp_id"]


def test_verify_callbacks_are_off_by_default(d7, emulator, receiver):
    otp_id = send_otp(d7, receiver)
    d7.post("/verify/v1/otp/verify-otp", {"otp_id": otp_id, "otp_code": "x"})
    wait_until_idle(emulator)
    assert not receiver.has_more()


def test_verify_callbacks_may_tell_of_verifications(d7, emulator, receiver):
    emulator.set_switches(verify_callbacks="verification")
    otp_id = send_otp(d7, receiver)
    for code in ("x", emulator.messages(PHONE)[-1]["code"]):
        d7.post("/verify/v1/otp/verify-otp", {"otp_id": otp_id, "otp_code": code})
        report = receiver.next()
        status = "FAILED" if code == "x" else "APPROVED"
        assert report[:2] == ("POST", "/no" if code == "x" else "/yes")
        assert fields_of(report) == {"otp_id": otp_id, "recipient": PHONE, "status": status}


def test_verify_callbacks_may_tell_of_deliveries(d7, emulator, receiver):
    emulator.set_switches(verify_callbacks="delivery")
    otp_id = send_otp(d7, receiver)
    report = receiver.next()
    assert report[:2] == ("POST", "/yes")
    assert fields_of(report) == {"otp_id": otp_id, "recipient": PHONE, "status": "delivered"}
    emulator.deliver(PHONE, "not_reachable")
    assert receiver.next()[1] == "/no"
