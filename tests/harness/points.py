"""
Points at which a process of the site is killed, as by a power cut: nothing of it runs any more.

A test arms a point by a file of its name; the first process that comes by takes the file, by
renaming it, and dies. At points named ``WHILE…`` it goes on, into a call that the emulator does
not answer: the test, which reads the process's id in the file's name, kills it in there.

Nothing in the app knows of this. ``install`` wraps its functions in the processes under test, and
fails where one of them is not there any more.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

BEFORE_CLAIM_COMMITS = "before-the-claim-commits"
AFTER_CLAIM = "after-the-claim"
WHILE_SENDING = "while-the-provider-sends"
AFTER_SENDING = "after-the-provider-sent"
BEFORE_SENT_COMMITS = "before-sent-commits"
BEFORE_VERDICT_COMMITS = "before-the-verdict-commits"
BEFORE_CHARGE_COMMITS = "before-the-charge-commits"
AFTER_CHARGE = "after-the-charge"
WHILE_ASKING = "while-the-provider-compares"
AFTER_ASKING = "after-the-provider-compared"
BEFORE_PROVIDERS_VERDICT_COMMITS = "before-the-providers-verdict-commits"
BEFORE_ANSWER = "before-the-answer"


class Points:
    """The points that are armed, as files in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "points"
        self._folder.mkdir(exist_ok=True)

    def arm(self, point: str) -> None:
        """The next process that reaches *point* takes it."""
        (self._folder / point).touch()

    def take(self, point: str) -> bool:
        """Whether it is armed, and this process is the one that took it."""
        try:
            os.rename(self._folder / point, self._folder / f"{point}.{os.getpid()}")
        except FileNotFoundError:
            return False
        return True

    def die_at(self, point: str) -> None:
        """End this process here and now, if *point* is armed."""
        if self.take(point):
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    def find_taker(self, point: str) -> int | None:
        """The id of the process that took *point*; None while nobody did."""
        for file in self._folder.glob(f"{point}.*"):
            return int(file.suffix.removeprefix("."))
        return None

    def clear(self) -> None:
        """Disarm every point and forget who took them."""
        for file in self._folder.iterdir():
            file.unlink()


def install(folder: Path) -> None:
    """Put every point into this process."""
    # Here, because Django must be set up before.
    from django_d7verify.services import asking, claiming, delivering, verifying

    points = Points(folder)
    in_transaction = {
        BEFORE_CLAIM_COMMITS: (claiming, ["_try_first", "_try_next"]),
        BEFORE_SENT_COMMITS: (delivering, ["_mark_sent"]),
        BEFORE_VERDICT_COMMITS: (verifying, ["_mark_right", "_mark_wrong"]),
        BEFORE_CHARGE_COMMITS: (asking, ["_charge"]),
        BEFORE_PROVIDERS_VERDICT_COMMITS: (
            asking,
            ["_mark_provider_approved", "_mark_answered_wrong"],
        ),
    }
    for point, (module, works) in in_transaction.items():
        _die_before_commit(points, point, module, works)
    _die_around_call(
        points,
        delivering,
        "_call_gateway",
        before=AFTER_CLAIM,
        during=WHILE_SENDING,
        after=AFTER_SENDING,
    )
    _die_around_call(
        points, asking, "_ask", before=AFTER_CHARGE, during=WHILE_ASKING, after=AFTER_ASKING
    )
    for module in (verifying, asking):
        for name in ("report_approved", "report_wrong"):
            _die_before(points, BEFORE_ANSWER, module, name)


def _die_before_commit(points: Points, point: str, module: ModuleType, works: list[str]) -> None:
    """Die in the transactions of *works*, with every statement of theirs done."""
    targets = {getattr(module, name) for name in works}
    run = module.run_durably

    def run_and_die(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if work not in targets:
            return run(work, *args, **kwargs)

        def work_and_die(*args: Any, **kwargs: Any) -> Any:
            result = work(*args, **kwargs)
            # False: it wrote nothing, and comes again.
            if result is not False:
                points.die_at(point)
            return result

        return run(work_and_die, *args, **kwargs)

    module.run_durably = run_and_die


def _die_around_call(
    points: Points, module: ModuleType, name: str, *, before: str, during: str, after: str
) -> None:
    """Die before the provider is called, while it is (by the test's hand), or with its answer."""
    function = getattr(module, name)

    def call_and_die(*args: Any, **kwargs: Any) -> Any:
        points.die_at(before)
        points.take(during)
        result = function(*args, **kwargs)
        points.die_at(after)
        return result

    setattr(module, name, call_and_die)


def _die_before(points: Points, point: str, module: ModuleType, name: str) -> None:
    function = getattr(module, name)

    def die_or_call(*args: Any, **kwargs: Any) -> Any:
        points.die_at(point)
        return function(*args, **kwargs)

    setattr(module, name, die_or_call)
