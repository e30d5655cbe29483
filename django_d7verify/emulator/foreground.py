"""Runs an emulator until somebody stops the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from .emulator import Emulator

#: Often enough for a signal, rarely enough to cost nothing. A wait without limit would
#: not be broken by Ctrl-C on Windows.
_WAIT_SECONDS = 1.0


def run_until_stopped(host: str, port: int, write_line: Callable[[str], None]) -> None:
    """
    Serve on *host* and *port* until SIGINT or SIGTERM; the first line written is the URL.

    Raises ``OSError`` where the port is taken. Must be called in the main thread.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Emulator(host, port) as emulator:
            write_line(emulator.url)
            write_line("Open that address for the inbox. Ctrl-C stops the emulator.")
            while not stopped.wait(_WAIT_SECONDS):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
