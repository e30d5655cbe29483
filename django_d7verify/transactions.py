"""Transactions of the app's own: durable, short, and run again where the database says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connections, router, transaction

from .exceptions import ConfigurationError
from .models import OTPSession

P = ParamSpec("P")
T = TypeVar("T")

_TRIES = 4
_PAUSE_SECONDS = 0.02
# PostgreSQL: serialization failure, deadlock. MariaDB: deadlock, lock wait time-out, record
# changed since it was read (innodb_snapshot_isolation).
_POSTGRESQL_STATES = frozenset({"40001", "40P01"})
_MARIADB_NUMBERS = frozenset({1020, 1205, 1213})


def run_durably(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call *work* in a transaction, committed when this returns; up to four times on a deadlock.

    *work* must do nothing but statements, since it may run again. Raises what it raises, with
    nothing written; ``OperationalError`` where the database stays busy; ``ConfigurationError``
    inside somebody else's transaction, which could undo a charge after it was answered for.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _run(work, *args, **kwargs)
        except OperationalError as error:
            if attempt == _TRIES or not is_transient(error):
                raise
            time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError("not reached")


def run_within(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """As ``run_durably``; inside somebody else's transaction a part of that, and tried once."""
    using = router.db_for_write(OTPSession)
    if not connections[using].in_atomic_block:
        return run_durably(work, *args, **kwargs)
    with transaction.atomic(using=using):
        return work(*args, **kwargs)


def _run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with ExitStack() as stack:
        try:
            stack.enter_context(
                transaction.atomic(using=router.db_for_write(OTPSession), durable=True)
            )
        except RuntimeError as error:
            raise ConfigurationError(
                "Codes are sent and checked in transactions of their own: call this outside "
                "transaction.atomic(), and mark views transaction.non_atomic_requests."
            ) from error
        return work(*args, **kwargs)


def is_transient(error: OperationalError) -> bool:
    """Whether the same statements may succeed when run again."""
    state = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "pgcode", None)
    number = error.args[0] if error.args else None
    return state in _POSTGRESQL_STATES or number in _MARIADB_NUMBERS or "locked" in str(error)
