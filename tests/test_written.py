"""Statements that are written once: the same answers as the ORM's, for everybody."""

from __future__ import annotations

import gc
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models

from django_d7verify.arrivals import Limit
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.models.statements import _Statement
from django_d7verify.words import Delivery, EventKind, PinStatus

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
T = 1_800_000_000_000_000
GAP = Limit("next_send", 1, 60)
NUMBERS = ("+971501234567", "+971507654321")


def make_session(number: str, **facts: Any) -> OTPSession:
    Recipient.objects.create(number=number, sends_day=T)
    session = OTPSession(
        recipient_id=number,
        purpose="verify",
        gateway="default",
        created_at=NOW,
        expires_at=NOW + timedelta(seconds=600),
        max_attempts=5,
        max_resends=5,
        salt="0123456789abcdef" * 2,
        **facts,
    )
    session.insert()
    return session


def make_pin(session: OTPSession, generation: int = 1, **facts: Any) -> Pin:
    pin = Pin(
        session=session,
        generation=generation,
        gateway="default",
        code_length=6,
        code_alphabet="numeric",
        created_at=NOW,
        expires_at=NOW + timedelta(seconds=600),
        **facts,
    )
    pin.insert()
    return pin


def claim(number: str, **changed: Any) -> bool:
    given: dict[str, Any] = {
        "claim": f"{number[-4:]}:1",
        "limits": [GAP],
        "guards": [],
        "now": T,
        "owned": False,
    }
    return Recipient.objects.claim_send(number, **{**given, **changed})


def read_row(row: models.Model) -> dict[str, Any]:
    """As the ORM reads it."""
    found = type(row)._default_manager.values().get(pk=row.pk)
    return dict(found)


def test_a_claim_is_of_its_own_number_however_often_it_was_written_for_others() -> None:
    for number in NUMBERS:
        Recipient.objects.create(number=number)
    assert claim(NUMBERS[0])
    assert not claim(NUMBERS[0])
    assert claim(NUMBERS[1], now=T + 7)
    rows = {row.number: row for row in Recipient.objects.all()}
    assert [rows[number].claim for number in NUMBERS] == ["4567:1", "4321:1"]
    assert [rows[number].next_send for number in NUMBERS] == [
        T + GAP.interval,
        T + 7 + GAP.interval,
    ]


def test_another_limit_is_another_statement() -> None:
    Recipient.objects.create(number=NUMBERS[0])
    assert claim(NUMBERS[0])
    hour = Limit("sends_hour", 5, 3600)
    assert not claim(NUMBERS[0], limits=[GAP, hour], now=T + 1)
    assert claim(NUMBERS[0], limits=[hour])
    assert Recipient.objects.get().sends_hour == T + hour.interval
    Recipient.objects.update(disabled=True, next_send=0)
    assert not claim(NUMBERS[0], owned=True)
    assert claim(NUMBERS[0], owned=False)


@pytest.mark.django_db(transaction=True)
def test_a_statement_is_written_on_a_connection_that_is_opened_for_it() -> None:
    Recipient.objects.create(number=NUMBERS[0])
    connection.close()
    # A limit that no other call has, so that it is the first of its kind.
    assert claim(NUMBERS[0], limits=[Limit("sends_hour", 11, 3600)])


def test_of_some_rows_only_those_are_changed() -> None:
    for number in NUMBERS:
        Recipient.objects.create(number=number)
    assert claim(NUMBERS[0])
    others = Recipient.objects.filter(number=NUMBERS[0])
    assert not others.claim_send(
        NUMBERS[1], claim="x:1", limits=[GAP], guards=[], now=T, owned=False
    )
    assert Recipient.objects.get(number=NUMBERS[1]).claim == ""


def test_an_inserted_row_is_as_a_saved_one() -> None:
    user = get_user_model().objects.create(username="anna")
    session = make_session(NUMBERS[0], user=user, owned=True, country="AE")
    pin = make_pin(session, status=PinStatus.SENT, sent_at=NOW, parts=2, cost=Decimal("0.00850000"))
    event = Event(session=session, kind=EventKind.SENT, at=NOW, answer="ok", by=user)
    event.insert()
    inserted = [read_row(session), read_row(Pin.objects.get()), read_row(Event.objects.get())]
    Event.objects.all().delete()
    Pin.objects.all().delete()
    OTPSession.objects.all().delete()
    for row in (session, pin, event):
        row.save(force_insert=True)
    saved = [read_row(session), read_row(pin), read_row(event)]
    for before, after in zip(inserted, saved, strict=True):
        # Keys that the database gave.
        assert {**before, "id": 0} == {**after, "id": 0}


def test_a_session_is_read_as_the_orm_reads_it() -> None:
    user = get_user_model().objects.create(username="anna")
    for number in NUMBERS:
        session = make_session(number, user=user, owned=True, approved_at=NOW, attempts=2)
        make_pin(session, cost=Decimal("0.00850000"), delivery=Delivery.DELIVERED)
        make_pin(session, 2, sent_at=NOW, delivery_at=NOW, parts=1)
        # The first is read by the statement as it is written, the second by the kept one.
        pins = Pin.objects.of_session(session.otp_id)
        assert [pin.generation for pin in pins] == [2, 1]
        expected = Pin.objects.filter(session=session).order_by("-generation")
        for pin, by_orm in zip(pins, expected.select_related("session__recipient"), strict=True):
            assert pin.session is pins[0].session
            assert pin.answered == 2
            for ours, theirs in (
                (pin, by_orm),
                (pin.session, by_orm.session),
                (pin.session.recipient, by_orm.session.recipient),
            ):
                assert ours == theirs
                assert _get_values(ours) == _get_values(theirs)
                assert ours._state.db == theirs._state.db
                assert not ours._state.adding


def _get_values(row: models.Model) -> dict[str, tuple[type, Any]]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: (type(value), value) for name, value in values.items()}


def test_a_session_that_is_not_there_has_no_pins() -> None:
    assert Pin.objects.of_session(uuid.uuid4()) == []


def test_what_is_kept_of_a_statement_has_nobodys_values() -> None:
    secret = "kept-by-nobody"
    session = make_session(NUMBERS[0])
    make_pin(session)
    Pin.objects.mark_sent(session.otp_id, 1, now=NOW, reference=secret, message_id=secret)
    claim(NUMBERS[0], claim=secret)
    kept = [each for each in gc.get_objects() if isinstance(each, _Statement)]
    assert kept
    for statement in kept:
        text = f"{statement.sql} {statement.params}"
        assert secret not in text
        assert NUMBERS[0] not in text
        assert str(session.otp_id) not in text
        assert session.otp_id.hex not in text
