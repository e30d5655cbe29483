"""
How a code that was claimed gets sent: at once, or elsewhere by a worker.

What is handed over is which code of which session, never the code: the worker makes it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from django.utils.module_loading import import_string

from .conf import conf
from .exceptions import ConfigurationError

#: For codes that must leave after the answer, where the site's own dispatcher is inline.
THREADS = "django_d7verify.dispatchers.ThreadDispatcher"

_lock = threading.Lock()
_made: dict[str, Dispatcher] = {}


class Dispatcher(ABC):
    """Has ``services.deliver_otp`` called. Made once per process; shared by threads."""

    @property
    def is_inline(self) -> bool:
        """Whether the caller itself sends, and learns how it went: no ``dispatch`` then."""
        return False

    @abstractmethod
    def dispatch(self, otp_id: str, generation: int) -> None:
        """
        Have ``services.deliver_otp(otp_id, generation)`` called soon, elsewhere.

        Called after the commit. Calling that twice is harmless. Raises ``GatewayUnreachable``
        where the queue does not take it, and then the code is not sent.
        """


def get_dispatcher(*, hidden: bool = False) -> Dispatcher:
    """
    The site's dispatcher; for *hidden* sessions one that is not inline, so that they all take
    the same time. Raises ``ConfigurationError`` for a bad path.
    """
    dispatcher = _get(conf.DISPATCHER)
    return _get(THREADS) if hidden and dispatcher.is_inline else dispatcher


def _get(path: str) -> Dispatcher:
    with _lock:
        if path not in _made:
            _made[path] = _make(path)
        return _made[path]


def _make(path: str) -> Dispatcher:
    try:
        dispatcher = import_string(path)()
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"D7VERIFY['DISPATCHER']: {error}") from error
    if not isinstance(dispatcher, Dispatcher):
        raise ConfigurationError(f"D7VERIFY['DISPATCHER']: {path} is not a Dispatcher.")
    return dispatcher
