"""What was counted, by test, for the summary at the end of the run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from .answers import Answer, count


class Figures:
    """The figures of one test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[str] = []
        self.seconds = 0.0
        self._started = time.monotonic()

    def show(self, what: str, answers: Sequence[Answer], **more: object) -> None:
        """A row: outcomes of *answers*, and *more* figures beside them."""
        if len(answers) == 1:
            self.show_text(what, answers[0].outcome, **more)
            return
        processes = len({answer.worker for answer in answers if answer.worker})
        counts = sorted(count(answers).items())
        outcomes = ", ".join(f"{number} x {outcome}" for outcome, number in counts)
        text = f"{len(answers)} calls to {processes} processes: {outcomes}"
        self.show_text(what, text, **more)

    def show_text(self, what: str, text: str, **more: object) -> None:
        """A row of any kind."""
        tail = "".join(f"; {name.replace('_', ' ')} {value}" for name, value in more.items())
        self.rows.append(f"{what}: {text}{tail}")

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._started


KEY = pytest.StashKey[list[Figures]]()


def write(reporter: pytest.TerminalReporter, all_figures: Sequence[Figures], where: str) -> None:
    """The table, tests in alphabetical order."""
    reporter.section(f"harness on {where}")
    for figures in sorted(all_figures, key=lambda figures: figures.name):
        reporter.line(f"{figures.seconds:6.1f} s  {figures.name}")
        for row in figures.rows:
            reporter.line(f"          {row}")
