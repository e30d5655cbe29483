"""The socket side: connections that live as long as the client likes, and a door that can close."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .faults import Fault
    from .wire import Request, Response

#: How soon a waiting server notices that it is to stop or to refuse.
POLL_SECONDS = 0.02
JOIN_SECONDS = 0.8


class Application(Protocol):
    """What a server asks for each request."""

    def find_fault(self, path: str) -> Fault | None:
        """The fault of the next call to *path*, counted as used."""
        ...

    def answer(self, request: Request) -> Response:
        """Do what *request* asks and answer it."""
        ...

    def answer_with_fault(self, request: Request, fault: Fault) -> Response:
        """The same, as *fault* has it."""
        ...

    def record_cut(self, method: str, path: str) -> None:
        """Note a request that was cut before it was read."""


class Connection(Protocol):
    """A client's connection as the server knows it: one handler."""

    busy: bool
    held: bool

    def let_go(self) -> None:
        """End soon, whatever it waits for."""


class Server(ThreadingHTTPServer):
    """
    An HTTP server of one application.

    ``refuse`` closes the listening socket and every idle connection, so that a client
    with a pool is refused too; the port stays bound, so nobody else can take it.
    """

    request_queue_size = 512
    allow_reuse_address = True
    daemon_threads = True
    #: Threads are joined by ``stop``, with a time limit.
    block_on_close = False

    def __init__(
        self,
        address: tuple[str, int],
        handler: Callable[..., Connection],
        application: Application,
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler, bind_and_activate=False)  # type: ignore[arg-type] # is only called
        self.application = application
        self._is_stopped = False
        self._door = threading.RLock()
        self._connections: set[Connection] = set()
        self._running: set[threading.Thread] = set()
        self._guard = threading.Lock()
        self._loop: threading.Thread | None = None
        self._reopening: threading.Timer | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server takes connections."""
        return self._loop is not None

    def server_bind(self) -> None:
        """Bind without ``HTTPServer``'s look-up of the host's name, which may ask DNS."""
        TCPServer.server_bind(self)

    def start(self) -> None:
        """Bind and take connections. Raises ``OSError`` where the port is taken."""
        try:
            self.server_bind()
            self._open()
        except (OSError, OverflowError):
            # OverflowError: a port that is none.
            self.server_close()
            raise

    def refuse(self, seconds: float) -> None:
        """Refuse connections for *seconds*, from before this returns."""
        with self._door:
            self._cancel_reopening()
            if self._is_stopped:
                return
            if self.is_open:
                self._close_door()
                self._bind_without_listening()
            self._drop(lambda connection: not connection.busy)
            self._reopening = threading.Timer(seconds, self.stop_refusing)
            self._reopening.daemon = True
            self._reopening.start()

    def stop_refusing(self) -> None:
        """Take connections again, now."""
        with self._door:
            self._cancel_reopening()
            if not self.is_open and not self._is_stopped:
                self._open()

    def release_held(self) -> None:
        """End the connections that a fault holds."""
        self._drop(lambda connection: connection.held)

    def stop(self) -> None:
        """Close everything; calls that are held by a fault end without an answer."""
        with self._door:
            self._is_stopped = True
            self._cancel_reopening()
            if self.is_open:
                self._close_door()
            self.socket.close()
        self._drop(lambda _connection: True)
        give_up_at = time.monotonic() + JOIN_SECONDS
        with self._guard:
            threads = list(self._running)
        for thread in threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))

    # Called by handlers.

    def enter(self, connection: Connection) -> None:
        """Know *connection*, which is idle."""
        with self._guard:
            self._connections.add(connection)

    def leave(self, connection: Connection) -> None:
        """Forget *connection*."""
        with self._guard:
            self._connections.discard(connection)

    # Overridden parts of socketserver.

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in a thread that ``stop`` can wait for."""
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), daemon=True
        )
        with self._guard:
            self._running.add(thread)
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report; a bug of ours is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _serve_connection(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._guard:
                self._running.discard(threading.current_thread())

    def _open(self) -> None:
        self.server_activate()
        self._loop = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="emulator", daemon=True
        )
        self._loop.start()

    def _close_door(self) -> None:
        loop, self._loop = self._loop, None
        self.shutdown()
        if loop is not None:
            loop.join()
        self.socket.close()

    def _bind_without_listening(self) -> None:
        """Keep the port: a bound socket that does not listen refuses connections."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def _cancel_reopening(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None

    def _drop(self, is_meant: Callable[[Connection], bool]) -> None:
        """End connections, which wakes their threads."""
        with self._guard:
            meant = [connection for connection in self._connections if is_meant(connection)]
        for connection in meant:
            connection.let_go()
