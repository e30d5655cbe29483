"""The signals: what each carries, by its type and by the README, and the log lines beside them."""

from __future__ import annotations

import ast
import logging
import types
import typing
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

import django_d7verify
from django_d7verify import services, signal_arguments, signals
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import D7VerifyError, SessionClosed
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, PhoneNumber, Recipient

from .conftest import NUMBER, make_d7_settings
from .readme import read_table, read_words

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+971501234568"
NOW = timezone.now()
SIGNALS = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}
ALWAYS = {"sender", "signal"}
#: Words of ``extra`` that are no event of a session or a number.
TROUBLES = {
    "otp_rerouted",
    "delivery_word_unknown",
    "poll_failed",
    "edge_cache_down",
    "dispatch_failed",
    "number_not_told",
    "number_not_pulled",
    "recipient_exported",
    "page_failed",
    "balance_unknown",
    "budget_lifted",
    "sessions_exported",
}


def get_type(name: str) -> Any:
    """The type that is named as the signal is."""
    words = name.replace("otp_", "OTP_").split("_")
    return getattr(signal_arguments, "".join(word[0].upper() + word[1:] for word in words))


@pytest.fixture
def sent() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What was sent since, by name."""
    found: list[tuple[str, dict[str, Any]]] = []
    receivers = []
    for name, signal in SIGNALS.items():

        def receive(*, name: str = name, **arguments: Any) -> None:
            found.append((name, arguments))

        signal.connect(receive)
        receivers.append((signal, receive))
    yield found
    for signal, receive in receivers:
        signal.disconnect(receive)


def send(number: str = NUMBER, *, minute: int = 0, **options: Any) -> str:
    return services.send_otp(number, now=NOW + timedelta(minutes=minute), **options).otp_id


def read_code() -> str:
    return str(locmem.outbox[-1].code)


def make_wrong() -> str:
    return str((int(read_code()) + 1) % 10**6).zfill(6)


def tell_session(user: Any) -> None:
    otp_id = send()
    services.verify_otp(otp_id, make_wrong(), now=NOW)
    otp = services.verify_otp(otp_id, read_code(), now=NOW).otp
    token = services.make_verification_token(otp)
    services.consume_verification_token(token, purpose="verify", now=NOW)
    with pytest.raises(SessionClosed):
        services.verify_otp(otp_id, read_code(), now=NOW)
    services.cancel_otp(send(minute=1), now=NOW)
    locked = send(minute=2)
    for _ in range(5):
        services.verify_otp(locked, make_wrong(), now=NOW + timedelta(minutes=2))


def tell_failure(user: Any, settings: Any, emulator: Emulator) -> None:
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {
            "default": {
                **make_d7_settings(emulator),
                "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
            }
        },
        "LIMIT_MODES": {"allowed_countries": "observe"},
        "ALLOWED_COUNTRIES": ["GB"],
    }
    send(OTHER)
    emulator.deliver(OTHER, "delivered")
    services.poll_deliveries()
    emulator.add_fault("no_credit")
    with pytest.raises(D7VerifyError):
        send(OTHER, minute=1)


def tell_numbers(user: Any) -> None:
    proven = services.send_number_otp("+971501234569", user=user, now=NOW)
    services.verify_otp(proven.otp_id, read_code(), now=NOW)
    services.bind_number(proven, user=user, now=NOW)
    services.reset_numbers(user, by=user, now=NOW)
    PhoneNumber.objects.create(user=user, number="+971501234560", primary_of=user, verified_at=NOW)
    otp_id = services.send_otp("+971501234560", purpose="login", user=user, now=NOW).otp_id
    assert services.verify_login(otp_id, read_code(), now=NOW).user == user


def tell_staff(user: Any) -> None:
    services.stop_recipient(NUMBER, by=user)
    services.allow_recipient(NUMBER, by=user)
    services.unlock_recipient(NUMBER, by=user)
    services.export_recipient(NUMBER)
    services.erase_recipient(NUMBER, by=user)


@pytest.fixture
def told(
    sent: list[tuple[str, dict[str, Any]]],
    settings: Any,
    emulator: Emulator,
    django_user_model: Any,
    caplog: Any,
) -> list[tuple[str, dict[str, Any]]]:
    """Stories in which everything happens that there is a signal for."""
    caplog.set_level(logging.DEBUG, logger="django_d7verify")
    user = django_user_model.objects.create(username="somebody")
    tell_session(user)
    tell_numbers(user)
    tell_staff(user)
    tell_failure(user, settings, emulator)
    return sent


def test_every_signal_has_a_type_and_every_type_a_signal():
    types_of_ours = {
        name
        for name, value in vars(signal_arguments).items()
        if typing.is_typeddict(value) and not name.startswith("_")
    }
    assert {get_type(name).__name__ for name in SIGNALS} == types_of_ours


def test_every_signal_stands_in_the_readme_with_its_arguments():
    rows = {
        read_words(signal)[0]: read_words(arguments)
        for signal, arguments, _ in read_table("Signal")
    }
    expected = {
        name: [key for key in get_type(name).__annotations__ if key not in ALWAYS]
        for name in SIGNALS
    }
    assert rows == expected


def test_every_signal_carries_what_its_type_says(told: Any):
    assert {name for name, _ in told} == set(SIGNALS)
    for name, arguments in told:
        hints = typing.get_type_hints(get_type(name))
        assert arguments.keys() == hints.keys(), name
        for key, hint in hints.items():
            if hint is not Any:
                kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else hint
                assert isinstance(arguments[key], kinds), f"{name}: {key}"


def test_every_signal_is_sent_by_a_model(told: Any):
    assert {arguments["sender"] for _, arguments in told} == {OTPSession, Recipient}


def test_every_log_line_says_in_stable_words_what_happened(told: Any, caplog: Any):
    records = [record for record in caplog.get_records("setup") if record.name == "django_d7verify"]
    events = {getattr(record, "event", record.getMessage()) for record in records}
    assert set(SIGNALS) - {"pre_send"} <= events
    assert events <= set(SIGNALS) | TROUBLES
    for record in records:
        if record.event.startswith("otp_"):
            assert record.otp_id
            assert record.purpose in {"verify", "login", "change_phone"}
            assert record.recipient.startswith("+9715*****6")
    sent = next(record for record in records if record.event == "otp_sent")
    assert sent.gateway == "default"
    failed = next(record for record in records if record.event == "otp_send_failed")
    assert failed.reason == "no_credit"


def test_no_log_line_of_the_code_is_without_its_words():
    calls = [
        (path.name, node)
        for path in Path(django_d7verify.__file__).parent.rglob("*.py")
        if 'getLogger("django_d7verify")' in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger.")
    ]
    assert len(calls) > 15
    for name, call in calls:
        assert "extra" in {keyword.arg for keyword in call.keywords}, f"{name}:{call.lineno}"


def test_an_act_of_staff_that_is_rolled_back_is_not_said(
    sent: list[tuple[str, dict[str, Any]]], caplog: Any
):
    caplog.set_level(logging.INFO, logger="django_d7verify")
    with transaction.atomic():
        services.stop_recipient(NUMBER)
        transaction.set_rollback(True)
    assert sent == []
    assert caplog.records == []


@pytest.mark.parametrize("name", sorted(set(SIGNALS) - {"pre_send"}))
def test_a_receiver_that_fails_stops_nothing(
    name: str, settings: Any, emulator: Emulator, django_user_model: Any
):
    def fail(**_: Any) -> None:
        raise LookupError("A bug of the site's.")

    user = django_user_model.objects.create(username="somebody")
    SIGNALS[name].connect(fail)
    try:
        tell_session(user)
        tell_numbers(user)
        tell_staff(user)
        tell_failure(user, settings, emulator)
    finally:
        assert SIGNALS[name].disconnect(fail)
