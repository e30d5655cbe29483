"""Removing sessions, with all that hangs on them; what they came to stays in daily totals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connections
from django.db.models import F, QuerySet, Value

from django_d7verify.models import DailyTotal, OTPSession, Pin
from django_d7verify.models.claims import big
from django_d7verify.words import Delivery, PinStatus

Rows = TypeVar("Rows", bound=QuerySet[Any])
#: Day, country, gateway, purpose.
_Key = tuple[object, ...]
_KEY_NAMES = ("day", "country", "gateway", "purpose")
#: What is read of the rows to be removed: there may be millions.
SESSION_COLUMNS = (
    *("created_at", "country", "gateway", "purpose"),
    *("approved_at", "attempts", "decoy"),
)
#: Messages that left, or maybe did.
_LEFT = (PinStatus.SENT, PinStatus.UNCERTAIN)
_PIN_COLUMNS = ("status", "delivery", "parts", "cost")


def lock(rows: Rows) -> Rows:
    """*rows*, locked till the transaction ends; those that somebody holds are passed over."""
    features = connections[rows.db].features
    return rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)


def remove_sessions(sessions: Iterable[OTPSession]) -> None:
    """
    Delete locked *sessions* with their pins and events, and add them to the daily totals.

    In the caller's transaction, so that nothing is counted twice or not at all.
    """
    kept = {session.otp_id: session for session in sessions}
    counts: defaultdict[_Key, Counter[str]] = defaultdict(Counter)
    costs: defaultdict[_Key, Decimal] = defaultdict(Decimal)
    for session in kept.values():
        if session.decoy:
            continue  # Nobody's number: it would tell of messages that nobody was to get.
        is_approved = session.approved_at is not None
        counts[_make_key(session, session.gateway)].update(
            sessions=1, approved=is_approved, wrong=session.attempts - is_approved
        )
    pins = Pin.objects.filter(session__in=kept, session__decoy=False)
    for otp_id, gateway, *found in pins.values_list("session_id", "gateway", *_PIN_COLUMNS):
        key = _make_key(kept[otp_id], gateway)
        status, delivery, parts, cost = found
        counts[key].update(
            sent=status in _LEFT,
            delivered=delivery == Delivery.DELIVERED,
            parts=parts or 0,
        )
        costs[key] += cost or 0
    OTPSession.objects.filter(pk__in=kept).only("pk").delete()
    # Sorted, so that two who prune at once lock the rows in one order.
    for key in sorted(counts, key=str):
        _add_to_total(dict(zip(_KEY_NAMES, key, strict=True)), counts[key], costs[key])


def _make_key(session: OTPSession, gateway: str) -> _Key:
    return (session.created_at.astimezone(UTC).date(), session.country, gateway, session.purpose)


def _add_to_total(key: Mapping[str, object], counts: Mapping[str, int], cost: Decimal) -> None:
    rows = DailyTotal.objects.filter(**key)
    changes: dict[str, Any] = {name: F(name) + big(number) for name, number in counts.items()}
    changes["cost"] = F("cost") + Value(cost, output_field=DailyTotal._meta.get_field("cost"))
    if not rows.update(**changes):
        DailyTotal.objects.bulk_create([DailyTotal(**key)], ignore_conflicts=True)
        rows.update(**changes)
