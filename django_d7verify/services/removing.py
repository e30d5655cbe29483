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
from django_d7verify.words import LEFT, Delivery

Rows = TypeVar("Rows", bound=QuerySet[Any])
#: Day, country, gateway, purpose.
_Key = tuple[object, ...]
_KEY_NAMES = ("day", "country", "gateway", "purpose")
#: What is read of the rows to be removed: there may be millions.
SESSION_COLUMNS = (
    *("created_at", "country", "gateway", "purpose"),
    *("approved_at", "attempts", "generation"),
)
_PIN_COLUMNS = ("session_id", "generation", "gateway", "status", "delivery", "parts", "cost")


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
    # Without nobody's numbers and those for tests: nobody was to get a message.
    pins = Pin.objects.not_of_tests().filter(session__in=kept, session__decoy=False)
    for pin in pins.only(*_PIN_COLUMNS):
        session = kept[pin.session_id]
        key = _make_key(session, pin.gateway)
        if pin.generation == session.generation:
            is_approved = session.approved_at is not None
            counts[key].update(
                sessions=1, approved=is_approved, wrong=session.attempts - is_approved
            )
        counts[key].update(
            sent=pin.status in LEFT,
            delivered=pin.delivery == Delivery.DELIVERED,
            parts=pin.parts or 0,
        )
        costs[key] += pin.cost or 0
    OTPSession.objects.filter(pk__in=kept).only("pk").delete()
    # Sorted, so that two who prune at once lock the rows in one order.
    for key in sorted(counts, key=str):
        _add_to_total(dict(zip(_KEY_NAMES, key, strict=True)), counts[key], costs[key])


def _make_key(session: OTPSession, gateway: str) -> _Key:
    return (session.created_at.astimezone(UTC).date(), session.country, gateway, session.purpose)


def _add_to_total(key: Mapping[str, object], counts: Mapping[str, int], cost: Decimal) -> None:
    rows = DailyTotal.objects.filter(**key)
    changes: dict[str, Any] = {name: F(name) + big(number) for name, number in counts.items()}
    column: Any = DailyTotal._meta.get_field("cost")
    changes["cost"] = F("cost") + Value(cost, output_field=column)
    if not rows.update(**changes):
        DailyTotal.objects.bulk_create([DailyTotal(**key)], ignore_conflicts=True)
        rows.update(**changes)
