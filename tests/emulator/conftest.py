"""One running emulator for all tests of it, empty before each; and a listener for reports."""

from __future__ import annotations

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from django_d7verify.emulator import Emulator

PHONE = "+971501234567"


@pytest.fixture(scope="session")
def running():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running):
    running.reset()
    return running


class Provider:
    """A client's side of a provider, with its base address and token."""

    def __init__(self, session, url):
        self.session = session
        self.url = url

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=10, allow_redirects=False, **options)

    def post(self, path, json=None, **options):
        return self.session.post(
            self.url + path, json=json, timeout=10, allow_redirects=False, **options
        )


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


@pytest.fixture
def d7(emulator, session):
    session.headers["Authorization"] = "Bearer good-token"
    return Provider(session, emulator.url)


@pytest.fixture
def control(emulator):
    with requests.Session() as session:
        yield Provider(session, emulator.url + "/_emulator")


class Messenger(Provider):
    """Form fields with the token among them, and answers asked for as JSON."""

    def call(self, path, /, token="good-token", **fields):  # noqa: S107 - any text is a token
        return self.post(path, data={"api_token": token, **fields})


@pytest.fixture
def messenger(emulator):
    with requests.Session() as session:
        session.headers["Accept"] = "application/json"
        yield Messenger(session, emulator.url + "/messenger")


class Receiver:
    """A customer's site that gets reports, and answers with the given statuses in turn."""

    def __init__(self):
        self.statuses = []
        self._got = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                kind = self.headers.get("Content-Type", "")
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                # Before the answer, which lets the next report come.
                receiver._got.put((self.command, self.path, kind, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = serve  # noqa: N815 - http.server's names

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def next(self):
        return self._got.get(timeout=5)

    def has_more(self):
        return not self._got.empty()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
