"""Everything that is kept on one number: shown to the person, and erased."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import signals
from django_d7verify.conf import conf
from django_d7verify.models import Event, OTPSession, PhoneNumber, Pin, Recipient
from django_d7verify.phones import mask_phone
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind

from .recipients import report_act
from .removing import remove_sessions
from .states import parse_recipient

logger = logging.getLogger("django_d7verify")

#: Columns that are no word about the person: secrets of the site's, and who of its staff acted.
_LEFT_OUT = frozenset({"digest", "salt", "unanswered", "by"})


@sensitive_variables()
def export_recipient(recipient: str) -> dict[str, Any]:
    """
    Everything that is kept on a number, as plain JSON values; no code, and no digest of one.

    ``{"number", "recipient", "sessions": [{…, "pins", "events"}], "events", "phone_numbers"}``;
    ``recipient`` is None for a number that is not known. Raises ``InvalidRecipient``. The log says
    that it was exported.
    """
    number = parse_recipient(recipient).number
    sessions = [
        {
            **session,
            "pins": _read_rows(Pin.objects.filter(session=session["otp_id"]).order_by("pk")),
            "events": _read_rows(Event.objects.filter(session=session["otp_id"]).order_by("pk")),
        }
        for session in _read_rows(
            OTPSession.objects.filter(recipient__number=number).order_by("created_at")
        )
    ]
    rows = _read_rows(Recipient.objects.filter(number=number))
    masked = mask_phone(number)
    extra = {"event": "recipient_exported", "recipient": masked}
    logger.info("%s: everything kept on it was exported.", masked, extra=extra)
    return _make_plain(
        {
            "number": number,
            "recipient": rows[0] if rows else None,
            "sessions": sessions,
            "events": _read_rows(
                Event.objects.filter(recipient__number=number, session=None).order_by("pk")
            ),
            "phone_numbers": _read_rows(PhoneNumber.objects.filter(number=number)),
        }
    )


def _read_rows(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    model: type[Model] = rows.model
    names = [field.name for field in model._meta.concrete_fields if field.name not in _LEFT_OUT]
    return list(rows.values(*names))


def _make_plain(data: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(data, cls=DjangoJSONEncoder))
    return plain


@sensitive_variables()
def erase_recipient(
    recipient: str, *, by: Any = None, now: datetime | None = None
) -> dict[str, int]:
    """
    Erase everything that is kept on a number; answers how many rows of what.

    What stays: that a stopped number is stopped, since it must never be sent to again; daily
    totals, which are of nobody; and an event that says who erased (*by*) a number of which it
    keeps a keyed digest. Sessions that are open end. It is no user's number any more; in a
    ``PHONE_STORE`` of the site's own it is the site's to erase. Its limits begin anew, and a
    disabled number is enabled. Raises ``InvalidRecipient``, and ``ConfigurationError`` inside a
    transaction. Sends ``recipient_erased``.
    """
    number = parse_recipient(recipient).number
    erased = run_durably(_erase, number, by, now or timezone.now())
    report_act(signals.recipient_erased, "recipient_erased", number, by)
    return erased


def make_erased_digest(number: str) -> str:
    """What the audit keeps of an erased *number*: whether it was this one can be asked, no more."""
    key = conf.SECRET_KEYS[0].encode()
    return hmac.digest(key, f"django_d7verify.erased|{number}".encode(), hashlib.sha256).hex()


def _erase(number: str, by: Any, now: datetime) -> dict[str, int]:
    sessions = (
        OTPSession.objects.select_for_update().filter(recipient__number=number).order_by("pk")
    )
    kept = list(sessions)
    remove_sessions(kept)
    # Deleted with all that refers to it, or emptied of all but that it is stopped.
    rows = Recipient.objects.select_for_update().filter(number=number)
    events = Event.objects.filter(recipient__number=number).delete()[0]
    bound = PhoneNumber.objects.filter(number=number).delete()[0]
    for row in rows:
        row.delete()
        if row.stopped_at:
            Recipient(number=number, stopped_at=row.stopped_at).save(force_insert=True)
    Event(
        by=by, kind=EventKind.ERASED, at=now, answer=f"number {make_erased_digest(number)}"
    ).insert()
    return {"sessions": len(kept), "events": events, "phone_numbers": bound}
