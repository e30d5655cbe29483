"""Direct Messenger's client against the emulator, by real HTTP."""

from __future__ import annotations

import json
import threading
import traceback
from urllib.parse import parse_qs, urlsplit

import pytest

from django_d7verify.clients.messenger import MessengerClient, check_sender, make_dlruri
from django_d7verify.clients.messenger_answers import Complaint, read_complaint
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
)
from django_d7verify.words import Verdict

from .raw_server import RawServer, answer

TOKEN = "tok.SECRET.en"
NUMBER = "+37255512345"
DIGITS = NUMBER[1:]
PIN = "KQXWZR"
PIN_ID = "BEN4KJIK62GNZDVFJCMG"
SMS = "/messenger/sms"
SEND_PIN = "/messenger/2fa/send"
AUTHENTICATE = "/messenger/2fa/authenticate"
PERSONAL = "/messenger/personal"
BLACKLIST = "/messenger/api/blacklist"
PATHS = {
    "sms_url": SMS,
    "pin_send_url": SEND_PIN,
    "pin_authenticate_url": AUTHENTICATE,
    "personal_url": PERSONAL,
    "blacklist_url": BLACKLIST,
}


@pytest.fixture
def make_client():
    clients = []

    def make(url, **options):
        urls = {option: url + path for option, path in PATHS.items()}
        clients.append(MessengerClient(**{"api_token": TOKEN, **urls, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(emulator, make_client):
    return make_client(emulator.url)


def send_sms(client, **options):
    given = {"receiver": NUMBER, "smstext": f"Code {PIN}", "sender": "SignOTP"}
    return client.send_sms(**{**given, **options})


def get_last_body(emulator, path: str) -> object:
    return emulator.calls(path)[-1]["body"]


CALLS = {
    "send_sms": (SMS, send_sms),
    "send_pin": (SEND_PIN, lambda client: client.send_pin(receiver=NUMBER)),
    "authenticate_pin": (
        AUTHENTICATE,
        lambda client: client.authenticate_pin(pin=PIN, pin_id=PIN_ID),
    ),
    "personalize": (
        PERSONAL,
        lambda client: client.personalize(smstext="%a%", variables={"a": "b"}),
    ),
    "blacklist": (BLACKLIST, lambda client: client.blacklist()),
    "blacklist_add": (f"{BLACKLIST}/create", lambda client: client.blacklist_add(NUMBER)),
    "blacklist_remove": (f"{BLACKLIST}/delete/7", lambda client: client.blacklist_remove(7)),
}
#: Fault: the error it is, its reason, and words of its message.
FAULTS = {
    "reset": (GatewayUncertain, "other", "no whole answer"),
    "cut_body": (GatewayUncertain, "other", "no whole answer"),
    "no_credit": (GatewayRefused, "no_credit", ": 402"),
    "invalid": (GatewayRefused, "invalid_recipient", ": 422"),
    "too_many": (GatewayUnreachable, "rate_limited", ": 429"),
    "rejected": (GatewayRefused, "other", ": 200"),
    "server_error": (GatewayUncertain, "other", ": 500"),
    "not_json": (GatewayUncertain, "other", ": 200"),
    "redirect": (GatewayUncertain, "other", ": 302"),
}


def assert_tells_nothing(error) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error) + error.answer
    for secret in (TOKEN, PIN, PIN_ID, NUMBER, DIGITS):
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


@pytest.mark.parametrize("name", ["send_sms", "send_pin"])
@pytest.mark.parametrize(
    ("fault", "options"),
    [("stall", {}), ("trickled_headers", {"interval_seconds": 0.05})],
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
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_connection_is_not_sent(make_client, name):
    with pytest.raises(GatewayUnreachable):
        CALLS[name][1](make_client("http://127.0.0.1:1"))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_an_address_is_a_configuration_error(name):
    with pytest.raises(ConfigurationError, match="_url is not set"):
        CALLS[name][1](MessengerClient(api_token=TOKEN))


@pytest.mark.parametrize("name", CALLS)
def test_the_token_is_never_in_the_address(emulator, client, name):
    path, call = CALLS[name]
    emulator.add_fault("invalid", path)
    with pytest.raises(GatewayRefused):
        call(client)
    made = emulator.calls(path)[-1]
    assert made["query"] == {}
    assert made["auth"] == ("bearer" if name == "blacklist" else "body")


# SMS


def test_a_text_without_reports_is_sent_and_has_no_id(emulator, client):
    sent = send_sms(client, smstext="Tere õ & 50% + ok")
    assert (sent.dlr_id, sent.warning) == ("", "")
    assert emulator.messages(NUMBER)[-1]["text"] == "Tere õ & 50% + ok"
    assert get_last_body(emulator, SMS) == {
        "receiver": DIGITS,
        "smstext": "Tere õ & 50% + ok",
        "sender": "SignOTP",
    }


@pytest.mark.parametrize("dlrid", [None, "158"])
def test_a_text_with_reports_has_an_id(emulator, client, dlrid):
    dlruri = make_dlruri("https://example.com/otp/reports/x/")
    sent = send_sms(client, dlruri=dlruri, dlrid=dlrid)
    assert sent.dlr_id == dlrid or (dlrid is None and len(sent.dlr_id) == 36)
    assert get_last_body(emulator, SMS)["dlruri"] == dlruri


def test_every_option_of_a_text_is_on_the_wire(emulator, client):
    send_sms(client, conversion=0, deliverytime="2030-12-30 15:30:00", sender="+37251000000")
    body = get_last_body(emulator, SMS)
    assert body["conversion"] == "0"
    assert body["deliverytime"] == "2030-12-30 15:30:00"
    assert body["sender"] == "+37251000000"


def test_the_success_marker_may_be_the_message(emulator, client):
    emulator.set_switches(messenger_marker_message=True)
    assert send_sms(client).dlr_id == ""


@pytest.mark.parametrize("status", ["302 Found", "500 Oops"])
def test_success_with_a_broken_status_is_uncertain(make_client, status):
    script = answer('{"status": "Success"}', status=status)
    with RawServer(script) as server, pytest.raises(GatewayUncertain):
        send_sms(make_client(server.url))


def test_a_low_balance_is_passed_on(emulator, client):
    emulator.set_switches(messenger_low_balance=True)
    assert send_sms(client).warning == "Balance low, please contact us!"


@pytest.mark.parametrize("status", [402, 422])
def test_an_account_without_credit_is_told_so(emulator, make_client, status):
    emulator.set_switches(messenger_no_credit_status=status)
    with pytest.raises(GatewayRefused) as caught:
        send_sms(make_client(emulator.url, api_token="poor-token"))
    assert caught.value.reason == "no_credit"


def test_a_wrong_token_is_a_configuration_error(emulator, make_client):
    with pytest.raises(ConfigurationError) as caught:
        send_sms(make_client(emulator.url, api_token="bad-token"))
    assert "bad-token" not in str(caught.value)


def test_a_number_that_is_none_is_an_invalid_recipient(client):
    with pytest.raises(GatewayRefused) as caught:
        send_sms(client, receiver="+123")
    assert caught.value.reason == "invalid_recipient"
    assert "Problem with validating numbers" in caught.value.answer


@pytest.mark.parametrize(
    "options",
    [
        {"smstext": ""},
        {"conversion": 3},
        {"conversion": -1},
        {"dlrid": "158"},
        {"deliverytime": "30.12.2030 15:30"},
        {"sender": "37251000000"},
        {"receiver": "37255 512345"},
        {"receiver": "++37255512345"},
        {"receiver": "\u0663\u0667\u0662"},
        {"receiver": "1" * 16},
        {"receiver": ""},
    ],
)
def test_a_text_that_makes_no_sense_is_not_sent(emulator, client, options):
    with pytest.raises(ValueError, match=r"\w"):
        send_sms(client, **options)
    assert emulator.calls() == []


@pytest.mark.parametrize(
    "sender",
    ["+1", "+37251000000", "+12345678901234", "Apple", "John Smith", "a", "12 34", "Ööõ-+12"],
)
def test_names_and_numbers_are_senders(sender):
    assert check_sender(sender) == sender


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "+",
        "++1",
        "+123456789012345",
        "1",
        "37251000000",
        "+1+2",
        "a" * 12,
        "a\nb",
        "+++",
        "a\n",
    ],
)
def test_other_texts_are_no_senders(sender):
    with pytest.raises(ValueError, match="sender"):
        check_sender(sender)


# Addresses of reports


@pytest.mark.parametrize(
    ("base_url", "options", "dlruri"),
    [
        ("https://a.example/r/", {}, "https://a.example/r/?id=%smsid%&dlr=%dlr%"),
        ("https://a.example/r?x=1", {}, "https://a.example/r?x=1&id=%smsid%&dlr=%dlr%"),
        (
            "https://a.example/%20r",
            {"id_name": "my id", "receiver_name": "to", "time_name": "at"},
            "https://a.example/%20r?my+id=%smsid%&dlr=%dlr%&to=%receiver%&at=%time%",
        ),
    ],
)
def test_an_address_for_reports_holds_literal_placeholders(base_url, options, dlruri):
    assert make_dlruri(base_url, **options) == dlruri


@pytest.mark.parametrize(
    "base_url",
    ["", "a.example", "ftp://a.example", "https://a.example/#x", "https://a.example/?a=%dlr%"],
)
def test_an_address_that_cannot_take_reports_is_refused(base_url):
    with pytest.raises(ValueError, match="base_url"):
        make_dlruri(base_url)


def test_placeholders_are_encoded_once_on_the_wire(make_client):
    seen = []

    def script(peer):
        seen.append(peer.read().partition(b"\r\n\r\n")[2].decode())
        peer.write('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"status":"Success"}')

    with RawServer(script) as server:
        send_sms(make_client(server.url), dlruri=make_dlruri("https://a.example/r?x=1&y=2"))
    expected = (
        "dlruri=https%3A%2F%2Fa.example%2Fr%3Fx%3D1%26y%3D2%26id%3D%25smsid%25%26dlr%3D%25dlr%25"
    )
    assert expected in seen[0].split("&")


def test_a_report_comes_to_the_address_that_was_made(emulator, client):
    lines = []

    def script(peer):
        lines.append(peer.read().split(b" ")[1].decode())
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        done.set()

    done = threading.Event()
    with RawServer(script) as server:
        dlruri = make_dlruri(f"{server.url}/r?x=1", receiver_name="to")
        sent = send_sms(client, dlruri=dlruri)
        emulator.deliver(NUMBER, "delivered")
        assert done.wait(5)
    query = parse_qs(urlsplit(lines[0]).query)
    assert (query["x"], query["id"]) == (["1"], [sent.dlr_id])
    assert query["to"] in ([NUMBER], [DIGITS])


# 2FA


def test_a_pin_is_sent_and_authenticated_once(emulator, client):
    sent = client.send_pin(receiver=NUMBER)
    assert sent.sms == "sent"
    pin = emulator.messages(NUMBER)[-1]["code"]
    assert client.authenticate_pin(pin="WRONG1", pin_id=sent.pin_id) == Verdict.WRONG
    assert client.authenticate_pin(pin=f" {pin.lower()} ", pin_id=sent.pin_id) == Verdict.APPROVED
    assert client.authenticate_pin(pin=pin, pin_id=sent.pin_id) == Verdict.ALREADY_APPROVED


def test_a_pin_of_another_is_wrong(emulator, client):
    first = client.send_pin(receiver=NUMBER)
    client.send_pin(receiver="+37255598765")
    stolen = emulator.messages("+37255598765")[-1]["code"]
    assert client.authenticate_pin(pin=stolen, pin_id=first.pin_id) == Verdict.WRONG


def test_a_pin_expires_after_five_minutes(emulator, client):
    sent = client.send_pin(receiver=NUMBER)
    emulator.advance_clock(301)
    pin = emulator.messages(NUMBER)[-1]["code"]
    assert client.authenticate_pin(pin=pin, pin_id=sent.pin_id) == Verdict.EXPIRED


@pytest.mark.parametrize("numeric", [True, False])
def test_the_pin_is_on_no_object(emulator, client, numeric):
    emulator.set_switches(messenger_numeric_pins=numeric)
    sent = client.send_pin(receiver=NUMBER, pin_length=20)
    pin = emulator.messages(NUMBER)[-1]["code"]
    assert len(pin) == 20
    assert pin not in sent.answer + sent.sms + sent.pin_id
    assert sent.pin_id not in repr(sent) + sent.answer
    assert '"pin":' not in sent.answer


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Success", "response": {"pin": PIN, "pin_id": "", "sms": "sent"}},
        {"message": "Success", "response": {"pin": PIN}},
        {"message": "Fail", "response": {"pin": PIN, "pin_id": PIN_ID}},
        {"message": "Fail", "pin": {"pin": PIN}},
    ],
)
def test_the_pin_of_an_odd_answer_is_in_no_error_and_no_local(make_client, body):
    with RawServer(answer(json.dumps(body))) as server, pytest.raises(GatewayUncertain) as caught:
        make_client(server.url).send_pin(receiver=NUMBER)
    assert PIN not in caught.value.answer
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame.f_locals for frame in frames if frame.f_code.co_filename != __file__]
    assert len(ours) > 2
    assert PIN not in repr(ours)
    assert TOKEN not in repr(ours)


def test_the_pin_of_an_answer_that_cannot_be_read_is_not_kept(make_client):
    body = json.dumps({"message": "Success", "response": {"pin": PIN, "pin_id": PIN_ID}})[:-1]
    with RawServer(answer(body)) as server, pytest.raises(GatewayUncertain) as caught:
        make_client(server.url).send_pin(receiver=NUMBER)
    assert caught.value.answer == ""


@pytest.mark.parametrize("pin_length", [3, 21, 0, -6])
def test_a_pin_of_another_length_is_not_asked_for(emulator, client, pin_length):
    with pytest.raises(ValueError, match="pin_length"):
        client.send_pin(receiver=NUMBER, pin_length=pin_length)
    assert emulator.calls() == []


def test_a_pin_has_the_length_asked_for(emulator, client):
    client.send_pin(receiver=NUMBER, pin_length=8)
    assert get_last_body(emulator, SEND_PIN) == {"receiver": DIGITS, "pin_length": "8"}
    assert len(emulator.messages(NUMBER)[-1]["code"]) == 8


def authenticated(**changes) -> dict:
    response = {"auth_status": "User has been authenticated", "pin": PIN, "pin_id": PIN_ID}
    return {"message": "Success", "response": {**response, **changes}}


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Success"},
        {"message": "Success", "response": "User has been authenticated"},
        {"message": "success", "response": authenticated()["response"]},
        authenticated(auth_status="User has not been authenticated"),
        authenticated(auth_status=True),
        authenticated(auth_status=None),
        authenticated(pin_id="XOK4426WH1HLOG1BOUJK"),
        authenticated(pin_id=None),
        [],
        True,
    ],
)
def test_only_the_documented_success_of_our_pin_id_approves(make_client, body):
    with RawServer(answer(json.dumps(body))) as server, pytest.raises(GatewayUncertain) as caught:
        make_client(server.url).authenticate_pin(pin=PIN, pin_id=PIN_ID)
    assert_tells_nothing(caught.value)


def test_the_documented_success_approves(make_client):
    with RawServer(answer(json.dumps(authenticated()))) as server:
        client = make_client(server.url)
        assert client.authenticate_pin(pin=PIN, pin_id=PIN_ID) == Verdict.APPROVED


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "422 Unprocessable"])
@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({"auth_status": ["The PIN has already been authenticated"]}, Verdict.ALREADY_APPROVED),
        ({"pin": ["PIN not found"]}, Verdict.WRONG),
        ({"pin_id": ["PIN and PIN ID not matching"]}, Verdict.WRONG),
        ({"expire_time": ["The PIN given has expired"]}, Verdict.EXPIRED),
        ({"expire_time": "The PIN given has expired"}, Verdict.EXPIRED),
    ],
)
def test_a_refused_pin_is_a_verdict_whatever_the_status(make_client, status, errors, verdict):
    body = json.dumps({"message": "The given data was invalid.", "errors": errors})
    with RawServer(answer(body, status=status)) as server:
        assert make_client(server.url).authenticate_pin(pin=PIN, pin_id=PIN_ID) == verdict


@pytest.mark.parametrize("status", ["302 Found", "500 Oops"])
def test_a_verdict_with_a_broken_status_is_uncertain(make_client, status):
    body = json.dumps({"errors": {"pin": ["PIN not found"]}})
    script = answer(body, status=status)
    with RawServer(script) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).authenticate_pin(pin=PIN, pin_id=PIN_ID)


def test_a_pin_id_of_the_wrong_length_is_refused(client):
    with pytest.raises(GatewayRefused) as caught:
        client.authenticate_pin(pin=PIN, pin_id="short-id")
    assert "short-id" not in caught.value.answer


# Blacklist and Personal


def test_the_blacklist_is_kept(client):
    assert client.blacklist() == []
    client.blacklist_add(NUMBER)
    (entry,) = client.blacklist()
    assert (entry.receiver, entry.source) == (DIGITS, "api")
    assert len(entry.created_at) == 19
    assert DIGITS not in repr(entry)
    client.blacklist_remove(entry.id)
    assert client.blacklist() == []


def test_a_number_that_is_listed_already_is_refused(client):
    client.blacklist_add(NUMBER)
    with pytest.raises(GatewayRefused) as caught:
        client.blacklist_add(NUMBER)
    assert caught.value.reason == "other"


def test_an_entry_that_is_not_there_is_refused(client):
    with pytest.raises(GatewayRefused):
        client.blacklist_remove(4711)


@pytest.mark.parametrize("data", [None, {}, "x"])
def test_a_blacklist_without_a_list_is_uncertain(make_client, data):
    body = json.dumps({"response": "Success", "message": "Blacklist", "data": data})
    with RawServer(answer(body)) as server, pytest.raises(GatewayUncertain):
        make_client(server.url).blacklist()


def test_variables_are_filled_in(emulator, client):
    filled = client.personalize(
        smstext="Foo %my_var% Bar %other%",
        variables={"my_var": "50% & more", "other": "õ"},
        message_id="158",
        receiver=DIGITS,
    )
    assert filled.original_text == "Foo %my_var% Bar %other%"
    assert filled.formatted_text == "Foo 50% & more Bar õ"
    assert (filled.id, filled.receiver) == ("158", DIGITS)
    assert "Foo" not in repr(filled)
    assert emulator.messages() == []


@pytest.mark.parametrize("name", ["id", "receiver", "api_token", "smstext"])
def test_a_variable_with_a_name_of_the_api_is_refused(emulator, client, name):
    with pytest.raises(ValueError, match=name):
        client.personalize(smstext="x", variables={name: "y"})
    assert emulator.calls() == []


# Errors' bodies, and the client itself


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (
            {"message": "x", "errors": {"a": ["b", "c"], "d": ["e"]}},
            Complaint(field_errors=(("a", "b"), ("a", "c"), ("d", "e"))),
        ),
        ({"message": "x", "error": "Invalid number"}, Complaint(message="Invalid number")),
        ({"errors": ["a"], "error": ["b"]}, Complaint()),
        ({"message": "Unauthenticated."}, Complaint()),
        ([], Complaint()),
        (None, Complaint()),
        ("error", Complaint()),
    ],
)
def test_both_shapes_of_errors_are_read(data, complaint):
    assert read_complaint(data) == complaint


def test_one_address_for_all_works_too(emulator):
    url = f"{emulator.url}/messenger/"
    client = MessengerClient(
        api_token=TOKEN, sms_url=url, pin_send_url=url, pin_authenticate_url=url, personal_url=url
    )
    send_sms(client)
    sent = client.send_pin(receiver=NUMBER)
    assert client.authenticate_pin(pin="WRONG1", pin_id=sent.pin_id) == Verdict.WRONG
    assert emulator.calls()[-1]["path"] == "/messenger/"
    client.close()


def test_the_client_shows_its_hosts_and_nothing_else():
    client = MessengerClient(
        api_token=TOKEN, sms_url="https://a.example/k/sms", personal_url="https://b.example"
    )
    assert repr(client) == "<MessengerClient a.example b.example>"
    assert TOKEN not in repr(vars(client))


@pytest.mark.parametrize("option", PATHS)
def test_an_address_that_may_not_be_called_is_a_configuration_error(option):
    with pytest.raises(ConfigurationError, match=option):
        MessengerClient(api_token=TOKEN, **{option: "http://api.example.com"})
