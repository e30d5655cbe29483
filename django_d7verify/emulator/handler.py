"""Reads requests from one connection and writes the answers, good and bad."""

from __future__ import annotations

import contextlib
import socket
import threading
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

from . import fault_acts
from .faults import Fault
from .server import Server
from .wire import MAX_BODY_BYTES, RefusalError, Request, Response, make_json, read_fields

#: How much of a body that is too large is read away, so that the client sees the answer.
_DRAINED_BYTES = 16 * MAX_BODY_BYTES
#: Digits of a length that is read.
_LONGEST_LENGTH = 18


class Handler(BaseHTTPRequestHandler):
    """One connection: any number of requests, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "d7verify-emulator"
    sys_version = ""
    disable_nagle_algorithm = True
    #: Seconds until a silent client is let go.
    timeout = 120
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        """Begin: make the connection known, so that the server can close it."""
        super().setup()
        self.busy = False
        self.held = False
        self.trickling = False
        self.released = threading.Event()
        self.server.enter(self)

    def handle(self) -> None:
        """Serve until either side closes."""
        if not self.server.is_open:
            # Taken from the queue while the door was closing.
            return
        super().handle()

    def finish(self) -> None:
        """End: forget the connection."""
        self.server.leave(self)
        super().finish()

    def let_go(self) -> None:
        """End soon; called from other threads."""
        self.close_connection = True
        self.released.set()
        # A close would look like the end of the headers that trickle: they end by a reset.
        if not self.trickling:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """No access log: paths and queries may hold codes and tokens."""

    def serve(self) -> None:
        """Answer one request."""
        self.busy = True
        try:
            self._serve()
        finally:
            self.busy = False
            if not self.server.is_open:
                self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815 - the base's

    def _serve(self) -> None:
        # As sent, and by hand: the base class makes "/x" of "//x", and urlsplit takes that
        # for a host and refuses some targets altogether.
        target, _, query = self.requestline.split()[1].partition("?")
        path = unquote(target, errors="replace")
        fault = self.server.application.find_fault(path)
        if fault is not None and fault.name == "reset":
            self.server.application.record_cut(self.command, path)
            fault_acts.reset(self)
            return
        try:
            request = self._read_request(path, query)
        except RefusalError as error:
            self.close_connection = True
            self.write(error.response)
            return
        if fault is None:
            self.write(self.server.application.answer(request))
        else:
            self._serve_with_fault(request, fault)

    def _serve_with_fault(self, request: Request, fault: Fault) -> None:
        response = self.server.application.answer_with_fault(request, fault)
        act = fault_acts.ACTS.get(fault.name)
        if act is None:
            self.write(response)
        else:
            act(self, response, fault)

    def _read_request(self, path: str, query: str) -> Request:
        """Raises ``RefusalError``."""
        return Request(
            method=self.command,
            path=path,
            query=read_fields(query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._read_body(),
        )

    def _read_body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise _refuse(HTTPStatus.LENGTH_REQUIRED, "Send the body with a Content-Length.")
        length = self.headers.get("content-length", "0").strip()
        if not (length.isascii() and length.isdigit()):
            raise _refuse(HTTPStatus.BAD_REQUEST, "Content-Length is not a number.")
        # Not int(): thousands of digits are an error of its own there.
        digits = length.lstrip("0") or "0"
        size = int(digits) if len(digits) <= _LONGEST_LENGTH else _DRAINED_BYTES
        if size > MAX_BODY_BYTES:
            self._drain(min(size, _DRAINED_BYTES))
            raise _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is over 1 MiB.")
        body = self.rfile.read(size)
        if len(body) < size:
            raise _refuse(HTTPStatus.BAD_REQUEST, "The body ended early.")
        return body

    def _drain(self, size: int) -> None:
        while size > 0 and (piece := self.rfile.read(min(size, 65536))):
            size -= len(piece)

    def write(self, response: Response) -> None:
        """Send one whole answer in one piece."""
        head = self.make_head(response, len(response.body))
        self.wfile.write(head if self.command == "HEAD" else head + response.body)

    def make_head(self, response: Response, length: int) -> bytes:
        """Status line and headers that promise *length* bytes."""
        if not self.server.is_open:
            self.close_connection = True
        reason = responses.get(response.status, "")
        lines = [
            f"HTTP/1.1 {response.status} {reason}",
            f"Server: {self.server_version}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {length}",
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _refuse(status: int, text: str) -> RefusalError:
    return RefusalError(make_json({"detail": text}, status))
