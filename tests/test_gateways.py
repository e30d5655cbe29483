"""What each gateway makes of its options, on the wire; and how gateways are made and kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, GatewayRefused
from django_d7verify.gateways import get_gateway, make_gateway
from django_d7verify.gateways.base import Gateway
from django_d7verify.words import Delivery, Verdict

from .conftest import NUMBER
from .contract.wires import KINDS, NETWORKED, make_gateway_settings, make_message

MESSAGE = make_message(expiry_seconds=240, max_resends=3)
TO_BE_MADE = replace(MESSAGE, code=None)
REPORTS = {
    "REPORT_URL": "https://site.example/otp/reports",
    "REPORT_SECRETS": ["a-secret-of-24-characters", "the-one-before-that-one"],
}
REPORT_ADDRESS = "https://site.example/otp/reports/carrier/a-secret-of-24-characters/"


@contextmanager
def made(name: str, emulator: Emulator, **options: Any) -> Iterator[Any]:
    gateway: Any = make_gateway("carrier", make_gateway_settings(name, emulator, **options))
    try:
        yield gateway
    finally:
        if client := getattr(gateway, "client", None):
            client.close()


def get_body(emulator: Emulator, path: str) -> dict[str, Any]:
    [call] = emulator.calls(path)
    assert isinstance(call["body"], dict)
    return call["body"]


@pytest.fixture
def reports(settings: Any) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, **REPORTS}


# D7 Verify.


def test_d7_verify_says_every_limit_of_ours(emulator: Emulator) -> None:
    with made("D7VerifyGateway", emulator) as gateway:
        receipt = gateway.send(TO_BE_MADE)
    assert get_body(emulator, KINDS["D7VerifyGateway"].send_path) == {
        "recipient": NUMBER,
        "originator": "SignOTP",
        "content": "Your code: {}",
        "expiry": 240,
        "data_coding": "auto",
        "retry_delay": 50,
        "retry_count": 4,
        "otp_code_length": 6,
        "otp_type": "numeric",
    }
    assert receipt.reference == emulator.messages(NUMBER)[-1]["reference"]
    assert (receipt.expiry_seconds, receipt.parts) == (240, None)


@pytest.mark.parametrize(
    ("options", "retry_delay"),
    [
        ({"total_timeout_seconds": 15}, 45),
        ({"total_timeout_seconds": 100}, 1),
        ({"retry_delay_seconds": 30}, 30),
        ({"retry_delay_seconds": 0}, 0),
    ],
)
def test_d7_verify_waits_less_than_we_do_by_the_time_that_a_call_may_take(
    emulator: Emulator, options: dict[str, Any], retry_delay: int
) -> None:
    with made("D7VerifyGateway", emulator, **options) as gateway:
        gateway.send(TO_BE_MADE)
    assert get_body(emulator, KINDS["D7VerifyGateway"].send_path)["retry_delay"] == retry_delay


def test_d7_verify_sends_by_template_and_channel_where_it_is_told_to(emulator: Emulator) -> None:
    options = {"template_id": 25, "channel": "WhatsApp", "data_coding": "unicode"}
    urls = {"success_url": "https://a.example/", "failure_url": "https://b.example/"}
    with made("D7VerifyGateway", emulator, **options, **urls) as gateway:
        gateway.send(TO_BE_MADE)
    body = get_body(emulator, KINDS["D7VerifyGateway"].send_path)
    assert "content" not in body
    assert {**options, **urls}.items() <= body.items()


def test_d7_verify_makes_codes_of_the_letters_that_are_asked_for(emulator: Emulator) -> None:
    with made("D7VerifyGateway", emulator) as gateway:
        gateway.send(replace(TO_BE_MADE, code_length=10, code_alphabet="alpha"))
    code = str(emulator.messages(NUMBER)[-1]["code"])
    assert (len(code), code.isalpha(), code.isupper()) == (10, True, True)


def test_d7_verify_tells_what_became_of_a_code_without_trying_one(emulator: Emulator) -> None:
    with made("D7VerifyGateway", emulator) as gateway:
        reference = gateway.send(TO_BE_MADE).reference
        assert gateway.get_verdict(reference) == Verdict.OPEN
        code = str(emulator.messages(NUMBER)[-1]["code"])
        assert gateway.verify(reference, code) == Verdict.APPROVED
        assert gateway.get_verdict(reference) == Verdict.APPROVED
        other = gateway.send(TO_BE_MADE).reference
        emulator.advance_clock(240)
        assert gateway.get_verdict(other) == Verdict.EXPIRED
    assert len(emulator.calls(KINDS["D7VerifyGateway"].verify_path)) == 1


# D7 Messages.


@pytest.mark.usefixtures("reports")
def test_d7_messages_carries_our_text_with_the_address_of_its_reports(emulator: Emulator) -> None:
    with made("D7MessagesGateway", emulator, num_lookup=True, tag="codes") as gateway:
        receipt = gateway.send(MESSAGE)
    assert get_body(emulator, "/messages/v1/send") == {
        "messages": [
            {
                "recipients": [NUMBER],
                "content": "Your code: 123456",
                "msg_type": "text",
                "data_coding": "text",
                "report_url": REPORT_ADDRESS,
                "num_lookup": True,
            }
        ],
        "message_globals": {"originator": "SignOTP", "channel": "sms", "tag": "codes"},
    }
    assert receipt.reference == emulator.messages(NUMBER)[-1]["reference"]
    assert (receipt.parts, receipt.expiry_seconds) == (1, None)


def test_without_an_address_for_reports_d7_messages_names_none(emulator: Emulator) -> None:
    with made("D7MessagesGateway", emulator) as gateway:
        gateway.send(MESSAGE)
    [message] = get_body(emulator, "/messages/v1/send")["messages"]
    assert sorted(message) == ["content", "data_coding", "msg_type", "recipients"]


def test_d7_messages_that_are_rejected_with_200_were_not_sent(emulator: Emulator) -> None:
    with made("D7MessagesGateway", emulator) as gateway, pytest.raises(GatewayRefused):
        gateway.send(replace(MESSAGE, recipient="+1"))
    assert emulator.messages() == []


def test_d7_messages_can_be_asked_how_a_message_stands(emulator: Emulator) -> None:
    emulator.set_switches(report_delay_seconds=60)
    with made("D7MessagesGateway", emulator) as gateway:
        reference = gateway.send(MESSAGE).reference
        report = gateway.get_delivery(reference, NUMBER)
        assert (report.delivery, report.word) == (Delivery.QUEUED, "processed")
        assert (report.parts, report.cost) == (1, Decimal("0.0001"))
        emulator.deliver(NUMBER, "spam_content")
        assert gateway.get_delivery(reference, NUMBER).delivery == Delivery.UNDELIVERED
        assert gateway.get_delivery(str(uuid.UUID(int=1)), NUMBER) is None


@pytest.mark.parametrize("name", ["D7VerifyGateway", "D7MessagesGateway"])
def test_d7_tells_its_balance_and_the_others_do_not(emulator: Emulator, name: str) -> None:
    with made(name, emulator) as gateway:
        assert gateway.get_balance() == Decimal("99.9999999")
    for other in KINDS.keys() - {"D7VerifyGateway", "D7MessagesGateway"}:
        with made(other, emulator) as gateway:
            assert gateway.get_balance() is None


# Direct Messenger.


def test_messenger_2fa_asks_for_the_length_and_shows_no_pin(emulator: Emulator) -> None:
    with made("Messenger2FAGateway", emulator) as gateway:
        receipt = gateway.send(replace(TO_BE_MADE, code_length=8))
        body = get_body(emulator, KINDS["Messenger2FAGateway"].send_path)
        assert body == {"receiver": NUMBER[1:], "pin_length": "8"}
        pin = str(emulator.messages(NUMBER)[-1]["code"])
        assert len(pin) == 8
        assert pin not in repr(receipt) + receipt.answer
        assert receipt.reference not in receipt.answer
        assert gateway.verify(receipt.reference, pin.lower()) == Verdict.APPROVED
        assert gateway.verify(receipt.reference, pin) == Verdict.ALREADY_APPROVED


def test_a_resend_of_messenger_2fa_is_a_new_pin_whose_id_is_another(emulator: Emulator) -> None:
    with made("Messenger2FAGateway", emulator) as gateway:
        first = gateway.send(TO_BE_MADE).reference
        second = gateway.resend(first, TO_BE_MADE).reference
        assert first != second
        old, new = [str(message["code"]) for message in emulator.messages(NUMBER)]
        assert gateway.verify(second, old) == Verdict.WRONG
        assert gateway.verify(second, new) == Verdict.APPROVED


@pytest.mark.usefixtures("reports")
def test_messenger_sms_always_has_an_id_of_ours_for_its_reports(emulator: Emulator) -> None:
    with made("MessengerSMSGateway", emulator, sender="+37251000000", conversion=2) as gateway:
        receipt = gateway.send(MESSAGE)
    body = get_body(emulator, "/messenger/sms")
    assert uuid.UUID(receipt.reference).version == 4
    assert body["dlrid"] == receipt.reference == emulator.messages(NUMBER)[-1]["reference"]
    address, _, query = body.pop("dlruri").partition("?")
    assert address == REPORT_ADDRESS
    assert parse_qs(query) == {"id": ["%smsid%"], "dlr": ["%dlr%"]}
    assert body == {
        "receiver": NUMBER[1:],
        "smstext": "Your code: 123456",
        "sender": "+37251000000",
        "conversion": "2",
        "dlrid": receipt.reference,
    }


def test_without_an_address_for_reports_messenger_sms_has_no_reference(emulator: Emulator) -> None:
    with made("MessengerSMSGateway", emulator) as gateway:
        assert gateway.send(MESSAGE).reference == ""
    body = get_body(emulator, "/messenger/sms")
    assert not {"dlrid", "dlruri"} & body.keys()
    # Our text as it is: what it says is ours to choose.
    assert body["conversion"] == "0"


@pytest.mark.usefixtures("reports")
def test_the_address_of_reports_begins_with_the_sites_and_has_the_first_secret(
    emulator: Emulator,
) -> None:
    with made("D7MessagesGateway", emulator) as gateway:
        parts = urlsplit(gateway.get_report_url())
    assert parts.path.split("/")[-3:] == ["carrier", REPORTS["REPORT_SECRETS"][0], ""]


# How they are made.


@pytest.mark.parametrize("name", KINDS)
def test_a_gateway_is_the_same_until_its_settings_change(
    settings: Any, emulator: Emulator, name: str
) -> None:
    def configure(**options: Any) -> Gateway:
        gateways = {"default": make_gateway_settings(name, emulator, **options)}
        settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
        return get_gateway("default")

    first = configure()
    assert configure() is first
    if name in NETWORKED:
        other = configure(read_timeout_seconds=4)
        assert other is not first
        other.client.close()


@pytest.mark.parametrize("name", NETWORKED)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"no_such_option": 1}, "no_such_option"),
        ({"api_token": ""}, "api_token"),
        ({"api_token": "two words"}, "api_token"),
        ({"read_timeout_seconds": 0}, "Time-outs"),
        ({"proxy_url": "nonsense"}, "proxy_url"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_option_that_does_not_fit_is_named(
    emulator: Emulator, name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_gateway("default", make_gateway_settings(name, emulator, **options))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("D7MessagesGateway", {"text_profile": "own"}, "standard, documented"),
        ("D7MessagesGateway", {"api_url": "http://api.d7networks.com"}, "https"),
        ("MessengerSMSGateway", {"delivery_words": "own"}, "words, kannel"),
        ("MessengerSMSGateway", {"sender": "3725100000"}, "sender"),
        ("MessengerSMSGateway", {"sender": "a name too long"}, "sender"),
        ("MessengerSMSGateway", {"sms_url": "http://api.messenger.ee/"}, "sms_url must be https"),
        ("Messenger2FAGateway", {"pin_send_url": "nonsense"}, "pin_send_url"),
    ],
)
def test_an_option_of_one_gateway_that_does_not_fit_is_named(
    emulator: Emulator, name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_gateway("default", make_gateway_settings(name, emulator, **options))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no BACKEND"),
        ({"BACKEND": "no.such.module"}, "no.such|No module"),
        ({"BACKEND": "django_d7verify.gateways.d7.Nothing"}, "Nothing"),
        ({"BACKEND": "django_d7verify.gateways.base.CodeMessage"}, "unexpected keyword"),
        ({"BACKEND": "django_d7verify.gateways.base.Gateway"}, "abstract"),
    ],
)
def test_what_is_no_gateway_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make_gateway("default", given)


def test_an_unknown_alias_is_named() -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        get_gateway("nowhere")


@pytest.mark.parametrize("name", KINDS)
def test_each_gateway_does_what_its_class_says_it_can(emulator: Emulator, name: str) -> None:
    with made(name, emulator) as gateway:
        if not gateway.makes_codes:
            with pytest.raises(NotImplementedError, match=name):
                gateway.verify("reference", "123456")
            assert gateway.get_verdict("reference") == Verdict.UNKNOWN
        if not gateway.keeps_blacklist:
            with pytest.raises(NotImplementedError, match="blacklist"):
                gateway.get_blacklist()
            with pytest.raises(NotImplementedError, match="blacklist"):
                gateway.add_to_blacklist(NUMBER)
        if gateway.report_method is None:
            assert gateway.parse_report({"request_id": "x", "id": "x", "dlr": "x"}) is None
        if not gateway.polls:
            assert gateway.get_delivery("reference", NUMBER) is None
        assert gateway.for_development is (name not in NETWORKED)
    assert emulator.calls() == []
