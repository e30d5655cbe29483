"""What ``D7VERIFY["DISPATCHER"]`` may name; a queue of the site's own is a class of ten lines."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections

from . import services
from .conf import conf
from .dispatching import Dispatcher
from .exceptions import GatewayUnreachable
from .words import GatewayReason

logger = logging.getLogger("django_d7verify")


class InlineDispatcher(Dispatcher):
    """The caller sends, and waits for the provider: the person waits for the message anyway."""

    @property
    def is_inline(self) -> bool:
        """Always."""
        return True

    def dispatch(self, otp_id: str, generation: int) -> None:
        """Never called."""
        raise NotImplementedError


class ThreadDispatcher(Dispatcher):
    """
    ``DISPATCH_THREADS`` threads of this process, before which ``DISPATCH_QUEUE`` codes may wait.

    Codes that wait are sent before the process ends; those of a killed one are lost, and a person
    asks again after the wait. After a fork the child has a pool of its own.
    """

    def __init__(self) -> None:
        self._begin()
        # Its threads are not in the child, and its lock may have been held.
        if hasattr(os, "register_at_fork"):  # Not on Windows, which does not fork.
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self._pool: ThreadPoolExecutor | None = None

    def dispatch(self, otp_id: str, generation: int) -> None:
        """Take the code, or raise ``GatewayUnreachable`` where too many wait."""
        with self._changed:
            pool = self._get_pool()
            if self._waiting >= conf.DISPATCH_THREADS + conf.DISPATCH_QUEUE:
                raise GatewayUnreachable("Too many codes wait.", reason=GatewayReason.QUEUE_DOWN)
            self._waiting += 1
        pool.submit(self._work, otp_id, generation)

    def wait_until_empty(self, timeout_seconds: float) -> bool:
        """Whether every code has left before *timeout_seconds* are over. For tests."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_seconds)

    def _get_pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(conf.DISPATCH_THREADS, thread_name_prefix="d7verify")
        return self._pool

    def _work(self, otp_id: str, generation: int) -> None:
        close_old_connections()
        try:
            services.deliver_otp(otp_id, generation)
        except Exception:
            extra = {"event": "dispatch_failed", "otp_id": otp_id}
            logger.exception("A code of %s was not sent.", otp_id, extra=extra)
        finally:
            close_old_connections()
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()
