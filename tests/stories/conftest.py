from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from django_d7verify.emulator import Emulator
from tests.conftest import make_d7_settings

from .site import STARTED_AT, Api, Clocks, Phones


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def clocks(emulator: Emulator) -> Iterator[Clocks]:
    with time_machine.travel(STARTED_AT, tick=False) as ours:
        yield Clocks(ours, emulator)


@pytest.fixture(params=["own", "provider-made"])
def phones(request: pytest.FixtureRequest, settings: Any, emulator: Emulator) -> Phones:
    """Each story is told twice: with codes that we make, and with those that D7 makes."""
    makes_codes = request.param == "provider-made"
    if makes_codes:
        settings.D7VERIFY = {
            **settings.D7VERIFY,
            "GATEWAYS": {"default": make_d7_settings(emulator)},
        }
    return Phones(emulator, makes_codes=makes_codes)
