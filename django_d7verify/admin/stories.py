"""All that happened in one session, as its page shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from django_d7verify import limits
from django_d7verify.models import OTPSession, Recipient
from django_d7verify.words import Delivery, PinStatus

from .lists import DELIVERY_TONES, may, show_number
from .timeline import make_number_timeline, make_timeline
from .times import say_duration

#: Events of the number, and other sessions with it.
_MOST_BESIDE = 10
_PIN_TONES = {
    PinStatus.SENT: "good",
    PinStatus.UNCERTAIN: "warn",
    PinStatus.NOT_SENT: "bad",
}


def read_story(request: HttpRequest, session: OTPSession, *, now: datetime) -> dict[str, Any]:
    """What the page of *session* shows: five SELECTs, each by an index."""
    recipient = session.recipient
    events = session.events.select_related("by").order_by("at", "pk")
    number_events = recipient.events.select_related("by").order_by("-at", "-pk")[:_MOST_BESIDE]
    return {
        "number": show_number(request, recipient.number),
        "timeline": make_timeline(session, events, now=now),
        "pins": [_make_pin_row(pin) for pin in reversed(session.pins.all())],
        "recipient": recipient,
        "locked_for": _say_lock(recipient, now),
        "number_timeline": make_number_timeline(number_events),
        "others": _find_others(session, now),
        "may_see_recipient": may(request, "view_recipient"),
        "took": _say_took(session),
    }


def _make_pin_row(pin: Any) -> dict[str, Any]:
    status, delivery = PinStatus(pin.status), Delivery(pin.delivery)
    return {
        "pin": pin,
        "status": status.label,
        "tone": _PIN_TONES.get(status, "busy"),
        "delivery": delivery.label if delivery else "",
        "delivery_tone": DELIVERY_TONES.get(delivery, "quiet"),
    }


def _say_lock(recipient: Recipient, now: datetime) -> str:
    """How long codes for *recipient* are not compared, at most; "" where they are."""
    locks = [limits.find_lock(recipient, now=now, owned=owned) for owned in (False, True)]
    waits = [lock.retry_after_seconds for lock in locks if lock]
    return say_duration(max(waits)) if waits else ""


def _find_others(session: OTPSession, now: datetime) -> list[tuple[Any, Any]]:
    """The number's newest other sessions, each with its status."""
    others = OTPSession.objects.filter(recipient=session.recipient_id).exclude(pk=session.pk)
    newest = others.defer("salt", "unanswered").order_by("-created_at")[:_MOST_BESIDE]
    return [(other, other.status_at(now).label) for other in newest]


def _say_took(session: OTPSession) -> str:
    """How long the person took; "" where nothing was approved."""
    if session.approved_at is None:
        return ""
    return say_duration(int((session.approved_at - session.created_at).total_seconds()))
