"""The database of a URL, as ``settings.DATABASES`` takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def make_database(url: str, *, sqlite_file: Path) -> dict[str, Any]:
    """
    The settings of the database at *url*; "" is SQLite in *sqlite_file*.

    ``postgresql://user:password@host:port/name`` needs the extra ``postgresql``, ``mysql://…``
    (MySQL, MariaDB) the extra ``mariadb``. Raises ``ValueError`` for any other kind.
    """
    if not url:
        return _make_sqlite(sqlite_file)
    parts = urlsplit(url)
    if parts.scheme == "mysql":
        _use_pymysql()
    elif parts.scheme != "postgresql":
        raise ValueError("A database URL begins with postgresql:// or mysql://.")
    return {
        "ENGINE": f"django.db.backends.{parts.scheme}",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


def _make_sqlite(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            # One writer at a time, and the others wait for it: without IMMEDIATE a transaction
            # that reads before it writes fails at once where it should wait.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _use_pymysql() -> None:
    import pymysql  # noqa: PLC0415 - an extra, needed for this kind only

    pymysql.install_as_MySQLdb()
