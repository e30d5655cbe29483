"""The management commands: what they print, for people and for scripts, and what they refuse."""

from __future__ import annotations

import io
import json
import socket
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.words import EventKind

from .conftest import API_TOKEN, NUMBER
from .contract.wires import KINDS, make_gateway_settings, make_wrong

pytestmark = pytest.mark.django_db

OTHER = "+37255512345"


def run(name: str, *arguments: str, **options: Any) -> str:
    """What *name* prints. Nothing that any command prints has a whole number or the token."""
    output = io.StringIO()
    call_command(name, *arguments, stdout=output, stderr=output, **options)
    printed = output.getvalue()
    for secret in (NUMBER[1:], OTHER[1:], API_TOKEN):
        assert secret not in printed
    return printed


def run_json(name: str, *arguments: str) -> Any:
    return json.loads(run(name, *arguments, "--json"))


def assert_error(words: str, name: str, *arguments: str) -> None:
    """*name* ends with one clear line, and not with a traceback."""
    with pytest.raises(CommandError, match=words) as caught:
        call_command(name, *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    text = str(caught.value)
    assert "\n" not in text
    for secret in (NUMBER[1:], OTHER[1:], API_TOKEN):
        assert secret not in text


def set_gateways(settings: Any, **gateways: dict[str, Any]) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}


@pytest.fixture
def all_gateways(settings: Any, emulator: Emulator) -> Emulator:
    """Each gateway under the name of its class, and D7 Messages as the default."""
    emulator.set_switches(report_delay_seconds=60)
    gateways = {name: make_gateway_settings(name, emulator) for name in KINDS}
    set_gateways(settings, default=make_gateway_settings("D7MessagesGateway", emulator), **gateways)
    return emulator


# d7verify_send


def test_send_sends_a_code_and_prints_the_session(all_gateways: Emulator) -> None:
    printed = run("d7verify_send", NUMBER)
    session = OTPSession.objects.get()
    assert printed == f"Sent to +9715*****67: {session.otp_id}\n"
    code = str(all_gateways.messages(NUMBER)[-1]["code"])
    assert services.verify_otp(session.otp_id, code).approved


def test_send_prints_no_code(all_gateways: Emulator) -> None:
    printed = run("d7verify_send", NUMBER)
    assert str(all_gateways.messages(NUMBER)[-1]["code"]) not in printed


def test_send_answers_scripts_in_json(all_gateways: Emulator) -> None:
    answer = run_json("d7verify_send", NUMBER)
    assert answer == {
        "otp_id": str(OTPSession.objects.get().otp_id),
        "status": "OPEN",
        "expiry": 600,
    }


@pytest.mark.parametrize("name", [name for name in KINDS if name != "ConsoleGateway"])
def test_send_tries_the_gateway_that_is_asked_for(all_gateways: Emulator, name: str) -> None:
    run("d7verify_send", NUMBER, "--gateway", name, "--purpose", "login")
    session = OTPSession.objects.get()
    assert (session.gateway, session.purpose) == (name, "login")
    assert len(all_gateways.messages(NUMBER)) + len(locmem.outbox) == 1


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("valid phone number", ["+97150123456"]),
        ("digits and separators", ["phone"]),
        ("32 characters", ["+" + "9" * 100]),
        ("no such purpose", [NUMBER, "--purpose", "nothing"]),
        ("has no 'nowhere'", [NUMBER, "--gateway", "nowhere"]),
        ("recipient", []),
        ("unrecognized arguments", [NUMBER, "--colour", "red"]),
        ("not sent to", ["+97142345678"]),
    ],
    ids=range(8),
)
def test_send_says_what_is_wrong_and_sends_nothing(
    all_gateways: Emulator, words: str, arguments: list[str]
) -> None:
    assert_error(words, "d7verify_send", *arguments)
    assert all_gateways.calls() == []
    assert OTPSession.objects.count() == 0


def test_send_keeps_to_the_limits_of_the_number(all_gateways: Emulator) -> None:
    run("d7verify_send", NUMBER)
    assert_error(r"before \d+ s", "d7verify_send", NUMBER)
    services.stop_recipient(OTHER)
    assert_error("stop list", "d7verify_send", OTHER)
    assert len(all_gateways.messages()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", "401 ACCESS_TOKEN"),
        ("no_credit", "402 INSUFFICIENT_CREDIT"),
        ("too_many", "429"),
        ("server_error", "500"),
        ("cut_body", "no whole answer"),
        ("refuse", "not sent"),
    ],
)
def test_send_says_in_one_line_what_became_of_it(
    all_gateways: Emulator, fault: str, words: str
) -> None:
    all_gateways.add_fault(fault, **({"seconds": 60} if fault == "refuse" else {}))
    assert_error(words, "d7verify_send", NUMBER)


# d7verify_status


def test_status_shows_a_session(all_gateways: Emulator) -> None:
    otp = services.send_otp(NUMBER)
    code = str(all_gateways.messages(NUMBER)[-1]["code"])
    services.verify_otp(otp.otp_id, make_wrong(code))
    lines = run("d7verify_status", otp.otp_id).splitlines()
    assert f"otp_id: {otp.otp_id}" in lines
    assert "status: OPEN" in lines
    assert "recipient: +9715*****67" in lines
    assert "attempts_left: 4" in lines
    assert code not in "".join(lines)


def test_status_answers_scripts_in_json(all_gateways: Emulator) -> None:
    otp = services.send_otp(NUMBER, purpose="login")
    answer = run_json("d7verify_status", otp.otp_id)
    assert answer["expiry"] in range(595, 601)
    assert answer["resend_after"] in range(55, 61)
    known = {key: answer[key] for key in sorted(answer) if key not in {"expiry", "resend_after"}}
    assert known == {
        "attempts_left": 5,
        "delivery": "",
        "delivery_seconds": None,
        "otp_id": otp.otp_id,
        "purpose": "login",
        "recipient": "+9715*****67",
        "resend_count": 0,
        "status": "OPEN",
    }


def test_status_names_no_user(django_user_model: Any) -> None:
    user = django_user_model.objects.create(username="somebody")
    otp = services.send_otp(NUMBER, user=user)
    assert "user" not in run("d7verify_status", otp.otp_id)


def test_status_polls_and_prints_its_counts(all_gateways: Emulator) -> None:
    services.send_otp(NUMBER)
    assert run("d7verify_status", "--poll") == "asked: 1\nchanged: 1\nfailed: 0\n"
    assert run_json("d7verify_status", "--poll") == {"asked": 1, "changed": 0, "failed": 0}


def test_status_polls_every_gateway_that_can_be_asked_and_no_other(all_gateways: Emulator) -> None:
    now = timezone.now()
    for minute, name in enumerate(name for name in KINDS if name != "ConsoleGateway"):
        services.send_otp(NUMBER, gateway=name, now=now + timedelta(minutes=minute))
    assert run_json("d7verify_status", "--poll")["asked"] == 1
    asked = Pin.objects.exclude(cost=None)
    assert [pin.gateway for pin in asked] == ["D7MessagesGateway"]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("Name a session", []),
        ("Name a session", ["00000000-0000-4000-8000-000000000000", "--poll"]),
        ("No session", ["00000000-0000-4000-8000-000000000000"]),
        ("No session", ["not-an-id"]),
        ("No session", ["\x00"]),
        ("--limit", ["--poll", "--limit", "0"]),
        ("--limit", ["--poll", "--limit", "-1"]),
        ("invalid int value", ["--poll", "--limit", "many"]),
    ],
    ids=range(8),
)
def test_status_says_what_is_wrong(words: str, arguments: list[str]) -> None:
    assert_error(words, "d7verify_status", *arguments)


# d7verify_balance


def test_balance_prints_a_line_for_each_gateway(all_gateways: Emulator) -> None:
    lines = run("d7verify_balance").splitlines()
    assert "D7VerifyGateway: 99.9999999" in lines
    assert "MessengerSMSGateway: not known" in lines
    assert len(lines) == len(KINDS) + 1


def test_balance_answers_scripts_in_json_to_the_last_digit(all_gateways: Emulator) -> None:
    services.send_otp(NUMBER)
    answer = run_json("d7verify_balance")
    assert Decimal(answer["D7VerifyGateway"]) == Decimal("99.9998999")
    assert answer["MessengerSMSGateway"] is None
    assert answer["LocMemGateway"] is None


def test_balance_tells_nothing_left_from_not_known(settings: Any, emulator: Emulator) -> None:
    poor = make_gateway_settings("D7MessagesGateway", emulator, api_token="poor-token")
    set_gateways(settings, default=poor)
    assert run("d7verify_balance") == "default: 0.0\n"
    assert run_json("d7verify_balance") == {"default": "0.0"}


@pytest.mark.parametrize(
    ("fault", "words"),
    [("unauthorized", "ACCESS_TOKEN"), ("server_error", "500"), ("cut_body", "")],
)
def test_balance_says_in_one_line_that_it_could_not_be_asked(
    all_gateways: Emulator, fault: str, words: str
) -> None:
    all_gateways.add_fault(fault)
    assert_error(f"GET /messages/v1/balance.*{words}", "d7verify_balance")


# d7verify_blacklist


@pytest.fixture
def listing(settings: Any, emulator: Emulator) -> Emulator:
    sms = make_gateway_settings("MessengerSMSGateway", emulator)
    set_gateways(settings, default=make_gateway_settings("LocMemGateway", emulator), sms=sms)
    return emulator


def test_blacklist_stops_and_allows_a_number(listing: Emulator) -> None:
    assert run("d7verify_blacklist", "--stop", NUMBER, "--reason", "Asked") == "stopped: True\n"
    assert run_json("d7verify_blacklist", "--stop", NUMBER) == {"stopped": False}
    row = Recipient.objects.get()
    assert (row.stop_reason, row.stopped_at is None) == ("Asked", False)
    assert run("d7verify_blacklist", "--allow", NUMBER) == "allowed: True\n"
    assert run_json("d7verify_blacklist", "--allow", NUMBER) == {"allowed": False}
    assert Recipient.objects.get().stopped_at is None
    assert listing.calls() == []


def test_blacklist_says_to_the_audit_who_stopped_and_allowed(
    listing: Emulator, django_user_model: Any
) -> None:
    clerk = django_user_model.objects.create_user("clerk")
    run("d7verify_blacklist", "--stop", NUMBER, "--by", "clerk")
    run("d7verify_blacklist", "--allow", NUMBER, "--by", "clerk")
    assert set(Event.objects.values_list("kind", "by")) == {
        *[(EventKind.STOPPED, clerk.pk), (EventKind.ALLOWED, clerk.pk)]
    }
    assert_error("No such user", "d7verify_blacklist", "--stop", NUMBER, "--by", "nobody")


def test_blacklist_compares_pushes_and_pulls(listing: Emulator) -> None:
    services.stop_recipient(NUMBER)
    printed = run("d7verify_blacklist", "--gateway", "sms")
    assert printed == "both: 0\nonly_ours: 1\nonly_theirs: 0\n"
    pushed = run_json("d7verify_blacklist", "--gateway", "sms", "--push")
    assert pushed == {"pushed": 1, "both": 1, "only_ours": 0, "only_theirs": 0}
    services.allow_recipient(NUMBER)
    pulled = run_json("d7verify_blacklist", "--gateway", "sms", "--pull")
    assert pulled == {"pulled": 1, "both": 1, "only_ours": 0, "only_theirs": 0}
    assert Recipient.objects.get().stop_reason == "blacklist of sms"


def test_blacklist_pushes_and_pulls_in_one_go(listing: Emulator) -> None:
    services.stop_recipient(NUMBER)
    services.push_blacklist("sms")
    services.allow_recipient(NUMBER)
    services.stop_recipient(OTHER)
    answer = run_json("d7verify_blacklist", "--gateway", "sms", "--push", "--pull")
    assert answer == {"pushed": 1, "pulled": 1, "both": 2, "only_ours": 0, "only_theirs": 0}


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("digits and separators", ["--stop", "phone"]),
        ("valid phone number", ["--allow", "+97150123456"]),
        ("keeps no blacklist", []),
        ("keeps no blacklist", ["--push"]),
        ("has no 'nowhere'", ["--gateway", "nowhere"]),
        ("expected one argument", ["--stop"]),
        ("one at a time", ["--stop", NUMBER, "--allow", NUMBER]),
        ("one at a time", ["--stop", NUMBER, "--push"]),
        ("one at a time", ["--allow", NUMBER, "--pull"]),
        ("digits and separators", ["--stop", ""]),
        ("digits and separators", ["--allow", ""]),
    ],
    ids=range(11),
)
def test_blacklist_says_what_is_wrong_and_does_nothing(
    listing: Emulator, words: str, arguments: list[str]
) -> None:
    assert_error(words, "d7verify_blacklist", *arguments)
    assert listing.calls() == []
    assert Recipient.objects.count() == 0


def test_blacklist_says_in_one_line_that_the_provider_failed(listing: Emulator) -> None:
    listing.add_fault("unauthorized", "/messenger/api/blacklist")
    assert_error("api_token", "d7verify_blacklist", "--gateway", "sms")


# d7verify_unlock


def test_unlock_forgets_the_wrong_codes_of_a_number(django_user_model: Any) -> None:
    clerk = django_user_model.objects.create_user("clerk")
    now = timezone.now()
    for minute in (2, 1):
        otp = services.send_otp(NUMBER, now=now - timedelta(minutes=minute))
        for variant in range(1, 6):
            code = make_wrong(str(locmem.outbox[-1].code), variant)
            services.verify_otp(otp.otp_id, code, now=now - timedelta(minutes=minute))
    assert_error("wrong codes", "d7verify_send", NUMBER)
    assert run("d7verify_unlock", NUMBER, "--by", clerk.username) == "+9715*****67 is unlocked.\n"
    run("d7verify_send", NUMBER)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("never seen", [OTHER]),
        ("valid phone number", ["+97150123456"]),
        ("No such user", [NUMBER, "--by", "nobody"]),
        ("recipient", []),
    ],
    ids=range(4),
)
def test_unlock_says_what_is_wrong(words: str, arguments: list[str]) -> None:
    services.send_otp(NUMBER)
    assert_error(words, "d7verify_unlock", *arguments)


# d7verify_emulator


def test_emulator_says_in_one_line_that_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_error(f"Cannot listen on 127.0.0.1:{port}", "d7verify_emulator", "--port", port)


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_emulator_says_in_one_line_that_a_port_is_none(port: str) -> None:
    assert_error("Cannot listen on", "d7verify_emulator", f"--port={port}")
