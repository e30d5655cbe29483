"""The budgets of prefixes, countries and the site, as staff see and lift them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from django_d7verify import limits
from django_d7verify.models import Budget, Event
from django_d7verify.transactions import run_within
from django_d7verify.words import EventKind

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """How far one budget is used up at one instant."""

    #: "site", "country:EE" or "prefix:+37255".
    scope: str
    #: "hour" and "day", those that it has: codes taken, and how many it holds.
    used: dict[str, tuple[int, int]]
    #: Seconds until it gives another code; 0 where it does now.
    wait_seconds: int


def read_budget(budget: Budget, *, now: datetime | None = None) -> BudgetUse:
    """How far *budget* is used up."""
    used, wait = limits.measure_budget(budget, now=now or timezone.now())
    return BudgetUse(scope=budget.scope, used=used, wait_seconds=wait)


def lift_budget(scope: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """
    Give a budget back all that was taken from it; False where nothing was, or it is unknown.

    *by* is the user who does it. The budget fills again like any other: what filled it may come
    back. May be called inside a transaction, and then holds with it.
    """
    if not run_within(_lift, scope, by, now or timezone.now()):
        return False
    extra = {"event": "budget_lifted", "scope": scope}
    logger.info("Budget %s lifted.", scope, extra=extra)
    return True


def _lift(scope: str, by: Any, now: datetime) -> bool:
    if not Budget.objects.mark_lifted(scope):
        return False
    Event(kind=EventKind.LIFTED, by=by, at=now, reason=scope).insert()
    return True
