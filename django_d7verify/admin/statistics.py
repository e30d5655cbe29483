"""The page with the figures: tiles, two charts and a table for each way to spread them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from django_d7verify.services import Figures, Statistics, get_statistics

from .charts import Point, make_chart
from .lists import NOTHING
from .times import say_duration

#: Windows to choose from, in days.
WINDOWS = (7, 30, 90)
DEFAULT_WINDOW = 30
#: Of the page's second, for reading days that are not kept yet.
_WITHIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table, as text."""

    name: str
    sessions: str
    sent: str
    delivered: str
    approved: str
    conversion: str
    #: The conversion for a bar, 0 to 100.
    percent: str
    median: str
    cost: str


def read_window(text: str | None) -> int:
    """The window that *text* names, or the default."""
    return next((days for days in WINDOWS if str(days) == text), DEFAULT_WINDOW)


def read_context(days: int) -> dict[str, Any]:
    """What the page shows of the last *days* days."""
    statistics = get_statistics(days=days, within_seconds=_WITHIN_SECONDS)
    total = statistics.total
    return {
        "statistics": statistics,
        "days": days,
        "windows": WINDOWS,
        "total": make_row("", total),
        "delivery_rate": say_share(total.delivery_rate),
        "counts_chart": _make_counts_chart(statistics),
        "conversion_chart": _make_conversion_chart(statistics),
        "tables": [
            (_("By country"), _("Country"), _make_rows(statistics.by_country)),
            (_("By gateway"), _("Gateway"), _make_rows(statistics.by_gateway)),
            (_("By purpose"), _("Purpose"), _make_rows(statistics.by_purpose)),
            (_("By day"), _("Day (UTC)"), _make_day_rows(statistics)),
        ],
    }


def make_row(name: str, figures: Figures) -> Row:
    """*figures* as text."""
    median = figures.median_seconds
    return Row(
        name=name,
        sessions=say_count(figures.sessions),
        sent=say_count(figures.sent),
        delivered=say_count(figures.delivered),
        approved=say_count(figures.approved),
        conversion=say_share(figures.conversion),
        percent=f"{100 * (figures.conversion or 0):.0f}",
        median=NOTHING if median is None else say_duration(median),
        cost=number_format(round(figures.cost, 2), 2, force_grouping=True)
        if figures.cost
        else NOTHING,
    )


def say_count(number: float) -> str:
    """A count, in groups of digits."""
    return str(number_format(round(number), force_grouping=True))


def say_share(share: float | None) -> str:
    """A share as a percentage with one digit after the point."""
    return NOTHING if share is None else f"{number_format(round(100 * share, 1), 1)} %"


def _make_rows(spread: Mapping[str, Figures]) -> list[Row]:
    return [make_row(key or _("none"), figures) for key, figures in spread.items()]


def _make_day_rows(statistics: Statistics) -> list[Row]:
    days = reversed(statistics.by_day.items())
    return [make_row(_say_day(day), figures) for day, figures in days if figures.sessions]


def _say_day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")


def _make_counts_chart(statistics: Statistics) -> Any:
    points = []
    for day, figures in statistics.by_day.items():
        row = make_row(_say_day(day), figures)
        title = _("%(day)s: %(sessions)s sessions, %(approved)s approved") % {
            "day": row.name,
            "sessions": row.sessions,
            "approved": row.approved,
        }
        heights = [figures.sessions, figures.approved]
        points.append(Point(day=day, heights=heights, title=title))
    return make_chart(points, say=say_count)


def _make_conversion_chart(statistics: Statistics) -> Any:
    points = [
        Point(
            day=day,
            heights=[100 * (figures.conversion or 0)],
            title=f"{_say_day(day)}: {say_share(figures.conversion)}",
        )
        for day, figures in statistics.by_day.items()
    ]
    return make_chart(points, say=lambda percent: f"{percent:.0f} %", top=100)
