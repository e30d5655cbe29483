"""The site behind a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings
from pytest_django.live_server_helper import LiveServer


@contextmanager
def serve_site() -> Iterator[LiveServer]:
    """As the fixture ``live_server``, which fails in a site without addresses for its files."""
    with override_settings(STATIC_URL="/static/", MEDIA_URL="/media/"):
        server = LiveServer("127.0.0.1")
    yield server
    server.stop()
