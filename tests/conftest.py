from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management.commands import flush
from django.utils import translation

from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem

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
        return [f"DELETE FROM {connection.ops.quote_name(name)}" for name in tables]  # noqa: S608
    return list(connection.ops.sql_flush(style, tables, reset_sequences=False))


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    running_emulator.reset()
    return running_emulator


@pytest.fixture(autouse=True)
def fresh() -> None:
    cache.clear()
    locmem.outbox.clear()
    locmem.notices.clear()
    # The language of another test's last request stays with the thread.
    translation.deactivate()
    locmem.notices.clear()
    held.clear()


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
