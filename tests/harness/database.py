"""A database of the site's own: made, migrated, read by the test, and dropped."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from . import site

#: Sessions of others that wait for a lock or hold a transaction open.
_STUCK = {
    "postgresql": """
        SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%')
    """,
    "mysql": """
        SELECT COUNT(*) FROM information_schema.innodb_trx
        JOIN information_schema.processlist ON id = trx_mysql_thread_id
        WHERE db = DATABASE() AND id <> CONNECTION_ID()
    """,
}
_DEADLOCKS = {
    "postgresql": "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    # Of the whole server.
    "mysql": """
        SELECT variable_value FROM information_schema.global_status
        WHERE variable_name = 'Innodb_deadlocks'
    """,
}


@contextmanager
def make_database(folder: Path) -> Iterator[Mapping[str, str]]:
    """
    A new database of the kind that the suite runs on; the environment in which the site finds it.

    The test's own connection is to it as well.
    """
    settings = connection.settings_dict
    before = settings["NAME"]
    name = f"d7verify_harness_{os.getpid()}_{secrets.token_hex(3)}"
    connection.close()
    _create(name)
    settings["NAME"] = folder / f"{name}.sqlite3" if connection.vendor == "sqlite" else name
    try:
        yield _make_environment()
    finally:
        connection.close()
        settings["NAME"] = before
        _drop(name)


def migrate(environment: Mapping[str, str]) -> None:
    """Make the tables, as the site's own command does."""
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity=0"],
        env={**os.environ, **environment},
        cwd=site.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def count_stuck() -> int:
    """Sessions that wait for a lock or keep a transaction open; on SQLite, whether one does."""
    if connection.vendor != "sqlite":
        return int(_ask(_STUCK[connection.vendor]))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
        # Raises where somebody writes.
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("ROLLBACK")
        cursor.execute("PRAGMA busy_timeout = 20000")
    return 0


def count_deadlocks() -> int:
    """Deadlocks that the server has solved so far; SQLite, with one writer, has none."""
    question = _DEADLOCKS.get(connection.vendor)
    return int(_ask(question)) if question else 0


def _ask(question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def _make_environment() -> Mapping[str, str]:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return {"D7VERIFY_DATABASE_URL": "", "D7VERIFY_HARNESS_SQLITE": name}
    given = urlsplit(os.environ["D7VERIFY_TEST_DATABASE_URL"])
    return {"D7VERIFY_DATABASE_URL": given._replace(path=f"/{name}").geturl()}


def _create(name: str) -> None:
    if connection.vendor != "sqlite":
        charset = " CHARACTER SET utf8mb4" if connection.vendor == "mysql" else ""
        _run_outside(f"CREATE DATABASE {name}{charset}")


def _drop(name: str) -> None:
    if connection.vendor == "postgresql":
        # With whatever a killed process has left connected.
        _run_outside(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    elif connection.vendor == "mysql":
        _run_outside("SET lock_wait_timeout = 30", f"DROP DATABASE IF EXISTS {name}")


def _run_outside(*statements: str) -> None:
    """Run *statements* in no database of ours, as Django does for its test databases."""
    with connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
