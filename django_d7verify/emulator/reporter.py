"""Makes the provider's own requests, in the background and in their order."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from .clock import Clock
from .reports import Outgoing, is_loopback

WORKERS = 4
TIMEOUT_SECONDS = 3.0
RETRY_WAIT = timedelta(seconds=0.1)
HTTP_OK = 200

#: Runs under the emulator's lock when its time has come; None means there is nothing to say.
Step = Callable[[], Outgoing | None]


@dataclass(slots=True, eq=False)
class Sequence:
    """The reports on one message. The next is not begun before the last is done with."""

    steps: deque[Step]
    delay: timedelta
    retries: int
    failures: int = 0
    outgoing: Outgoing | None = None
    cancelled: bool = False


@dataclass(order=True, slots=True)
class _Entry:
    due: datetime
    number: int
    sequence: Sequence = field(compare=False)


class Reporter:
    """
    Background threads that take each step at its time on the emulator's clock.

    The emulator's own lock guards the queue, and is not held during a request.
    """

    def __init__(self, clock: Clock, lock: threading.RLock) -> None:
        self._clock = clock
        self._changed = threading.Condition(lock)
        self._queue: list[_Entry] = []
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._connections: set[HTTPConnection] = set()
        self._stopping = False

    def start(self) -> None:
        """Start the threads."""
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"emulator-reports-{number}", daemon=True)
            for number in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Drop what waits, cut what runs, and end the threads."""
        with self._changed:
            self._stopping = True
            self._queue.clear()
            for connection in self._connections:
                _cut(connection)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=0.5)
        self._threads = []

    def begin(
        self, steps: Iterable[Step], *, at: datetime, delay_seconds: float, retries: int
    ) -> Sequence:
        """Take *steps* from *at* on, *delay_seconds* apart."""
        sequence = Sequence(deque(steps), timedelta(seconds=delay_seconds), retries)
        with self._changed:
            self._put(sequence, at)
        return sequence

    def wake(self) -> None:
        """Look at the clock again: it was moved."""
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> None:
        """Drop what waits."""
        with self._changed:
            for entry in self._queue:
                entry.sequence.cancelled = True
            self._queue.clear()

    def _put(self, sequence: Sequence, due: datetime) -> None:
        heapq.heappush(self._queue, _Entry(due, next(self._numbers), sequence))
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                sequence = self._wait_for_due()
                if sequence is None:
                    return
                outgoing = self._next(sequence)
            done = outgoing is None or self._call(outgoing)
            with self._changed:
                self._go_on(sequence, done=done)

    def _wait_for_due(self) -> Sequence | None:
        """The next sequence whose time has come, or None at the end."""
        while not self._stopping:
            if not self._queue:
                self._changed.wait()
                continue
            wait = (self._queue[0].due - self._clock.now()).total_seconds()
            if wait > 0:
                self._changed.wait(min(wait, threading.TIMEOUT_MAX))
                continue
            sequence = heapq.heappop(self._queue).sequence
            if not sequence.cancelled:
                return sequence
        return None

    def _next(self, sequence: Sequence) -> Outgoing | None:
        if sequence.outgoing is None and sequence.steps:
            sequence.outgoing = sequence.steps.popleft()()
        return sequence.outgoing

    def _go_on(self, sequence: Sequence, *, done: bool) -> None:
        if self._stopping or sequence.cancelled:
            return
        now = self._clock.now()
        if not done and sequence.failures < sequence.retries:
            sequence.failures += 1
            self._put(sequence, now + RETRY_WAIT)
            return
        sequence.outgoing, sequence.failures = None, 0
        if sequence.steps:
            self._put(sequence, now + sequence.delay)

    def _call(self, outgoing: Outgoing) -> bool:
        """Make one request; True for an answer of 200, the only one that counts (F.1)."""
        if not is_loopback(outgoing.url):
            return True
        parts = urlsplit(outgoing.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": outgoing.content_type} if outgoing.body else {}
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        with self._changed:
            self._connections.add(connection)
        try:
            connection.request(outgoing.method, target, outgoing.body or None, headers)
            return connection.getresponse().status == HTTP_OK
        except (OSError, HTTPException, ValueError):
            # ValueError: an address that http.client will not write, as one with a space.
            return False
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()


def _cut(connection: HTTPConnection) -> None:
    """Wake a thread that waits for an answer."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
