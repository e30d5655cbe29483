"""The commands of operators: what they print, for people and for scripts, and what they ask."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.words import EventKind

from .conftest import API_TOKEN, NUMBER

pytestmark = pytest.mark.django_db

OLD = timezone.now() - timedelta(days=100)


class Terminal(io.StringIO):
    """A standard output that a person looks at."""

    def isatty(self) -> bool:
        return True


def run(name: str, *arguments: str, output: io.StringIO | None = None) -> str:
    """What *name* prints; no command but the export prints a number, and none the token."""
    output = output or io.StringIO()
    try:
        call_command(name, *arguments, stdout=output, stderr=output)
    finally:
        assert API_TOKEN not in output.getvalue()
        assert name == "d7verify_export" or NUMBER[1:] not in output.getvalue()
    return output.getvalue()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked; the answer to give next stands first."""
    said: list[str] = []

    def ask(question: str) -> str:
        said.append(question)
        return said.pop(0)

    monkeypatch.setattr("builtins.input", ask)
    return said


@pytest.fixture
def doctor(d7: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    settings.SILENCED_SYSTEM_CHECKS = [f"d7verify.W0{number:02d}" for number in range(1, 20)]
    return d7


def test_the_doctor_prints_a_line_a_finding(doctor: Emulator):
    lines = run("d7verify_doctor").splitlines()
    assert lines[0] == "ok    settings: The system checks have nothing to say."
    assert lines[1].startswith("ok    gateway default: The provider takes the credentials;")
    assert all(re.match(r"(ok  |warn|fail)  [a-z]+( \w+)?: \S", line) for line in lines)


def test_the_doctor_answers_scripts_in_json_and_warnings_are_no_failure(
    doctor: Emulator, settings: Any
):
    settings.SILENCED_SYSTEM_CHECKS = []
    found = json.loads(run("d7verify_doctor", "--json"))
    assert {"warn", "ok"} == {finding["level"] for finding in found}
    assert all(finding.keys() == {"subject", "level", "text"} for finding in found)


def test_the_doctor_ends_with_an_error_where_something_fails(doctor: Emulator):
    doctor.add_fault("unauthorized")
    output = io.StringIO()
    with pytest.raises(CommandError, match=r"^1 of \d failed\.$") as caught:
        run("d7verify_doctor", output=output)
    assert caught.value.returncode == 1
    assert "fail  gateway default: The provider does not take" in output.getvalue()
    doctor.add_fault("unauthorized")
    output = io.StringIO()
    with pytest.raises(CommandError):
        run("d7verify_doctor", "--json", output=output)
    assert "fail" in {finding["level"] for finding in json.loads(output.getvalue())}


def test_the_doctor_runs_where_the_settings_have_errors(doctor: Emulator, settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_ATEMPTS": 3}
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed"):
        run("d7verify_doctor", output=output)
    assert "d7verify.E002" in output.getvalue()


def test_the_doctor_sends_a_code_where_it_is_asked_to(doctor: Emulator):
    assert "test message: Sent to +9715*****67" in run("d7verify_doctor", "--send", NUMBER)
    code = str(doctor.messages(NUMBER)[-1]["code"])
    assert services.verify_otp(OTPSession.objects.get().otp_id, code).approved


def test_prune_says_how_much_of_what(settings: Any):
    services.send_otp(NUMBER, now=OLD)
    Recipient.objects.update(created_at=OLD)
    assert json.loads(run("d7verify_prune", "--dry-run", "--json"))["sessions"] == 1
    printed = run("d7verify_prune")
    assert printed == "sessions: 1\nevents: 0\nrecipients: 1\nbudgets: 0\n"
    assert set(json.loads(run("d7verify_prune", "--json")).values()) == {0}


def test_prune_shows_a_person_how_far_it_is_in_one_line_a_kind():
    services.send_otp(NUMBER, now=OLD)
    printed = run("d7verify_prune", "--batch-size", "1", output=Terminal())
    assert printed.startswith("sessions: 1\rsessions: 1\r")
    assert printed.count("\n") == 4


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_prune_refuses_batches_of_nothing(size: str):
    with pytest.raises(CommandError, match=r"batch-size"):
        run("d7verify_prune", f"--batch-size={size}")


def test_export_prints_what_is_kept_as_json():
    services.send_otp(NUMBER)
    exported = json.loads(run("d7verify_export", "+971 50 123 4567"))
    assert exported == services.export_recipient(NUMBER)
    assert exported["number"] == NUMBER


@pytest.mark.parametrize("name", ["d7verify_export", "d7verify_erase"])
def test_what_is_no_number_is_refused(name: str):
    with pytest.raises(CommandError, match="digits and separators"):
        run(name, "phone")


def test_erase_asks_and_takes_nothing_but_yes_for_an_answer(answers: list[str]):
    services.send_otp(NUMBER)
    for answer in ("", "y", "no"):
        answers[:] = [answer]
        with pytest.raises(CommandError, match=r"Nothing was erased\."):
            run("d7verify_erase", NUMBER)
        assert "+9715*****67" in answers[0]
        assert NUMBER[1:] not in answers[0]
    assert OTPSession.objects.exists()
    answers[:] = ["Yes"]
    assert run("d7verify_erase", NUMBER) == "sessions: 1\nevents: 0\nphone_numbers: 0\n"
    assert not OTPSession.objects.exists()


def test_erase_takes_the_silence_of_cron_for_a_no(monkeypatch: pytest.MonkeyPatch):
    services.send_otp(NUMBER)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match=r"Nothing was erased\."):
        run("d7verify_erase", NUMBER)
    assert OTPSession.objects.exists()


@pytest.mark.parametrize("option", ["--noinput", "--no-input"])
def test_erase_does_not_ask_where_it_is_told_so(
    option: str, answers: list[str], django_user_model: Any
):
    clerk = django_user_model.objects.create_user("clerk")
    services.send_otp(NUMBER)
    run("d7verify_erase", NUMBER, option, "--by", "clerk")
    event = Event.objects.get()
    assert (event.kind, event.by) == (EventKind.ERASED, clerk)


def test_erase_by_somebody_unknown_erases_nothing():
    services.send_otp(NUMBER)
    with pytest.raises(CommandError, match="No such user"):
        run("d7verify_erase", NUMBER, "--noinput", "--by", "nobody")
    assert OTPSession.objects.exists()
