"""The emulator's clock: real time plus whatever it was moved by."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

#: About three hundred years; keeps every date in range.
MOST_SECONDS = 10_000_000_000


class Clock:
    """
    A clock that can be moved forward.

    It runs on ``time.monotonic``, so a test that freezes ``time.time`` in its own
    process does not stop the provider's clock: the provider is another machine.
    """

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC)
        self._started_monotonic = time.monotonic()
        self._moved = timedelta()

    def now(self) -> datetime:
        """The emulator's time, aware, in UTC."""
        run = timedelta(seconds=time.monotonic() - self._started_monotonic)
        return self._started_at + run + self._moved

    def advance(self, seconds: float) -> None:
        """Move forward by *seconds*. Raises ``ValueError`` for a step back or out of range."""
        # Written so that NaN fails too.
        if not 0 <= seconds <= MOST_SECONDS - self.advanced_seconds:
            raise ValueError(f"The clock moves forward only, and by {MOST_SECONDS} s in all.")
        self._moved += timedelta(seconds=seconds)

    @property
    def advanced_seconds(self) -> float:
        """How far the clock was moved ahead of real time."""
        return self._moved.total_seconds()

    def reset(self) -> None:
        """Forget every move."""
        self._moved = timedelta()


def make_timestamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds and ``Z``, as in D7's ``created_at`` (gateway-apis A.4)."""
    utc = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return utc.removesuffix("+00:00") + "Z"
