"""
Pruning what is too old, while codes go on being sent and verified.

Batches are short transactions of their own, in key order. Rows are locked first, in the one order
of locks, and looked at again under the lock; rows that somebody holds wait for the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from django_d7verify.arrivals import make_microseconds
from django_d7verify.conf import conf
from django_d7verify.models import Budget, Event, OTPSession, Recipient
from django_d7verify.transactions import run_durably

from .removing import SESSION_COLUMNS, lock, remove_sessions

#: Rest between two batches, in times of what the last one took.
_REST = 2
#: Called after each batch with the kind of data and how many rows of it are pruned so far.
Report = Callable[[str, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What holds for all batches of one run."""

    now: datetime
    batch_size: int
    dry_run: bool

    @property
    def oldest_session(self) -> datetime:
        return self.now - timedelta(days=conf.SESSION_RETENTION_DAYS)

    @property
    def oldest_event(self) -> datetime:
        return self.now - timedelta(days=conf.AUDIT_RETENTION_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What one transaction did."""

    rows: int
    #: Where the next one begins; None at the end.
    last: Any = None


def prune(
    *,
    now: datetime | None = None,
    dry_run: bool = False,
    batch_size: int = 500,
    report: Report | None = None,
) -> dict[str, int]:
    """
    Delete what is kept for long enough; answers the rows deleted by kind.

    ``sessions`` (with their pins and events, into the daily totals) after
    ``SESSION_RETENTION_DAYS`` unless still open, ``events`` of staff after
    ``AUDIT_RETENTION_DAYS``; ``recipients`` first seen before the former, of which nothing is
    left and whose limits have run out, never those stopped, disabled or with failures in a row;
    ``budgets`` that are whole again. A *dry_run* counts and deletes nothing; numbers whose last
    session would go with it are not in its count. Between two batches it rests twice as long as
    the last one took, so that most of the time is everybody else's.
    """
    run = _Run(now=now or timezone.now(), batch_size=batch_size, dry_run=dry_run)
    return {kind: _prune_all(kind, step, run, report) for kind, step in _STEPS.items()}


def _prune_all(
    kind: str, step: Callable[[_Run, Any], _Batch], run: _Run, report: Report | None
) -> int:
    batch, total = _Batch(rows=0, last=0), 0
    while batch.last is not None:
        begun = time.monotonic()
        batch = run_durably(step, run, batch.last)
        total += batch.rows
        if report:
            report(kind, total)
        if batch.last is not None and not run.dry_run:
            time.sleep(_REST * (time.monotonic() - begun))
    return total


def _prune_sessions(run: _Run, last: Any) -> _Batch:
    rows = OTPSession.objects.closed_at(run.now).filter(created_at__lt=run.oldest_session)
    if last:
        created_at, otp_id = last
        rows = rows.filter(created_at__gte=created_at)
        rows = rows.exclude(created_at=created_at, pk__lte=otp_id)
    rows = rows.only(*SESSION_COLUMNS).order_by("created_at", "pk")
    sessions = list((rows if run.dry_run else lock(rows))[: run.batch_size])
    if not sessions:
        return _Batch(rows=0)
    if not run.dry_run:
        remove_sessions(sessions)
    return _Batch(rows=len(sessions), last=(sessions[-1].created_at, sessions[-1].pk))


def _prune_events(run: _Run, last: Any) -> _Batch:
    return _prune_by("pk", Event.objects.filter(session=None, at__lt=run.oldest_event), run, last)


def _prune_recipients(run: _Run, last: Any) -> _Batch:
    rows = Recipient.objects.unused_at(make_microseconds(run.now)).filter(
        ~Exists(OTPSession.objects.filter(recipient=OuterRef("number"))),
        ~Exists(Event.objects.filter(recipient=OuterRef("number"))),
        # One that was just made is for a send that is about to claim it.
        created_at__lt=run.oldest_session,
    )
    # By number, as all others find it: MariaDB locks the index first, and by key they would meet.
    return _prune_by("number", rows, run, last)


def _prune_budgets(run: _Run, last: Any) -> _Batch:
    now = make_microseconds(run.now)
    return _prune_by("scope", Budget.objects.filter(hour__lte=now, day__lte=now), run, last)


def _prune_by(name: str, rows: QuerySet[Any], run: _Run, last: Any) -> _Batch:
    found = rows.filter(**{f"{name}__gt": last}) if last else rows
    found = found.order_by(name).values_list(name, flat=True)
    keys = list((found if run.dry_run else lock(found))[: run.batch_size])
    if not keys:
        return _Batch(rows=0)
    # The conditions once more: between the look and the lock a row may have come into use.
    again = rows.filter(**{f"{name}__in": keys})
    deleted = len(keys) if run.dry_run else again.delete()[0]
    return _Batch(rows=deleted, last=keys[-1])


#: In the order of locks, which is also that in which rows come out of use.
_STEPS: dict[str, Callable[[_Run, Any], _Batch]] = {
    "sessions": _prune_sessions,
    "events": _prune_events,
    "recipients": _prune_recipients,
    "budgets": _prune_budgets,
}
