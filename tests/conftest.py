from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management.commands import flush
from django.utils import translation

from django_d7verify import gateways, signals
from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem

from . import settings as suite
from .logging_in import held

NUMBER = "+971501234567"
API_TOKEN = "a-very-secret-api-token"


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


#: What migrations fill, and no test changes.
KEPT_TABLES = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """
    Empty the tables after each test, and no more.

    Django's own also makes every content type and permission anew, and on PostgreSQL truncates,
    which writes new files for each table and index: most of the time of a suite like this.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", make_deletes)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_arguments: None)
        yield


def make_deletes(style: Any, connection: Any, **_options: Any) -> list[str]:
    known = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [name for name in known if name not in KEPT_TABLES]
    if connection.vendor == "postgresql":
        return [f"DELETE FROM {connection.ops.quote_name(name)}" for name in tables]  # noqa: S608 - names
    return list(connection.ops.sql_flush(style, tables, reset_sequences=False))


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


@pytest.fixture(autouse=True)
def own_gateways(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gateways of this test alone: no breaker remembers what another test did."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(gateways, "_made", made)
    yield
    for _settings, gateway in made.values():
        if client := getattr(gateway, "client", None):
            client.close()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    cache.clear()
    locmem.outbox.clear()
    # The language of another test's last request stays with the thread.
    translation.deactivate()
    locmem.notices.clear()
    held.clear()
    before = copy.deepcopy(suite.D7VERIFY)
    yield
    assert before == suite.D7VERIFY, "Every test's settings were changed in place."


def set_d7verify(settings: Any, **keys: Any) -> None:
    """Set these keys of ``D7VERIFY``, and leave the others."""
    settings.D7VERIFY = {**settings.D7VERIFY, **keys}


@pytest.fixture
def observed() -> Iterator[list[tuple[str, str]]]:
    """Each limit that was passed and only observed, with whose it is."""
    seen: list[tuple[str, str]] = []

    def receive(limit: str, scope: str, **_: object) -> None:
        seen.append((limit, scope))

    signals.limit_observed.connect(receive)
    yield seen
    signals.limit_observed.disconnect(receive)


def make_d7_settings(emulator: Emulator, **options: Any) -> dict[str, Any]:
    return {
        "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
        "OPTIONS": {
            "api_token": API_TOKEN,
            "originator": "SignOTP",
            "api_url": emulator.url,
            **options,
        },
    }


@pytest.fixture
def d7(emulator: Emulator, settings: Any) -> Emulator:
    """The site sends through D7 Verify, which is the emulator."""
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": make_d7_settings(emulator)}}
    return emulator
