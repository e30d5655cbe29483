"""Connections to the provider: how many TLS handshakes a hundred sends take."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from django_d7verify.gateways import make_gateway
from django_d7verify.gateways.base import CodeMessage

CERTIFICATE = str(Path(__file__).resolve().parent.parent / "clients" / "localhost.pem")
_SENDS = 100
_ANSWER = json.dumps(
    {"request_id": "b2b6a5de-47a0-4f7c-a6b9-6e25f3f0a0b1", "status": "accepted"}
).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def _serve() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """One row."""
    message = CodeMessage(
        recipient="+971501234567",
        content="Your code is {}",
        code="123456",
        code_length=6,
        code_alphabet="numeric",
        expiry_seconds=600,
        resend_wait_seconds=60,
        max_resends=5,
    )
    _Handler.connections = 0
    with _serve() as url:
        options = {
            "api_token": "any-token-will-do",
            "originator": "SignOTP",
            "api_url": url,
            "ca_bundle": CERTIFICATE,
        }
        path = "django_d7verify.gateways.d7.D7MessagesGateway"
        gateway = make_gateway("measured", {"BACKEND": path, "OPTIONS": options})
        for _ in range(_SENDS):
            gateway.send(message)
    return [
        {"operation": f"TLS connections for {_SENDS} sends", "connections": _Handler.connections}
    ]
