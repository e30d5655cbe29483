"""
For the tests of a site, with pytest-django. In its ``conftest.py``::

    pytest_plugins = ["django_d7verify.testing"]

    def test_phone(client, db, d7verify_outbox):
        sent = client.post("/api/otp/send/", {"recipient": "+971501234567"}).json()
        assert d7verify_outbox[-1].recipient == "+971501234567"

The only module that imports pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import services
from .dispatching import Dispatcher
from .gateways import locmem
from .gateways.base import CodeMessage

_LOCMEM = {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}


class AtOnceDispatcher(Dispatcher):
    """Sends within the call, in the test's own transaction: for tests only."""

    def dispatch(self, otp_id: str, generation: int) -> None:
        """Be the worker."""
        services.deliver_otp(otp_id, generation)


@pytest.fixture
def d7verify_outbox(settings: Any) -> Iterator[list[CodeMessage]]:
    """
    The messages of this test, newest last, with ``recipient``, ``text`` and ``code``; none is sent.

    Whatever the gateways of the site, and within ``db`` too. Limits by address are off, since
    their cache outlives a test; those of a number, as its 60 seconds, hold.
    """
    given = getattr(settings, "D7VERIFY", {})
    settings.D7VERIFY = {
        **given,
        "GATEWAYS": dict.fromkeys(("default", *given.get("GATEWAYS", {})), _LOCMEM),
        "DISPATCHER": f"{__name__}.AtOnceDispatcher",
    }
    settings.RATELIMIT_ENABLE = False
    locmem.outbox.clear()
    locmem.notices.clear()
    yield locmem.outbox
    locmem.outbox.clear()
    locmem.notices.clear()
