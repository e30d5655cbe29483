"""The databases of a run: made for it, and dropped after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


class Router:
    """Every table in the database that is measured just now."""

    alias = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return self.alias


@contextmanager
def make_database(alias: str = "default") -> Iterator[str]:
    """Make the database of *alias*, with its tables; its name."""
    connection = connections[alias]
    before = connection.settings_dict["NAME"]
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield str(name)
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


@contextmanager
def use(alias: str) -> Iterator[None]:
    """Measure the database of *alias*."""
    Router.alias, before = alias, Router.alias
    try:
        yield
    finally:
        Router.alias = before
