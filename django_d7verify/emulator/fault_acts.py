"""Faults that are played on the socket itself."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .faults import Fault
from .wire import Response

if TYPE_CHECKING:
    from .handler import Handler

#: How much more than it sends a cut answer promises.
MISSING_BYTES = 100


def reset(handler: Handler) -> None:
    """Close with RST."""
    handler.close_connection = True
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    # The handler's files keep the socket open; the descriptor is closed under them.
    socket.close(handler.connection.detach())


def slow(handler: Handler, response: Response, fault: Fault) -> None:
    """Answer late. What was asked is done at once."""
    if not handler.released.wait(fault.number("seconds")):
        handler.write(response)


def stall(handler: Handler, _response: Response, fault: Fault) -> None:
    """Never answer: hold the connection until the client goes, or for *seconds*."""
    handler.close_connection = True
    handler.held = True
    give_up_at = time.monotonic() + fault.number("seconds")
    with contextlib.suppress(OSError):
        while (left := give_up_at - time.monotonic()) > 0:
            handler.connection.settimeout(left)
            if not handler.connection.recv(4096):
                return


def cut_body(handler: Handler, response: Response, _fault: Fault) -> None:
    """Promise a longer body than is sent, send half of it, and close."""
    handler.close_connection = True
    head = handler.make_head(response, len(response.body) + MISSING_BYTES)
    handler.wfile.write(head + response.body[: len(response.body) // 2])


def trickle(handler: Handler, response: Response, fault: Fault) -> None:
    """Send one header letter at a time, then reset: no read times out, no answer comes."""
    handler.trickling = handler.held = True
    give_up_at = time.monotonic() + fault.number("seconds")
    with contextlib.suppress(OSError):
        handler.wfile.write(f"HTTP/1.1 {response.status} OK\r\nX-Wait: ".encode())
        while time.monotonic() < give_up_at:
            if handler.released.wait(fault.number("interval_seconds")):
                break
            handler.wfile.write(b"a")
    # Not a plain close: a client would take the end for that of the headers.
    reset(handler)


#: Faults by name that need the socket; every other is an answer like any.
ACTS: dict[str, Callable[[Handler, Response, Fault], None]] = {
    "slow": slow,
    "stall": stall,
    "cut_body": cut_body,
    "trickled_headers": trickle,
}
