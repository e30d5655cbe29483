"""Everything that is kept on one number: shown to the person, and erased."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, InvalidRecipient, RecipientRefused
from django_d7verify.gateways import locmem
from django_d7verify.models import DailyTotal, Event, OTPSession, PhoneNumber, Pin, Recipient
from django_d7verify.services.persons import make_erased_digest
from django_d7verify.words import EventKind, Requester

from .conftest import API_TOKEN, NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+37255512345"
NOW = timezone.now()
REQUESTER = Requester(address="192.0.2.7", user_agent="Firefox", language="en")


def tell_story(number: str = NUMBER) -> None:
    """A wrong code and a right one, and a session that is open."""
    otp_id = services.send_otp(number, requester=REQUESTER, now=NOW).otp_id
    code = str(locmem.outbox[-1].code)
    wrong = str((int(code) + 1) % 10**6).zfill(6)
    services.verify_otp(otp_id, wrong, now=NOW)
    services.verify_otp(otp_id, code, now=NOW)
    services.send_otp(number, purpose="login", now=NOW + timedelta(minutes=1))


def find_rows(words: str) -> list[str]:
    """Where any row of the app has *words* in it."""
    return [
        f"{model.__name__}.{name}"
        for model in apps.get_app_config("django_d7verify").get_models()
        for row in model._default_manager.values()
        for name, value in row.items()
        if words in str(value)
    ]


def test_an_export_has_every_session_code_and_event_of_the_number_and_of_no_other(
    django_user_model: Any,
):
    tell_story()
    tell_story(OTHER)
    clerk = django_user_model.objects.create(username="clerk")
    services.stop_recipient(NUMBER, reason="Asked for it", by=clerk)
    exported = services.export_recipient("+971 50 123 4567")
    assert exported["number"] == NUMBER
    assert exported["recipient"]["stop_reason"] == "Asked for it"
    first, second = exported["sessions"]
    assert (first["purpose"], first["status"], first["address"]) == (
        "verify",
        "APPROVED",
        "192.0.2.7",
    )
    assert (second["purpose"], second["status"]) == ("login", "OPEN")
    assert [event["kind"] for event in first["events"]] == ["sent", "wrong_code", "approved"]
    assert [pin["generation"] for pin in first["pins"]] == [1]
    assert [event["kind"] for event in exported["events"]] == ["stopped"]
    text = json.dumps(exported)
    assert OTHER[1:] not in text
    assert "clerk" not in text


def test_an_export_has_every_column_but_secrets_and_who_of_the_staff_acted():
    tell_story()
    session = services.export_recipient(NUMBER)["sessions"][0]
    for model, row in [(OTPSession, session), (Pin, session["pins"][0])]:
        names = {field.name for field in model._meta.concrete_fields}
        assert names - row.keys() <= {"digest", "salt", "unanswered"}
    assert session["events"][0].keys() == {field.name for field in Event._meta.concrete_fields} - {
        "by"
    }


def test_an_export_has_no_code_and_nothing_that_a_code_could_be_found_from(
    settings: Any, d7: Emulator
):
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10}
    services.send_otp(NUMBER, now=NOW)
    text = json.dumps(services.export_recipient(NUMBER))
    assert str(d7.messages(NUMBER)[-1]["code"]) not in text
    assert API_TOKEN not in text
    gateway = {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    services.send_otp(NUMBER, now=NOW + timedelta(minutes=1))
    text = json.dumps(services.export_recipient(NUMBER))
    assert str(locmem.outbox[-1].code) not in text
    for digest in Pin.objects.exclude(digest="").values_list("digest", flat=True):
        assert digest not in text
    for salt in OTPSession.objects.exclude(salt="").values_list("salt", flat=True):
        assert salt not in text


def test_an_export_of_a_number_never_seen_is_empty_and_of_no_number_is_refused():
    assert services.export_recipient(NUMBER) == {
        "number": NUMBER,
        "recipient": None,
        "sessions": [],
        "events": [],
        "phone_numbers": [],
    }
    with pytest.raises(InvalidRecipient):
        services.export_recipient("phone")


def test_erased_is_everything_of_the_number_and_nothing_of_another():
    tell_story()
    tell_story(OTHER)
    services.stop_recipient(NUMBER)
    services.allow_recipient(NUMBER)
    assert services.erase_recipient("+971 50 123 4567") == {
        "sessions": 2,
        "events": 2,
        "phone_numbers": 0,
    }
    assert find_rows(NUMBER[1:]) == []
    assert OTPSession.objects.filter(recipient__number=OTHER).count() == 2
    assert services.export_recipient(NUMBER)["recipient"] is None


def test_a_stopped_number_stays_stopped_and_loses_all_else():
    tell_story()
    services.stop_recipient(NUMBER, reason="Jane asked for it", now=NOW)
    services.erase_recipient(NUMBER)
    assert find_rows(NUMBER[1:]) == ["Recipient.number"]
    row = Recipient.objects.get()
    assert (row.stopped_at, row.stop_reason, row.claim) == (NOW, "", "")
    with pytest.raises(RecipientRefused):
        services.send_otp(NUMBER)


def test_what_is_erased_is_added_to_the_daily_totals():
    tell_story()
    services.erase_recipient(NUMBER)
    totals = DailyTotal.objects.order_by("purpose").values_list("purpose", "sessions", "approved")
    assert list(totals) == [("login", 1, 0), ("verify", 1, 1)]


def test_the_audit_says_who_erased_and_holds_the_number_as_a_keyed_digest_only(
    settings: Any, django_user_model: Any
):
    tell_story()
    clerk = django_user_model.objects.create(username="clerk")
    services.erase_recipient(NUMBER, by=clerk, now=NOW)
    event = Event.objects.get()
    assert (event.kind, event.by, event.at) == (EventKind.ERASED, clerk, NOW)
    assert make_erased_digest(NUMBER) in event.answer
    assert find_rows("971") == find_rows("4567") == []
    settings.SECRET_KEY = "another"
    assert make_erased_digest(NUMBER) not in event.answer


def test_a_users_number_is_exported_and_erased_and_the_user_stays(django_user_model: Any):
    user = django_user_model.objects.create(username="somebody")
    for number in (NUMBER, OTHER):
        PhoneNumber.objects.create(user=user, number=number, verified_at=NOW)
    (row,) = services.export_recipient(NUMBER)["phone_numbers"]
    assert (row["number"], row["user"]) == (NUMBER, user.pk)
    assert services.erase_recipient(NUMBER)["phone_numbers"] == 1
    assert [row.number for row in PhoneNumber.objects.all()] == [OTHER]
    assert django_user_model.objects.get() == user


def test_erasing_a_number_never_seen_is_no_error():
    assert set(services.erase_recipient(NUMBER).values()) == {0}


def test_erasing_inside_a_transaction_is_refused():
    tell_story()
    with transaction.atomic(), pytest.raises(ConfigurationError):
        services.erase_recipient(NUMBER)
    assert OTPSession.objects.count() == 2


def test_the_log_says_that_it_was_done_and_not_to_whom(caplog: Any):
    caplog.set_level(logging.INFO)
    services.export_recipient(NUMBER)
    services.erase_recipient(NUMBER)
    assert "exported" in caplog.text
    assert "erased" in caplog.text
    assert NUMBER[4:] not in caplog.text
