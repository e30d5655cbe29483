"""
The packages that the app joins, each as it is: ``make test-bridges``.

Collected only under settings that have them installed::

    python -m pytest tests/bridges --ds=tests.bridges.settings
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from django_d7verify.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent.parent

if os.environ.get("DJANGO_SETTINGS_MODULE") != "tests.bridges.settings":
    collect_ignore_glob = ["*"]


@pytest.fixture
def texts(emulator: Emulator, settings: Any) -> Emulator:
    """The site sends codes of its own by text, through the emulator."""
    gateway = {
        "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
        "OPTIONS": {"api_token": "t", "originator": "SignOTP", "api_url": emulator.url},
    }
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    return emulator


@pytest.fixture
def make_environment(texts: Emulator) -> Callable[..., dict[str, str]]:
    """What another process needs to be one of this very site."""

    def make(**more: str) -> dict[str, str]:
        paths = [str(ROOT), *(path for path in sys.path if path)]
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.bridges.settings",
            "PYTHONPATH": os.pathsep.join(paths),
            "D7VERIFY_BRIDGES_DATABASE": str(connection.settings_dict["NAME"]),
            "D7VERIFY_BRIDGES_API_URL": texts.url,
            **more,
        }

    return make
