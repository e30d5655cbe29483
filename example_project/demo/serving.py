"""The site and the emulator on real sockets, in threads of this process."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

from django_d7verify.emulator import Emulator

HOST = "127.0.0.1"


@contextmanager
def run_emulator(port: int = 0) -> Iterator[Emulator]:
    """Run the emulator on *port*, or on any free one where that is taken, and send through it."""
    try:
        emulator = Emulator(HOST, port).start()
    except OSError:
        emulator = Emulator(HOST).start()
    try:
        with send_through(emulator.url):
            yield emulator
    finally:
        emulator.stop()


@contextmanager
def send_through(api_url: str) -> Iterator[None]:
    """Let all gateways call *api_url*; they are made anew when settings change."""
    changed = copy.deepcopy(settings.D7VERIFY)
    for gateway in changed["GATEWAYS"].values():
        gateway["OPTIONS"]["api_url"] = api_url
    with override_settings(D7VERIFY=changed):
        yield


@contextmanager
def report_to(site_url: str) -> Iterator[None]:
    """Have delivery reports sent to the site at *site_url*."""
    changed = {**settings.D7VERIFY, "REPORT_URL": f"{site_url}/otp/reports/"}
    with override_settings(D7VERIFY=changed):
        yield


@contextmanager
def run_site(port: int = 0) -> Iterator[str]:
    """Run the site on *port*, or on any free one where that is taken; its URL, without a slash."""
    try:
        server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    except OSError:
        server = ThreadedWSGIServer((HOST, 0), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="site", daemon=True)
    thread.start()
    site_url = f"http://{HOST}:{server.server_port}"
    try:
        with report_to(site_url):
            yield site_url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
