from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from tests.conftest import NUMBER

from .wires import KINDS, Wire


@pytest.fixture(params=list(KINDS))
def wire(
    request: pytest.FixtureRequest,
    settings: Any,
    emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
) -> Wire:
    """Every case is run on every gateway; what one can do is said by its class attributes."""
    readers = {
        "ConsoleGateway": _make_console_reader(capsys),
        "LocMemGateway": lambda: [str(message.code) for message in locmem.outbox],
    }
    read_codes = readers.get(
        request.param, lambda: [str(message["code"]) for message in emulator.messages(NUMBER)]
    )
    return Wire(request.param, emulator, settings, read_codes)


def _make_console_reader(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    written: list[str] = []

    def read() -> list[str]:
        written.append(capsys.readouterr().out)
        lines = "".join(written).splitlines()
        return [re.findall(r"\d{6}", line)[-1] for line in lines if line.startswith("To +")]

    return read
