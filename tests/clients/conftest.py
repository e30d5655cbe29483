from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fresh() -> None:
    """The clients need neither Django's cache nor its settings, and are tested without."""
