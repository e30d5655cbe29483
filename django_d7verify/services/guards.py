"""The budgets of prefixes, countries and the site, as staff see and lift them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import router, transaction
from django.utils import timezone

from django_d7verify import limits
from django_d7verify.models import Budget, Event
from django_d7verify.words import EventKind

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """How far one budget is used up at one instant."""

    #: "site", "country:EE" or "prefix:+37255".
    scope: str
    #: "hour" and "day", those that it has: codes taken, and how many it holds.
    used: dict[str, tuple[int, int]]
    #: Seconds until it gives another code; 0 where it does now.
    wait_seconds: int


def read_guard(budget: Budget, *, now: datetime | None = None) -> Guard:
    """How far *budget* is used up."""
    used, wait = limits.measure_budget(budget, now=now or timezone.now())
    return Guard(scope=budget.scope, used=used, wait_seconds=wait)


def lift_guard(scope: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """
    Give a budget back all that was taken from it; False where nothing was, or it is unknown.

    *by* is the user who does it. The budget fills again like any other: what filled it may come
    back. May be called inside a transaction, and then holds with it.
    """
    with transaction.atomic(using=router.db_for_write(Budget)):
        if not Budget.objects.mark_lifted(scope):
            return False
        event = Event(kind=EventKind.LIFTED, by=by, at=now or timezone.now(), reason=scope)
        event.insert()
    extra = {"event": "budget_lifted", "scope": scope}
    logger.info("Budget %s lifted.", scope, extra=extra)
    return True
