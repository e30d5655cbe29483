"""
The second floor's statements: recorded from one real call, run again with other values.

What belongs to one person (the number, the session's id) is found in the parameters and replaced;
all else, instants among it, is as it was recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(slots=True)
class Statement:
    """One statement, the places of what changes in its parameters, and whether rows come back."""

    sql: str
    params: list[Any]
    #: By index of a parameter, how it is made: "number", "otp_id", "uuid" or "claim".
    places: dict[int, str] = field(default_factory=dict)

    def make_params(self, number: str, otp_id: uuid.UUID) -> list[Any]:
        """The parameters for another person."""
        params = self.params.copy()
        for index, kind in self.places.items():
            params[index] = _MAKERS[kind](number, otp_id)
        return params


#: Transactions, each a list of statements; a statement outside any is one of its own.
Script = list[tuple[bool, list[Statement]]]

_MAKERS: dict[str, Callable[[str, uuid.UUID], Any]] = {
    "number": lambda number, _: number,
    "uuid": lambda _, otp_id: otp_id,
    "hex": lambda _, otp_id: otp_id.hex,
    "claim": lambda _, otp_id: f"{otp_id}:1",
}


@contextmanager
def record() -> Iterator[list[tuple[int, str, list[Any]]]]:
    """The statements that are run meanwhile: number of the transaction (0: none), SQL, values."""
    recorded: list[tuple[int, str, list[Any]]] = []
    begun = 0
    set_autocommit = BaseDatabaseWrapper.set_autocommit

    def count(self: Any, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        nonlocal begun
        begun += not autocommit
        set_autocommit(self, autocommit, *args, **kwargs)

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        # SQLite's BEGIN is a statement; PostgreSQL's is not, and comes by itself.
        if not sql.startswith("BEGIN"):
            number = begun if connection.in_atomic_block else 0
            recorded.append((number, sql, list(params or ())))
        return execute(sql, params, many, context)

    BaseDatabaseWrapper.set_autocommit = count  # type: ignore[method-assign] # this run only
    try:
        with connection.execute_wrapper(note):
            yield recorded
    finally:
        BaseDatabaseWrapper.set_autocommit = set_autocommit  # type: ignore[method-assign] # back


def make_script(
    recorded: list[tuple[int, str, list[Any]]], number: str, otp_id: uuid.UUID
) -> Script:
    """*recorded* as transactions, with what belongs to *number* and *otp_id* marked."""
    values = {maker(number, otp_id): kind for kind, maker in _MAKERS.items()}
    script: Script = []
    last = 0
    for in_transaction, sql, params in recorded:
        places = {
            index: values[value]
            for index, value in enumerate(params)
            if isinstance(value, str | uuid.UUID) and value in values
        }
        statement = Statement(sql, params, places)
        if in_transaction and in_transaction == last:
            script[-1][1].append(statement)
        else:
            script.append((bool(in_transaction), [statement]))
        last = in_transaction
    return script


def run(script: Script, number: str, otp_id: uuid.UUID) -> None:
    """Run *script* for another person, as plain cursor calls."""
    for in_transaction, statements in script:
        if in_transaction:
            with transaction.atomic(durable=True):
                _execute(statements, number, otp_id)
        else:
            _execute(statements, number, otp_id)


def _execute(statements: list[Statement], number: str, otp_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.sql, statement.make_params(number, otp_id))
            if cursor.description:
                cursor.fetchall()
