"""``schedule_time`` in the three forms that the documents show (gateway-apis C6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .d7_fields import Fields

_OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")


def read_schedule(fields: Fields) -> datetime | None:
    """
    When to send: ``2021-08-05T12:52+05:30`` (S1), ``2024-02-05T07:13:13+0000`` (the SDK's
    samples), or without offset beside ``schedule_utc_offset`` (S0); UTC where there is none.
    """
    text = fields.text("schedule_time")
    if not text:
        return None
    offset = fields.text("schedule_utc_offset")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and offset:
            if not _OFFSET.fullmatch(offset):
                raise ValueError("not an offset")
            moment = datetime.fromisoformat(text + offset)
        # In range also once it is in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fields.refuse("schedule_time", "invalid datetime format", "value_error.datetime")
        return None
