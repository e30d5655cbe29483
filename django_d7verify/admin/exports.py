"""Sessions as CSV, streamed: memory stays flat whatever is exported."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from django_d7verify.models import OTPSession

from .lists import show_number

_CHUNK = 2000
#: SECURITY: a spreadsheet runs a cell that begins so. Every E.164 number does.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "otp_id",
    "created_at",
    "number",
    "country",
    "purpose",
    "gateway",
    "status",
    "delivery",
    "codes",
    "resends",
    "attempts",
    "approved_at",
    "cost",
)


class _Echo:
    """What ``csv`` writes to, which hands back each line."""

    def write(self, line: str) -> str:
        """The line itself."""
        return line


def make_harmless(cell: object) -> str:
    """*cell* as text that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def make_csv_response(
    request: HttpRequest, sessions: QuerySet[Any], *, now: datetime
) -> StreamingHttpResponse:
    """Every one of *sessions*, whose pins are prefetched newest first."""
    response = StreamingHttpResponse(_write(request, sessions, now), content_type="text/csv")
    name = f"otp-sessions-{now:%Y-%m-%d-%H%M}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _write(request: HttpRequest, sessions: QuerySet[Any], now: datetime) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for session in sessions.iterator(chunk_size=_CHUNK):
        cells = _make_cells(session, show_number(request, session.recipient_id), now)
        yield writer.writerow([make_harmless(cell) for cell in cells])


def _make_cells(session: OTPSession, number: str, now: datetime) -> list[object]:
    pins = list(session.pins.all())
    costs = [pin.cost for pin in pins if pin.cost is not None]
    return [
        session.otp_id,
        session.created_at.isoformat(),
        number,
        session.country,
        session.purpose,
        session.gateway,
        session.status_at(now).value,
        pins[0].delivery if pins else "",
        len(pins),
        session.resend_count,
        session.attempts,
        session.approved_at and session.approved_at.isoformat(),
        sum(costs) if costs else "",
    ]
