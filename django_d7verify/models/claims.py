"""Claims on arrival times (see ``arrivals``), as expressions of an UPDATE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Greatest

from django_d7verify.arrivals import Limit


def big(number: int | models.Expression) -> models.Expression:
    """
    *number* as a bigint; the place of one as it is (see ``statements``).

    Typed, because psycopg with server-side binding casts a bare int to int4, where it wraps and
    lets every claim pass.
    """
    if isinstance(number, models.Expression):
        return number
    return Value(number, output_field=models.BigIntegerField())


def take(limits: Sequence[Limit], now: int) -> dict[str, Any]:
    """One call taken from each of *limits*, at *now* (microseconds since 1970)."""
    return {
        limit.column: Greatest(F(limit.column), big(now)) + big(limit.interval) for limit in limits
    }


def give_back(limits: Sequence[Limit], times: int = 1) -> dict[str, Any]:
    """*times* calls given back to each of *limits*."""
    return {limit.column: F(limit.column) - big(times * limit.interval) for limit in limits}
