"""Calls at once, from threads with database connections of their own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

THREADS = 16


def run_at_once(number: int, call: Callable[[int], object]) -> Counter[str]:
    """Call *call* with 0 to *number* - 1 from threads that start together; count the outcomes.

    An outcome is what the call returns, as text, or the name of the error that it raises.
    """
    start = threading.Barrier(min(number, THREADS))
    calls = iter(range(number))
    lock = threading.Lock()
    outcomes: Counter[str] = Counter()

    def work() -> None:
        try:
            start.wait()
            while True:
                with lock:
                    index = next(calls, None)
                if index is None:
                    return
                outcome = _get_outcome(call, index)
                with lock:
                    outcomes[outcome] += 1
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(work) for _ in range(min(number, THREADS))]:
            future.result()
    return outcomes


def _get_outcome(call: Callable[[int], object], index: int) -> str:
    try:
        return str(call(index))
    except Exception as error:  # noqa: BLE001 - every outcome is counted
        return type(error).__name__
