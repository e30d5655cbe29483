"""A breaker: a provider that does not answer is left alone for a while."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from django_d7verify.conf import conf
from django_d7verify.exceptions import GatewayUncertain, GatewayUnreachable
from django_d7verify.words import GatewayReason


class Breaker:
    """
    Opens after ``BREAKER_FAILURES`` calls in a row without an answer, for ``BREAKER_SECONDS``.

    Used as a context manager around each call; open, it raises ``GatewayUnreachable`` and the
    call is not made. Afterwards one call is let through, and its end decides. Only
    ``GatewayUnreachable`` and ``GatewayUncertain`` count: a provider that refuses is there.
    One per gateway and process; threads share it.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._open_until = 0.0

    def __enter__(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._open_until:
                raise GatewayUnreachable(
                    f"{self.alias}: the breaker is open.",
                    reason=GatewayReason.BREAKER_OPEN,
                    retry_after_seconds=max(1, round(self._open_until - now)),
                )
            if self._in_a_row >= conf.BREAKER_FAILURES:
                # This call is the trial; others wait for its end, or as long again.
                self._open_until = now + conf.BREAKER_SECONDS

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            if not isinstance(error, GatewayUnreachable | GatewayUncertain):
                self._in_a_row = 0
                self._open_until = 0.0
                return
            self._in_a_row += 1
            if self._in_a_row >= conf.BREAKER_FAILURES:
                self._open_until = time.monotonic() + conf.BREAKER_SECONDS
