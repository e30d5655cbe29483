"""
What the site's codes come to: sent, delivered, approved, in what time and at what cost.

Counted by the day (UTC) on which a session began, so an approval after midnight belongs to the
day of its code. A day is read by itself, and then kept: no function of the database cuts days,
since MariaDB without time-zone tables has none, and no window is read twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any

from django.core.cache import cache
from django.db.models import Case, Count, F, FloatField, Func, IntegerField, Q, QuerySet, Sum, When
from django.utils import timezone

from django_d7verify.models import DailyTotal, Pin
from django_d7verify.words import LEFT, Delivery, SessionStatus

#: From so many seconds on, times to verify are kept in steps of so many.
_STEPS = ((300, 30), (60, 5))
#: Codes are resent for so long at the most.
_LONGEST_SESSION = timedelta(days=1)
#: Days in which sessions still change: delivery is asked about for two.
_OPEN_DAYS = 3
#: For as long as a day can be in a window.
_KEPT_SECONDS = 100 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts that can be added up."""

    #: Sessions in which a code was asked for; decoys and those of ``TEST_NUMBERS`` left out.
    sessions: int = 0
    #: Messages that left, first codes and resent ones, and those that maybe left.
    sent: int = 0
    #: Messages that the network says arrived.
    delivered: int = 0
    #: Sessions that were approved.
    approved: int = 0
    #: As far as providers said, in the account's currency.
    cost: Decimal = Decimal(0)
    #: By seconds from the first code to the approval (in steps of 5 from a minute on and of 30
    #: from five): how many sessions.
    seconds: Mapping[int, int] = field(default_factory=dict, repr=False)

    @property
    def conversion(self) -> float | None:
        """Approved sessions among all, 0 to 1; None where there are none."""
        return self.approved / self.sessions if self.sessions else None

    @property
    def delivery_rate(self) -> float | None:
        """Delivered messages among those that left, 0 to 1; None where none left."""
        return self.delivered / self.sent if self.sent else None

    @property
    def median_seconds(self) -> int | None:
        """Half of the approved took at most so long; None where none was approved."""
        half, seen = (sum(self.seconds.values()) + 1) // 2, 0
        for seconds, times in sorted(self.seconds.items()):
            seen += times
            if seen >= half:
                return seconds
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The figures of one day, purpose, country and gateway: as a daily total keeps them."""

    day: date
    purpose: str
    #: ISO alpha-2; "" where the number belongs to none.
    country: str
    #: Alias of the one that carried the newest code.
    gateway: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The figures of a window of days, the last of them today, and how they are spread."""

    first_day: date
    last_day: date
    #: Days that there was no time to read, oldest first; they count as empty.
    missing: Sequence[date]
    total: Figures
    #: Every day of the window, oldest first.
    by_day: dict[date, Figures]
    #: Most sessions first.
    by_country: dict[str, Figures]
    by_gateway: dict[str, Figures]
    by_purpose: dict[str, Figures]


def get_statistics(
    *, days: int = 30, within_seconds: float | None = None, now: datetime | None = None
) -> Statistics:
    """
    The last *days* days, today's so far among them. One statement, and one for each not cached.

    Days that nothing changes any more are kept in Django's cache. After *within_seconds* none of
    them but one is read, newest first: the others are *missing*, and come with the next calls.
    """
    begun = monotonic()
    today = (now or timezone.now()).astimezone(UTC).date()
    window = [today - timedelta(days=ago) for ago in range(days)]
    known = cache.get_many([_make_key(day) for day in window[_OPEN_DAYS:]])
    totals = _read_totals(window[-1])
    cells = [cell for day in window[:_OPEN_DAYS] for cell in read_day(day, totals[day])]
    missing: list[date] = []
    until = None if within_seconds is None else begun + within_seconds
    is_late = False
    for day in window[_OPEN_DAYS:]:
        key = _make_key(day)
        if key not in known and is_late:
            missing.append(day)
            continue
        if key not in known:
            known[key] = read_day(day, totals[day])
            cache.set(key, known[key], _KEPT_SECONDS)
            is_late = until is not None and monotonic() > until
        cells += known[key]
    return make_statistics(window[::-1], cells, missing=missing[::-1])


def _make_key(day: date) -> str:
    return f"d7verify:statistics:1:{day.isoformat()}"


def make_statistics(
    window: list[date], cells: Iterable[Cell], *, missing: Sequence[date] = ()
) -> Statistics:
    """*cells*, wherever they were kept, as the statistics of the days of *window*."""
    cells = list(cells)
    by_day = _spread(cells, lambda cell: cell.day)
    return Statistics(
        first_day=window[0],
        last_day=window[-1],
        total=add_figures(cell.figures for cell in cells),
        missing=missing,
        by_day={day: by_day.get(day, Figures()) for day in window},
        by_country=_spread(cells, lambda cell: cell.country),
        by_gateway=_spread(cells, lambda cell: cell.gateway),
        by_purpose=_spread(cells, lambda cell: cell.purpose),
    )


def add_figures(parts: Iterable[Figures]) -> Figures:
    """All *parts* as one."""
    parts = list(parts)
    seconds: Counter[int] = Counter()
    for part in parts:
        seconds.update(part.seconds)
    return Figures(
        sessions=sum(part.sessions for part in parts),
        sent=sum(part.sent for part in parts),
        delivered=sum(part.delivered for part in parts),
        approved=sum(part.approved for part in parts),
        cost=sum((part.cost for part in parts), Decimal(0)),
        seconds=seconds,
    )


def _spread(cells: Iterable[Cell], get_key: Callable[[Cell], Any]) -> dict[Any, Figures]:
    parts: dict[Any, list[Figures]] = defaultdict(list)
    for cell in cells:
        parts[get_key(cell)].append(cell.figures)
    sums = {key: add_figures(figures) for key, figures in parts.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1].sessions, item[0])))


def _read_totals(first_day: date) -> Mapping[date, list[DailyTotal]]:
    totals = defaultdict(list)
    for total in DailyTotal.objects.filter(day__gte=first_day):
        totals[total.day].append(total)
    return totals


def read_day(day: date, totals: Iterable[DailyTotal]) -> list[Cell]:
    """
    The cells of the sessions that began on *day* (UTC), as they stand. One statement.

    *totals* are what those come to that were pruned or erased since, but for their times to verify.
    """
    # A session is counted with its newest code, and by how long its person took.
    newest = Q(generation=F("session__generation"))
    approved = newest & Q(session__status=SessionStatus.APPROVED)
    took = _Seconds("session__approved_at", "session__created_at", output_field=IntegerField())
    rows = _find_pins(day).values(
        "session__purpose",
        "session__country",
        "gateway",
        took=Case(When(approved, then=took), default=None, output_field=IntegerField()),
    )
    counted = rows.order_by().annotate(
        sessions=Count("pk", filter=newest),
        sent=Count("pk", filter=Q(status__in=LEFT)),
        delivered=Count("pk", filter=Q(delivery=Delivery.DELIVERED)),
        total_cost=Sum("cost"),
    )
    parts: dict[tuple[str, str, str], list[Figures]] = defaultdict(list)
    for row in counted:
        key = (row["session__purpose"], row["session__country"], row["gateway"])
        parts[key].append(_make_figures(row))
    for total in totals:
        figures = Figures(
            sessions=total.sessions,
            sent=total.sent,
            delivered=total.delivered,
            approved=total.approved,
            cost=total.cost,
        )
        parts[total.purpose, total.country, total.gateway].append(figures)
    return [
        Cell(day=day, purpose=key[0], country=key[1], gateway=key[2], figures=add_figures(added))
        for key, added in parts.items()
    ]


def _make_figures(row: Mapping[str, Any]) -> Figures:
    """Those of one row: of all that took as many seconds, or were not approved."""
    took: int | None = row["took"]
    return Figures(
        sessions=row["sessions"],
        sent=row["sent"],
        delivered=row["delivered"],
        approved=0 if took is None else row["sessions"],
        cost=row["total_cost"] or Decimal(0),
        seconds={} if took is None else {_round_down(took): row["sessions"]},
    )


def _find_pins(day: date) -> QuerySet[Any]:
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    # Without numbers for tests: whoever knows the code needs no message.
    return Pin.objects.not_of_tests().filter(
        session__created_at__gte=start,
        session__created_at__lt=end,
        # Nothing was ever to be sent to these, or approved.
        session__decoy=False,
        # Both ends are ranges of an index, so the tables are joined by no look per row.
        created_at__gte=start,
        created_at__lt=end + _LONGEST_SESSION,
    )


def _round_down(seconds: int) -> int:
    return next((seconds // step * step for at, step in _STEPS if seconds >= at), seconds)


class _Seconds(Func):
    """Whole seconds that the first instant comes after the second."""

    arity = 2
    arg_joiner = " - "
    template = "CAST(FLOOR(EXTRACT(EPOCH FROM (%(expressions)s))) AS integer)"

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "-TIMESTAMPDIFF(SECOND, %(expressions)s)"
        return self.as_sql(compiler, connection, template=template, arg_joiner=", ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        days = self.copy()
        days.set_source_expressions(
            [
                Func(instant, function="julianday", output_field=FloatField())
                for instant in self.get_source_expressions()
            ]
        )
        # Half a millisecond, which is what a day in floating point is good for.
        template = "CAST((%(expressions)s) * 86400 + 0.0005 AS integer)"
        return days.as_sql(compiler, connection, template=template, **context)
