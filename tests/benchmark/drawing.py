"""The ratios as a drawing, made of attributes only: no style, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

_WIDTH, _LINE, _LEFT, _UNIT = 760, 22, 300, 90


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """A bar for each operation: its processor time as a multiple of the second floor's."""
    shown = [row for row in rows if "ratio_to_our_statements" in row]
    height = _LINE * (len(shown) + 2)
    bars = "".join(_draw_bar(row, _LINE * (index + 2)) for index, row in enumerate(shown))
    title = "Processor time, in multiples of the bare statements'"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13"><title>{title}</title>'
        f'<text x="10" y="{_LINE}">{title}</text>{bars}</svg>'
    )


def _draw_bar(row: dict[str, Any], y: int) -> str:
    ratio = row["ratio_to_our_statements"]
    label = escape(f"{row['operation']} ({row['database']})")
    width = min(ratio * _UNIT, _WIDTH - _LEFT - 50)
    return (
        f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{label}</text>'
        f'<rect x="{_LEFT}" y="{y + 2}" width="{width:.0f}" height="16" fill="#2b6cb0"/>'
        f'<text x="{_LEFT + width + 6:.0f}" y="{y + 14}">{ratio:.2f}</text>'
    )
