"""D7's client against the emulator, by real HTTP."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from django_d7verify.clients.d7 import D7Client, D7Message
from django_d7verify.clients.d7_answers import Detail, make_delivery, read_detail
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
)
from django_d7verify.words import Delivery, Verdict

from .raw_server import RawServer, answer

TOKEN = "tok.SECRET.en"
NUMBER = "+971501234567"
OTHER_NUMBER = "+37255512345"
SEND_OTP = "/verify/v1/otp/send-otp"
RESEND_OTP = "/verify/v1/otp/resend-otp"
VERIFY_OTP = "/verify/v1/otp/verify-otp"
SEND = "/messages/v1/send"
UNKNOWN_ID = "7f7e1d94-5d3c-4b9e-8a3e-0c5a4fb2d9c1"

CODE = "831207"


@pytest.fixture
def make_client():
    clients = []

    def make(url, **options):
        clients.append(D7Client(**{"api_token": TOKEN, "api_url": url, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(emulator, make_client):
    return make_client(emulator.url)


def send_otp(client, **options):
    given = {"recipient": NUMBER, "originator": "SignOTP", "content": "Code {} is yours"}
    return client.send_otp(**{**given, **options})


def get_code(emulator) -> str:
    return emulator.messages(NUMBER)[-1]["code"]


CALLS = {
    "send_otp": (SEND_OTP, send_otp),
    "resend_otp": (RESEND_OTP, lambda client: client.resend_otp(UNKNOWN_ID)),
    "verify_otp": (
        VERIFY_OTP,
        lambda client: client.verify_otp(otp_id=UNKNOWN_ID, otp_code=CODE),
    ),
    "report": ("/verify/v1/report", lambda client: client.report(UNKNOWN_ID)),
    "send_messages": (
        SEND,
        lambda client: client.send_messages(
            [D7Message(recipients=[NUMBER], content=CODE)], originator="SignOTP"
        ),
    ),
    "message_log": ("/report/v1/message-log", lambda client: client.message_log(UNKNOWN_ID)),
    "balance": ("/messages/v1/balance", lambda client: client.balance()),
    "pricing": ("/messages/v1/sms/pricing", lambda client: client.pricing()),
    "number_lookup": ("/hlr/v1/lookup", lambda client: client.number_lookup(NUMBER)),
}
#: Fault: the error it is, its reason, and words of its message.
FAULTS = {
    "reset": (GatewayUncertain, "other", "no whole answer"),
    "cut_body": (GatewayUncertain, "other", "no whole answer"),
    "no_credit": (GatewayRefused, "no_credit", ": 402 INSUFFICIENT_CREDIT"),
    "too_many": (GatewayUnreachable, "rate_limited", ": 429"),
    "server_error": (GatewayUncertain, "other", ": 500"),
    "not_json": (GatewayUncertain, "other", ": 200"),
    "redirect": (GatewayUncertain, "other", ": 302"),
}


def assert_tells_nothing(error) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error) + error.answer
    for secret in (TOKEN, CODE, NUMBER, NUMBER[1:]):
        assert secret not in told
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_the_same_error_on_every_call(emulator, client, fault, name):
    path, call = CALLS[name]
    error_class, reason, words = FAULTS[fault]
    emulator.add_fault(fault, path)
    with pytest.raises(error_class) as caught:
        call(client)
    error = caught.value
    assert type(error) is error_class
    assert error.reason == reason
    assert words in str(error)
    assert_tells_nothing(error)


@pytest.mark.parametrize("name", ["send_otp", "verify_otp", "report"])
@pytest.mark.parametrize(
    ("fault", "options"),
    [("slow", {}), ("stall", {}), ("trickled_headers", {"interval_seconds": 0.05})],
)
def test_a_provider_that_takes_its_time_is_uncertain(emulator, make_client, fault, options, name):
    path, call = CALLS[name]
    emulator.add_fault(fault, path, **options)
    client = make_client(emulator.url, read_timeout_seconds=0.2, total_timeout_seconds=0.4)
    with pytest.raises(GatewayUncertain) as caught:
        call(client)
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", ["unauthorized", "forbidden"])
def test_a_token_that_is_not_taken_is_a_configuration_error(emulator, client, fault, name):
    path, call = CALLS[name]
    emulator.add_fault(fault, path)
    with pytest.raises(ConfigurationError) as caught:
        call(client)
    assert path in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_connection_is_not_sent(make_client, name):
    with pytest.raises(GatewayUnreachable):
        CALLS[name][1](make_client("http://127.0.0.1:1"))


def test_the_wait_of_a_429_is_carried(emulator, client):
    emulator.add_fault("too_many", SEND_OTP, retry_after=42)
    with pytest.raises(GatewayUnreachable) as caught:
        send_otp(client)
    assert caught.value.retry_after_seconds == 42


def test_a_connection_is_good_again_after_every_fault(emulator, client):
    for fault in FAULTS:
        emulator.add_fault(fault, SEND_OTP)
        with pytest.raises((GatewayRefused, GatewayUncertain, GatewayUnreachable)):
            send_otp(client)
        assert send_otp(client).status == "OPEN"


# Verify


def test_a_code_is_sent_and_approved_once(emulator, client):
    sent = send_otp(client)
    assert (sent.status, sent.expiry_seconds) == ("OPEN", 600)
    message = emulator.messages(NUMBER)[-1]
    code = message["code"]
    assert message["text"] == f"Code {code} is yours"
    assert client.report(sent.otp_id) == Verdict.OPEN
    assert client.verify_otp(otp_id=sent.otp_id, otp_code="000000x") == Verdict.WRONG
    assert client.verify_otp(otp_id=sent.otp_id, otp_code=code) == Verdict.APPROVED
    assert client.verify_otp(otp_id=sent.otp_id, otp_code=code) == Verdict.ALREADY_APPROVED
    assert client.report(sent.otp_id) == Verdict.APPROVED


def test_an_expired_code_is_wrong_and_its_report_says_expired(emulator, client):
    sent = send_otp(client, expiry_seconds=60)
    emulator.advance_clock(61)
    assert client.verify_otp(otp_id=sent.otp_id, otp_code=get_code(emulator)) == Verdict.WRONG
    assert client.report(sent.otp_id) == Verdict.EXPIRED


def test_the_other_documented_answers_to_verify_are_read(emulator, client):
    emulator.set_switches(alternative_verify_answers=True)
    sent = send_otp(client)
    code = get_code(emulator)
    assert client.verify_otp(otp_id=sent.otp_id, otp_code="000000x") == Verdict.WRONG
    assert client.verify_otp(otp_id=sent.otp_id, otp_code=code) == Verdict.APPROVED
    late = send_otp(client, expiry_seconds=60)
    emulator.advance_clock(61)
    assert client.verify_otp(otp_id=late.otp_id, otp_code=get_code(emulator)) == Verdict.EXPIRED


def test_every_option_of_a_send_is_on_the_wire_and_nulls_are_not(emulator, client):
    send_otp(
        client,
        expiry_seconds=300,
        data_coding="unicode",
        channel="SMS",
        retry_delay_seconds=50,
        retry_count=6,
        otp_code_length=8,
        otp_type="alphanumeric",
        success_url="https://example.com/yes",
        failure_url="https://example.com/no",
    )
    assert emulator.calls(SEND_OTP)[-1]["body"] == {
        "recipient": NUMBER,
        "originator": "SignOTP",
        "content": "Code {} is yours",
        "expiry": 300,
        "data_coding": "unicode",
        "channel": "SMS",
        "retry_delay": 50,
        "retry_count": 6,
        "otp_code_length": 8,
        "otp_type": "alphanumeric",
        "success_url": "https://example.com/yes",
        "failure_url": "https://example.com/no",
    }
    send_otp(client, content=None, template_id=25)
    body = emulator.calls(SEND_OTP)[-1]["body"]
    assert body["template_id"] == 25
    assert "content" not in body
    assert None not in body.values()


def test_a_send_without_options_says_all_limits_itself(emulator, client):
    send_otp(client)
    call = emulator.calls(SEND_OTP)[-1]
    assert call["auth"] == "bearer"
    assert call["content_type"] == "application/json"
    body = call["body"]
    assert (body["expiry"], body["retry_delay"], body["retry_count"]) == (600, 60, 5)
    assert (body["otp_code_length"], body["otp_type"]) == (6, "numeric")
    assert body["data_coding"] == "text"


@pytest.mark.parametrize(
    "options",
    [
        {"content": None},
        {"template_id": 25},
        {"content": "no place for it"},
    ],
)
def test_a_send_that_makes_no_sense_is_not_made(emulator, client, options):
    with pytest.raises(ValueError, match="content"):
        send_otp(client, **options)
    assert emulator.calls() == []


def test_text_in_any_language_reaches_the_phone(emulator, client):
    send_otp(client, content="Ваш код {} \N{WINKING FACE} õ", data_coding="unicode")
    message = emulator.messages(NUMBER)[-1]
    assert message["text"] == f"Ваш код {message['code']} \N{WINKING FACE} õ"


@pytest.mark.parametrize("new_id", [True, False])
def test_a_resend_gives_a_new_code_under_the_id_returned(emulator, client, new_id):
    emulator.set_switches(resend_new_otp_id=new_id)
    sent = send_otp(client, retry_delay_seconds=50)
    emulator.advance_clock(50)
    again = client.resend_otp(sent.otp_id)
    assert (again.otp_id != sent.otp_id) is new_id
    assert (again.status, again.expiry_seconds, again.resend_count) == ("OPEN", 600, 1)
    assert client.verify_otp(otp_id=again.otp_id, otp_code=get_code(emulator)) == Verdict.APPROVED


def test_a_resend_tells_why_it_was_refused(emulator, client):
    sent = send_otp(client, expiry_seconds=100)
    with pytest.raises(GatewayRefused) as caught:
        client.resend_otp(sent.otp_id)
    assert caught.value.reason == "too_frequent"
    assert "Frequent resend request" in caught.value.answer
    emulator.advance_clock(101)
    with pytest.raises(GatewayRefused) as caught:
        client.resend_otp(sent.otp_id)
    assert caught.value.reason == "expired"
    assert str(caught.value) == f"POST {RESEND_OTP}: 400"
    with pytest.raises(GatewayRefused) as caught:
        client.resend_otp(UNKNOWN_ID)
    assert caught.value.reason == "unknown_reference"
    assert str(caught.value) == f"POST {RESEND_OTP}: 404 MESSAGE_LOG_NOT_EXISTS"


@pytest.mark.parametrize("otp_id", [UNKNOWN_ID, "no-uuid"])
def test_an_unknown_session_is_refused_as_unknown(client, otp_id):
    for call in (
        lambda: client.resend_otp(otp_id),
        lambda: client.verify_otp(otp_id=otp_id, otp_code="123456"),
        lambda: client.report(otp_id),
    ):
        with pytest.raises(GatewayRefused) as caught:
            call()
        assert caught.value.reason == "unknown_reference"
        assert otp_id not in str(caught.value)


@pytest.mark.parametrize("status", [400, 422])
def test_a_number_that_d7_refuses_is_an_invalid_recipient(emulator, client, status):
    emulator.set_switches(invalid_number_status=status)
    with pytest.raises(GatewayRefused) as caught:
        send_otp(client, recipient="+1")
    assert caught.value.reason == "invalid_recipient"


def test_a_schema_error_tells_its_field(emulator, client):
    emulator.add_fault("invalid", SEND_OTP)
    with pytest.raises(GatewayRefused) as caught:
        send_otp(client)
    assert str(caught.value) == f"POST {SEND_OTP}: 422"
    assert "detail" in caught.value.answer


@pytest.mark.parametrize("name", ["send_otp", "resend_otp", "send_messages"])
def test_200_that_says_no_is_refused(emulator, client, name):
    path, call = CALLS[name]
    emulator.add_fault("rejected", path)
    with pytest.raises(GatewayRefused) as caught:
        call(client)
    assert str(caught.value) == f"POST {path}: 200"


# What the emulator would never say


BAD_SENDS = [
    "{}",
    "[]",
    "null",
    "",
    "OPEN",
    '{"otp_id": "", "status": "OPEN", "expiry": 600}',
    '{"otp_id": null, "status": "OPEN", "expiry": 600}',
    '{"otp_id": "a b", "status": "OPEN", "expiry": 600}',
    '{"otp_id": "\\ud800", "status": "OPEN", "expiry": 600}',
    '{"otp_id": 7, "status": "OPEN", "expiry": 600}',
    '{"otp_id": "%s", "status": "OPEN", "expiry": 600}' % ("x" * 65),
    '{"request_id": "a", "status": "OPEN", "expiry": 600}',
    '{"otp_id": "a", "status": "open", "expiry": 600}',
    '{"otp_id": "a", "status": ["OPEN"], "expiry": 600}',
    '{"otp_id": "a", "expiry": 600}',
    "[" * 60_000,
    '{"a": 1e999999999999999999999}',
    '{"a": %s}' % ("9" * 5000),
]


@pytest.mark.parametrize("body", BAD_SENDS, ids=[body[:50] for body in BAD_SENDS])
def test_a_2xx_that_is_not_what_the_api_promises_is_uncertain(make_client, body):
    with RawServer(answer(body)) as server, pytest.raises(GatewayUncertain):
        send_otp(make_client(server.url))


@pytest.mark.parametrize("status", ["102 Huh", "204 No", "206 Part", "304 Same", "599 No"])
def test_an_odd_status_is_uncertain(make_client, status):
    with RawServer(answer("", status=status)) as server, pytest.raises(GatewayUncertain):
        send_otp(make_client(server.url))


@pytest.mark.parametrize("expiry", ["null", '"soon"', "-5", "true", "1e9", "6.5"])
def test_a_session_with_an_odd_expiry_is_kept(make_client, expiry):
    body = f'{{"otp_id": "a", "status": "OPEN", "expiry": {expiry}}}'
    with RawServer(answer(body)) as server:
        assert send_otp(make_client(server.url), expiry_seconds=300).expiry_seconds == 300


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "approved"}',
        '{"status": "APPROVED "}',
        '{"status": ["APPROVED"]}',
        '{"status": true}',
        '{"approved": true}',
        '"APPROVED"',
        '{"status": "OPEN"}',
    ],
)
def test_only_approved_to_the_letter_approves(make_client, body):
    with RawServer(answer(body)) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).verify_otp(otp_id="a", otp_code="123456")


@pytest.mark.parametrize("status", ["201 Created", "400 Bad Request", "500 Oops", "302 Found"])
def test_approved_with_another_status_than_2xx_approves_nothing(make_client, status):
    with RawServer(answer('{"status": "APPROVED"}', status=status)) as server:
        client = make_client(server.url)
        if status.startswith("2"):
            assert client.verify_otp(otp_id="a", otp_code="123456") == Verdict.APPROVED
            return
        with pytest.raises((GatewayRefused, GatewayUncertain)):
            client.verify_otp(otp_id="a", otp_code="123456")


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "500 Oops"])
def test_an_invalid_code_with_another_status_than_400_is_uncertain(make_client, status):
    script = answer('{"detail": {"code": "INVALID_OTP_CODE"}}', status=status)
    with RawServer(script) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).verify_otp(otp_id="a", otp_code="123456")


def test_a_report_in_unknown_words_is_unknown(make_client):
    with RawServer(answer('{"status": "SLEEPING", "recipient": "x"}')) as server:
        assert make_client(server.url).report("a") == Verdict.UNKNOWN


def test_an_expired_token_is_a_configuration_error_whatever_the_status(make_client):
    body = '{"detail": {"code": "ACCESS_TOKEN_EXPIRED", "message": "x"}}'
    with (
        RawServer(answer(body, status="400 Bad Request")) as server,
        pytest.raises(ConfigurationError, match="ACCESS_TOKEN_EXPIRED"),
    ):
        make_client(server.url).balance()


def test_an_answer_that_echoes_everything_is_kept_without_secrets(make_client):
    body = json.dumps({"detail": f"{TOKEN} KQXWZR {NUMBER} said\0no" + "x" * 1000})
    script = answer(body, status="400 Bad Request")
    with RawServer(script) as server, pytest.raises(GatewayRefused) as caught:
        make_client(server.url).verify_otp(otp_id="a", otp_code="KQXWZR")
    kept = caught.value.answer
    assert kept.startswith('{"detail": "*** *** +*** said')
    assert len(kept) == 500
    assert kept.isprintable()


@pytest.mark.parametrize("otp_id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_not_called(emulator, client, otp_id):
    with pytest.raises(ValueError, match="id"):
        client.report(otp_id)
    assert emulator.calls() == []


def test_an_id_is_quoted_in_the_path(make_client):
    seen = []

    def script(peer):
        seen.append(peer.read().split(b"\r\n")[0])
        peer.write('HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"status":"OPEN"}')

    with RawServer(script) as server:
        make_client(server.url + "/emulators/d7/").report("../a/b?c#d%2F")
    path = b"/emulators/d7/verify/v1/report/..%2Fa%2Fb%3Fc%23d%252F"
    assert seen == [b"GET " + path + b" HTTP/1.1"]


# Messages


def test_texts_are_sent_and_their_log_is_read(emulator, client):
    message = D7Message(recipients=[NUMBER, OTHER_NUMBER, NUMBER], content="Hello " * 40)
    sent = client.send_messages([message], originator="SignOTP")
    assert sent.status == "accepted"
    assert sent.created_at.endswith("Z")
    log = client.message_log(sent.request_id)
    assert log.request_id == sent.request_id
    assert (log.total_recipients, log.channel) == (2, "sms")
    assert [entry.recipient for entry in log.messages] == [NUMBER, OTHER_NUMBER]
    first = log.messages[0]
    assert (first.country, first.parts, first.cost) == ("AE", 2, Decimal("0.0002"))
    assert first.delivery in {Delivery.QUEUED, Delivery.SENT}
    assert NUMBER not in repr(log)
    assert NUMBER not in repr(message)


def test_every_option_of_a_message_is_on_the_wire_and_nulls_are_not(emulator, client):
    message = D7Message(
        recipients=[NUMBER],
        content="Hello",
        originator="Mine",
        channel="sms",
        data_coding="text",
        report_url="https://example.com/own",
        num_lookup=False,
        client_ref="ref",
    )
    moment = datetime.now(UTC) + timedelta(days=1)
    moment = moment.replace(microsecond=123).astimezone(timezone(timedelta(hours=5, minutes=30)))
    client.send_messages(
        [message, D7Message(recipients=[OTHER_NUMBER], content="Hi")],
        originator="Ours",
        data_coding="auto",
        report_url="https://example.com/all",
        schedule_time=moment,
        tag="tag",
    )
    body = emulator.calls(SEND)[-1]["body"]
    assert body["messages"] == [
        {
            "channel": "sms",
            "originator": "Mine",
            "recipients": [NUMBER],
            "content": "Hello",
            "msg_type": "text",
            "data_coding": "text",
            "report_url": "https://example.com/own",
            "num_lookup": False,
            "client_ref": "ref",
        },
        {"recipients": [OTHER_NUMBER], "content": "Hi", "msg_type": "text"},
    ]
    assert body["message_globals"] == {
        "originator": "Ours",
        "channel": "sms",
        "data_coding": "auto",
        "report_url": "https://example.com/all",
        "schedule_time": moment.strftime("%Y-%m-%dT%H:%M+05:30"),
        "tag": "tag",
    }


HELLO = D7Message(recipients=[NUMBER], content="Hello")


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        ([], {}),
        ([D7Message(recipients=[], content="x")], {}),
        ([D7Message(recipients=[NUMBER], content="")], {}),
        ([D7Message(recipients=[f"+9715{n:08}" for n in range(101)], content="x")], {}),
        ([HELLO], {"originator": None}),
        ([HELLO], {"schedule_time": datetime(2099, 1, 1)}),
        ([HELLO], {"schedule_time": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_messages_that_make_no_sense_are_not_sent(emulator, client, messages, options):
    with pytest.raises(ValueError, match=r"\w"):
        client.send_messages(messages, **{"originator": "SignOTP", **options})
    assert emulator.calls() == []


def test_a_hundred_recipients_are_sent(emulator, client):
    recipients = [f"+9715{n:08}" for n in range(100)] * 2
    client.send_messages([D7Message(recipients=recipients, content="x")], originator="SignOTP")
    assert len(emulator.calls(SEND)[-1]["body"]["messages"][0]["recipients"]) == 100


def test_a_log_that_does_not_exist_yet_is_an_unknown_reference(emulator, client):
    emulator.set_switches(message_log_delay=60)
    sent = client.send_messages([HELLO], originator="SignOTP")
    with pytest.raises(GatewayRefused) as caught:
        client.message_log(sent.request_id)
    assert caught.value.reason == "unknown_reference"
    emulator.advance_clock(61)
    assert client.message_log(sent.request_id).total_recipients == 1


@pytest.mark.parametrize("spelling", ["un_delivered", "undelivered"])
def test_a_failed_delivery_is_read_in_both_spellings(emulator, client, spelling):
    emulator.set_switches(undelivered_spelling=spelling)
    sent = client.send_messages([HELLO], originator="SignOTP")
    emulator.deliver(NUMBER, spelling)
    entry = client.message_log(sent.request_id).messages[0]
    assert (entry.status, entry.delivery) == (spelling, Delivery.UNDELIVERED)


@pytest.mark.parametrize(
    ("word", "delivery"),
    [
        ("accepted", Delivery.QUEUED),
        ("processed", Delivery.QUEUED),
        ("Scheduled", Delivery.QUEUED),
        ("sent", Delivery.SENT),
        ("DELIVERED", Delivery.DELIVERED),
        ("un_delivered", Delivery.UNDELIVERED),
        ("Un-Delivered", Delivery.UNDELIVERED),
        ("undelivered", Delivery.UNDELIVERED),
        ("not_reachable", Delivery.UNDELIVERED),
        ("spam content", Delivery.UNDELIVERED),
        ("insufficient_credit", Delivery.UNDELIVERED),
        ("not delivered", Delivery.UNKNOWN),
        ("", Delivery.UNKNOWN),
        (None, Delivery.UNKNOWN),
        (["sent"], Delivery.UNKNOWN),
    ],
)
def test_words_of_delivery_are_ours(word, delivery):
    assert make_delivery(word) == delivery


@pytest.mark.parametrize("body", ["[]", "{}", '{"messages": {}}', '{"messages": null}'])
def test_a_log_without_messages_is_uncertain(make_client, body):
    with RawServer(answer(body)) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).message_log("a")


def test_a_log_with_odd_entries_is_read_as_far_as_it_goes(make_client):
    odd = {"msg_id": None, "status": 5, "number_of_sms": "4", "sms_cost": "0.0004", "country": "\0"}
    body = json.dumps({"messages": [odd, 3, None], "total_recipients": "many"})
    with RawServer(answer(body)) as server:
        log = make_client(server.url).message_log("a")
    (entry,) = log.messages
    assert (entry.msg_id, entry.status, entry.country) == ("", "", "")
    assert (entry.delivery, entry.parts, entry.cost) == (Delivery.UNKNOWN, 4, Decimal("0.0004"))


# The account


def test_the_balance_is_exact(make_client):
    for text in ("99.9999999", "0", "-1.5", "0.00000001"):
        with RawServer(answer(f'{{"balance": {text}}}')) as server:
            assert make_client(server.url).balance() == Decimal(text)


def test_the_balance_of_the_emulator_is_read(client):
    assert client.balance() > 0


@pytest.mark.parametrize("text", ["null", "NaN", "Infinity", "true", '"much"', "1e400", "{}"])
def test_a_balance_that_is_no_amount_is_uncertain(make_client, text):
    with RawServer(answer(f'{{"balance": {text}}}')) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).balance()


def test_an_account_without_credit_is_told_so(emulator, make_client):
    client = make_client(emulator.url, api_token="poor-token")
    with pytest.raises(GatewayRefused) as caught:
        send_otp(client)
    assert caught.value.reason == "no_credit"


def test_a_wrong_token_is_a_configuration_error(emulator, make_client):
    with pytest.raises(ConfigurationError) as caught:
        make_client(emulator.url, api_token="bad-token").balance()
    assert "bad-token" not in str(caught.value)


def test_prices_are_exact(emulator, client):
    assert client.pricing()["AL"] == Decimal("0.066")
    assert client.pricing("EE") == {"EE": Decimal("0.05")}
    assert emulator.calls("/messages/v1/sms/pricing")[-1]["query"] == {"country_iso": "EE"}


def test_a_number_is_looked_up(client):
    found = client.number_lookup(NUMBER)
    assert (found.recipient, found.country_code, found.type) == (NUMBER, "AE", "mobile")
    assert (found.mcc, found.mnc, found.ported, found.reachable) == ("404", "19", False, "yes")
    assert NUMBER not in repr(found)


def test_a_lookup_is_reported_again_by_its_id(client):
    found = client.number_lookup(NUMBER)
    reported = client.number_lookup_report(found.request_id)
    assert (reported.recipient, reported.type) == (found.recipient, found.type)
    with pytest.raises(GatewayRefused) as caught:
        client.number_lookup_report("unknown")
    assert caught.value.reason == "unknown_reference"


def test_a_number_that_is_none_is_an_invalid_recipient(client):
    with pytest.raises(GatewayRefused) as caught:
        client.number_lookup("+1")
    assert caught.value.reason == "invalid_recipient"
    assert str(caught.value) == "POST /hlr/v1/lookup: 400 INVALID_PHONE_NUMBER"


# Errors' bodies, and the client itself


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"detail": "Resend Failed."}, Detail(message="Resend Failed.")),
        ({"detail": {"code": "A", "message": "b"}}, Detail(code="A", message="b")),
        ({"detail": [{"code": "A", "message": "b"}]}, Detail(code="A", message="b")),
        (
            {"detail": [{"loc": ["body", 0, "x"], "msg": "no", "type": "t"}]},
            Detail(message="no", field_errors=(("body.0.x", "no"),)),
        ),
        ({"detail": []}, Detail()),
        ({"detail": None}, Detail()),
        ({"detail": 5}, Detail()),
        ({"detail": [5, {"code": 5, "message": []}]}, Detail()),
        ({"detail": [{"loc": "x"}]}, Detail(field_errors=(("x", ""),))),
        ({}, Detail()),
        ([], Detail()),
        (None, Detail()),
        ("detail", Detail()),
    ],
)
def test_all_shapes_of_detail_are_read(data, detail):
    assert read_detail(data) == detail


def test_the_client_shows_its_host_and_nothing_else():
    client = D7Client(api_token=TOKEN)
    assert repr(client) == "<D7Client api.d7networks.com>"
    assert TOKEN not in repr(vars(client))


@pytest.mark.parametrize("token", ["", " ", "a b", "a\r\nX: y", "õ", "a\n", None, b"abc"])
def test_a_token_that_no_header_can_hold_is_a_configuration_error(token):
    with pytest.raises(ConfigurationError):
        D7Client(api_token=token)
