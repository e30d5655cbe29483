"""Charts as numbers: where each bar stands. Templates write them as SVG, without a style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

WIDTH, HEIGHT = 480, 190
_LEFT, _TOP, _BOTTOM = 44, 10, 24
_FLOOR = HEIGHT - _BOTTOM
#: Days are named under at most so many columns.
_NAMES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line across, and what it means."""

    y: str
    text_y: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar, standing on the floor. Text: numbers would get the commas of the language."""

    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One day."""

    #: The widest first; what is in front covers it.
    bars: Sequence[Bar]
    #: Where its name ends: under its right edge, or the last one would not fit.
    name_x: str
    #: Under it; "" where there is no room.
    name: str
    #: What it says when it is pointed at.
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Columns in a box of ``WIDTH`` by ``HEIGHT``."""

    columns: Sequence[Column]
    lines: Sequence[Line]
    view_box: str = f"0 0 {WIDTH} {HEIGHT}"
    left: str = str(_LEFT)
    right: str = str(WIDTH)
    label_x: str = str(_LEFT - 8)
    names_y: str = str(HEIGHT - 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one column shows: heights, the largest first, and what is said of them."""

    day: date
    heights: Sequence[float]
    title: str


def make_chart(
    points: Sequence[Point], *, say: Callable[[float], str], top: float | None = None
) -> Chart:
    """*points* as columns, under lines that *say* what they mean; *top* is the highest of them."""
    top = top or _round_up(max((max(point.heights) for point in points), default=0))
    step = (WIDTH - _LEFT) / max(1, len(points))
    every = -(-len(points) // _NAMES)
    columns = []
    for number, point in enumerate(points):
        x = _LEFT + number * step
        # Counted from the last, which is today.
        is_named = (len(points) - 1 - number) % every == 0
        columns.append(
            Column(
                bars=[_make_bar(x, step, height / top) for height in point.heights],
                name_x=_text(x + step * 0.86),
                name=date_format(point.day, "j M") if is_named else "",
                title=point.title,
            )
        )
    return Chart(columns=columns, lines=[_make_line(part, top, say) for part in range(5)])


def _make_bar(x: float, step: float, share: float) -> Bar:
    height = (_FLOOR - _TOP) * share
    return Bar(
        x=_text(x + step * 0.14),
        width=_text(step * 0.72),
        y=_text(_FLOOR - height),
        height=_text(height),
    )


def _make_line(part: int, top: float, say: Callable[[float], str]) -> Line:
    y = _FLOOR - (_FLOOR - _TOP) * part / 4
    return Line(y=_text(y), text_y=_text(y + 4), label=say(top * part / 4))


def _round_up(number: float) -> float:
    """The least of 4, 8, 12, 20, 40, 80, 120... that is not below *number*: four even lines."""
    scale = 1
    while True:
        for step in (4, 8, 12, 20):
            if number <= step * scale:
                return step * scale
        scale *= 10


def _text(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
