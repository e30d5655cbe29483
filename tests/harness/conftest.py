"""
The site under gunicorn, on the database that ``D7VERIFY_TEST_DATABASE_URL`` names::

    D7VERIFY_HARNESS=1 python -m pytest tests/harness

Collected only with that variable: it takes a minute, and all of the machine.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from django_d7verify.emulator import Emulator

from . import figures as table
from .database import make_database, migrate
from .figures import Figures
from .people import KINDS, Kind, Person
from .site import Site, make_environment

if os.environ.get("D7VERIFY_HARNESS") != "1":
    collect_ignore_glob = ["*"]

REDIS_URL = os.environ.get("D7VERIFY_TEST_REDIS_URL", "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "harness: needs D7VERIFY_HARNESS=1, and a minute")
    config.stash[table.KEY] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.harness)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if shown := terminalreporter.config.stash[table.KEY]:
        cache = "Redis" if REDIS_URL else "a cache for each process"
        table.write(terminalreporter, shown, f"{connection.vendor}, {cache}")


@pytest.fixture(scope="session")
def environment(django_db_blocker: DjangoDbBlocker) -> Iterator[Mapping[str, str]]:
    """A folder, a database and a corner of the cache, gone again at the end."""
    with ExitStack() as stack:
        # A run that is told to stop cleans up as one that is interrupted.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGTERM, before)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="d7verify-harness-")))
        stack.enter_context(django_db_blocker.unblock())
        found = stack.enter_context(make_database(folder))
        cache = stack.enter_context(_make_cache())
        made = make_environment(folder, **found, **cache)
        migrate(made)
        yield made


@contextmanager
def _make_cache() -> Iterator[Mapping[str, str]]:
    if not REDIS_URL:
        yield {}
        return
    import redis

    prefix = f"d7verify-harness-{secrets.token_hex(6)}"
    try:
        yield {"D7VERIFY_HARNESS_REDIS_URL": REDIS_URL, "D7VERIFY_HARNESS_PREFIX": prefix}
    finally:
        with redis.Redis.from_url(REDIS_URL) as client:
            for key in client.scan_iter(f"{prefix}:*"):
                client.delete(key)


@contextmanager
def run_site(environment: Mapping[str, str], emulator: Emulator, **settings: Any) -> Iterator[Site]:
    """A site with *settings* over its own."""
    site = Site(Path(environment["D7VERIFY_HARNESS_FOLDER"]), environment, emulator, **settings)
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="session")
def running_site(environment: Mapping[str, str], running_emulator: Emulator) -> Iterator[Site]:
    with run_site(environment, running_emulator) as site:
        yield site


@pytest.fixture
def site(running_site: Site, emulator: Emulator) -> Iterator[Site]:
    """The site, with an empty emulator; fails where its log tells of a bug."""
    yield running_site
    running_site.points.clear()
    assert not running_site.read_bugs()


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def person(site: Site, kind: Kind) -> Person:
    return Person(site, kind)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Where a test puts what it counted."""
    made = Figures(request.node.name)
    request.config.stash[table.KEY].append(made)
    yield made
    made.stop()
