"""One clock for all processes of the site, moved by the test: an offset in a file."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

_NAME = "clock"


class Clock:
    """The real time, and what it was moved forward by."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _NAME

    def now(self) -> datetime:
        """The site's time."""
        return datetime.now(UTC) + timedelta(seconds=self._read())

    def advance(self, seconds: float) -> None:
        """Move it, for every process at once. One caller at a time."""
        new = self._file.with_suffix(".new")
        new.write_text(str(self._read() + seconds))
        os.replace(new, self._file)

    def _read(self) -> float:
        try:
            return float(self._file.read_text())
        except FileNotFoundError:
            return 0.0


def install(folder: Path) -> None:
    """Make it Django's clock, in this process and its children."""
    timezone.now = Clock(folder).now
