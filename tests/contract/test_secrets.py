"""Codes, tokens and whole numbers stand nowhere but where they must, on all six gateways."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import pytest
from django.apps import apps
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

import django_d7verify
from django_d7verify.exceptions import ConfigurationError, D7VerifyError, InvalidCode
from django_d7verify.models import Event, Pin
from tests.conftest import API_TOKEN, NUMBER

from .wires import NETWORKED, Wire, make_message, make_wrong

pytestmark = pytest.mark.django_db

#: No connection, a site's own mistake, a no in the provider's words, and half an answer.
FAULTS = ["refuse", "unauthorized", "invalid", "cut_body"]


def get_secrets(wire: Wire) -> list[str]:
    """What must not be found: it is read off the phones and rows once all has happened."""
    secrets = [API_TOKEN, *wire.codes(), *(make_wrong(code) for code in wire.codes())]
    if wire.kind.private_reference:
        secrets += filter(None, Pin.objects.values_list("reference", flat=True))
    return secrets


@contextmanager
def catching(errors: list[Exception]) -> Iterator[None]:
    try:
        yield
    except (D7VerifyError, ConfigurationError) as error:
        errors.append(error)


def tell_whole_story(wire: Wire) -> tuple[list[Any], list[Exception]]:
    """Send, resend, try wrong and right codes, with every fault in between."""
    values: list[Any] = []
    errors: list[Exception] = []
    for fault in FAULTS if wire.kind.send_path else ():
        for path in filter(None, (wire.kind.send_path, wire.kind.verify_path)):
            otp = wire.send()
            code = wire.newest_code()
            wire.advance(60)
            wire.emulator.add_fault(fault, path, **({"seconds": 60} if fault == "refuse" else {}))
            with catching(errors):
                values.append(wire.send() if path == wire.kind.send_path else None)
            with catching(errors):
                values.append(wire.verify(otp, code))
            wire.emulator.clear_faults()
            wire.emulator.stop_refusing()
            wire.advance(600)
    otp = wire.send()
    values += [otp, wire.verify(otp, make_wrong(wire.newest_code()))]
    with pytest.raises(InvalidCode) as caught:
        wire.verify(otp, "12345678")
    errors.append(caught.value)
    wire.advance(60)
    values += [wire.resend(otp), wire.verify(otp, wire.newest_code())]
    return values, errors


@pytest.fixture(autouse=True)
def wide_limits(settings: Any) -> None:
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "SENDS_PER_HOUR": 100,
        "SENDS_PER_DAY": 100,
        "BREAKER_FAILURES": 100,
    }


def get_models() -> list[Any]:
    return list(apps.get_app_config("django_d7verify").get_models())


def find_in(told: str, secrets: list[str]) -> list[str]:
    # As whole words: six digits stand by chance in an id, an address or an instant.
    return [
        secret for secret in secrets if re.search(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", told)
    ]


#: What Python's logging adds by itself, numbers all.
INSTANTS = {"created", "msecs", "relativeCreated", "thread", "process", "lineno"}


def test_no_log_line_no_error_and_no_repr_has_a_code_a_token_or_a_whole_number(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    values, errors = tell_whole_story(wire)
    secrets = [*get_secrets(wire), NUMBER, NUMBER[1:]]

    assert "django_d7verify" in {record.name for record in caplog.records}
    records = [
        (
            record.getMessage(),
            {key: value for key, value in vars(record).items() if key not in INSTANTS},
        )
        for record in caplog.records
    ]
    assert find_in(repr(records), secrets) == []

    told = [(repr(error), str(error), error.args, vars(error)) for error in errors]
    assert bool(wire.kind.send_path) is (len(errors) > 1)
    assert find_in(repr(told), secrets) == []

    gateway = wire.gateway
    values += [gateway, getattr(gateway, "client", None), gateway.breaker]
    values += [row for model in get_models() for row in model.objects.all()]
    assert find_in(repr([(value, str(value)) for value in values]), secrets) == []


def test_no_text_in_the_database_has_a_code_or_a_token_and_no_event_a_private_reference(
    wire: Wire,
) -> None:
    tell_whole_story(wire)
    secrets = get_secrets(wire)
    references = set(Pin.objects.values_list("reference", flat=True))
    for model in get_models():
        for row in model.objects.values():
            texts = [value for value in row.values() if isinstance(value, str)]
            assert find_in("\n".join(texts), [*set(secrets) - references]) == []
    answers = "\n".join(Event.objects.values_list("answer", flat=True))
    assert bool(answers.strip()) is bool(wire.kind.send_path)
    assert find_in(answers, [*secrets, NUMBER[-4:]]) == []


def test_a_message_shows_neither_its_code_nor_its_recipient() -> None:
    message = make_message(code="482913")
    assert "482913" in message.text
    assert "482913" not in repr(message)
    assert NUMBER not in repr(message)


@pytest.mark.parametrize("wire", NETWORKED, indirect=True)
@pytest.mark.parametrize("fault", ["refuse", "unauthorized", "cut_body"])
def test_djangos_error_report_shows_no_code_no_token_and_no_whole_number(
    wire: Wire, fault: str
) -> None:
    """What is mailed to admins has every local variable of every frame."""
    otp = wire.send()
    code = wire.newest_code()
    wire.advance(60)
    for call in (wire.send, lambda: wire.verify(otp, code)):
        wire.emulator.add_fault(fault, **({"seconds": 60} if fault == "refuse" else {}))
        try:
            call()
        except (D7VerifyError, ConfigurationError) as error:
            told = make_report(error)
            assert "django_d7verify" in told
            secrets = [*get_secrets(wire), NUMBER]
            assert [secret for secret in secrets if secret in told] == []
        wire.emulator.clear_faults()
        wire.emulator.stop_refusing()


def make_report(error: Exception) -> str:
    """Django's page on *error*, from the first frame of the app on."""
    package = str(django_d7verify.__path__[0])
    traceback: TracebackType | None = error.__traceback__
    while traceback and not traceback.tb_frame.f_code.co_filename.startswith(package):
        traceback = traceback.tb_next
    assert traceback is not None
    reporter = ExceptionReporter(RequestFactory().get("/"), type(error), error, traceback)
    return reporter.get_traceback_html() + reporter.get_traceback_text()
