"""
Statements that the ORM writes once, and that run many times.

The SQL of a claim is the same for everybody, and only its values differ; yet writing it takes the
ORM far longer than running it takes the database. So the first time that a method is called, it is
called with places for its values, and the statement that it runs is taken down; from then on that
statement is run, with other values. Of Django this needs what is documented: expressions of one's
own, ``execute_wrapper``, and the methods by which fields prepare and convert values.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, wraps
from typing import Any, TypeVar, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.views.decorators.debug import sensitive_variables

F = TypeVar("F", bound=Callable[..., bool])

#: What has a place in a statement, by its type. Any other argument is part of what is written.
_FIELDS: dict[type, models.Field[Any, Any]] = {
    # Big: psycopg with server-side binding would cast to int4, where it wraps.
    int: models.BigIntegerField(),
    str: models.CharField(),
    datetime: models.DateTimeField(),
    uuid.UUID: models.UUIDField(),
}


#: What is inserted as it is.
_PLAIN = frozenset({str, int, bool, type(None)})


class _Mark(str):
    """Stands for a value among the parameters of a statement."""

    position: int


class _Place(models.Expression):
    """Where the value of an index goes."""

    def __init__(self, index: int, field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.mark = _Mark(f"value {index}")
        self.mark.position = index

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[str]]:
        """A parameter, which is its mark till it is filled in."""
        return "%s", (self.mark,)


@dataclass(frozen=True, slots=True)
class _Statement:
    """SQL, and its parameters with marks among them."""

    sql: str
    params: Sequence[Any]

    @sensitive_variables()
    def fill(self, values: Sequence[Any], connection: BaseDatabaseWrapper) -> list[Any]:
        """The parameters for *values*."""
        return [
            _prepare(values[param.position], connection) if type(param) is _Mark else param
            for param in self.params
        ]


class _Written:
    """The statements of one method, by the shape of its arguments."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self._statements: dict[Hashable, _Statement] = {}

    @sensitive_variables()
    def run(
        self,
        rows: models.QuerySet[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        read: Callable[[Any], Any],
    ) -> Any:
        """What the method answers, or *read* from the cursor on which its statement was run."""
        if rows.query.where:
            # Of some rows only: that is another statement.
            return self._method(rows, *args, **kwargs)
        values = (*args, *kwargs.values())
        shape = (rows.db, len(args), *kwargs, *map(_get_shape, values))
        connection = connections[rows.db]
        statement = self._statements.get(shape)
        if statement is None:
            marked = [_mark(index, value) for index, value in enumerate(values)]
            with _taking_down(connection, values) as taken:
                answer = self._method(
                    rows,
                    *marked[: len(args)],
                    **dict(zip(kwargs, marked[len(args) :], strict=True)),
                )
            (self._statements[shape],) = taken
            return answer
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.fill(values, connection))
            return read(cursor)


def written_once(method: F) -> F:
    """Mark a queryset method that is one UPDATE, and says whether it changed a row."""
    written = _Written(method)

    @wraps(method)
    def run(rows: models.QuerySet[Any], *args: Any, **kwargs: Any) -> bool:
        changed: bool = written.run(rows, args, kwargs, lambda cursor: cursor.rowcount == 1)
        return changed

    return cast("F", run)


def read_once_written(
    get_columns: Callable[[], tuple[str, ...]],
) -> Callable[[Callable[..., models.QuerySet[Any]]], Callable[..., list[list[Any]]]]:
    """Mark a queryset method that is one SELECT; called, it reads *get_columns* of its rows."""

    def mark(method: Callable[..., models.QuerySet[Any]]) -> Callable[..., list[list[Any]]]:
        written = _Written(
            lambda *args, **kwargs: list(
                map(list, method(*args, **kwargs).values_list(*get_columns()))
            )
        )

        @wraps(method)
        def run(rows: models.QuerySet[Any], *args: Any, **kwargs: Any) -> list[list[Any]]:
            found: list[list[Any]] = written.run(
                rows, args, kwargs, lambda cursor: _convert(cursor, rows, get_columns())
            )
            return found

        return cast("Callable[..., list[list[Any]]]", run)

    return mark


class Row(models.Model):
    """A row that is written once, by ``insert``, and from then on changed by UPDATEs only."""

    class Meta:
        abstract = True

    @sensitive_variables()
    def insert(self) -> None:
        """
        As ``save(force_insert=True)``, without Django's signals, and without the key that the
        database gives it. Not for fields that set themselves, as ``auto_now``.
        """
        alias = router.db_for_write(type(self), instance=self)
        connection = connections[alias]
        sql, fields = _write_insert(type(self), alias)
        values = [vars(self)[field.attname] for field in fields]
        for index, field in enumerate(fields):
            if type(values[index]) not in _PLAIN:
                values[index] = field.get_db_prep_save(values[index], connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        self._state.adding, self._state.db = False, alias


@cache
def _write_insert(model: type[models.Model], alias: str) -> tuple[str, list[Any]]:
    quote = connections[alias].ops.quote_name
    fields = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)
    # Names of ours, and no values.
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", fields  # noqa: S608


def _convert(cursor: Any, rows: models.QuerySet[Any], columns: tuple[str, ...]) -> list[list[Any]]:
    """The rows on *cursor*, with values as the ORM would give them."""
    connection = connections[rows.db]
    model = cast("Hashable", rows.model)
    converters = [
        (index, expression, converter)
        for index, expression in _find_converted(model, columns, rows.db)
        for converter in _get_converters(expression, connection)
    ]
    found = [list(row) for row in cursor.fetchall()]
    for row in found:
        for index, expression, converter in converters:
            row[index] = converter(row[index], expression, connection)
    return found


@cache
def _find_converted(
    model: Hashable, columns: tuple[str, ...], alias: str
) -> list[tuple[int, models.Value]]:
    """Where columns stand that a driver does not give as they are, as text for an instant."""
    found = []
    for index, column in enumerate(columns):
        field = _find_field(model, column)
        expression = models.Value(None, output_field=field)
        if field and _get_converters(expression, connections[alias]):
            found.append((index, expression))
    return found


def _find_field(model: Any, column: str) -> models.Field[Any, Any] | None:
    """The field of *column*, as ``session__user_id``; None for a number that was counted."""
    *path, name = column.split("__")
    for part in path:
        model = model._meta.get_field(part).related_model
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    while field.is_relation:
        field = field.target_field
    return cast("models.Field[Any, Any]", field)


def _get_converters(
    expression: models.Value, connection: BaseDatabaseWrapper
) -> list[Callable[..., Any]]:
    field = expression.output_field
    return [
        *connection.ops.get_db_converters(expression),
        *field.get_db_converters(connection),
    ]


def _get_shape(value: Any) -> Any:
    if type(value) in _FIELDS:
        return type(value)
    return tuple(value) if isinstance(value, list) else value


def _mark(index: int, value: Any) -> Any:
    field = _FIELDS.get(type(value))
    return _Place(index, field) if field else value


def _prepare(value: Any, connection: BaseDatabaseWrapper) -> Any:
    if type(value) is str:
        return value
    return _FIELDS[type(value)].get_db_prep_value(value, connection)


@contextmanager
def _taking_down(
    connection: BaseDatabaseWrapper, values: Sequence[Any]
) -> Iterator[list[_Statement]]:
    """Take down the statements that are run meanwhile, and run them with *values*."""
    taken: list[_Statement] = []

    def take(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        taken.append(_Statement(sql, tuple(params)))
        return execute(sql, taken[-1].fill(values, connection), many, context)

    # MariaDB's first statements on a connection are Django's own, and none of these.
    connection.ensure_connection()
    with connection.execute_wrapper(take):
        yield taken
