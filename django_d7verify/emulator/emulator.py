"""The emulator as tests, the demo and the command start it."""

from __future__ import annotations

from types import TracebackType

from .application import Application
from .handler import Handler
from .server import Server
from .world import World


class Emulator:
    """
    Both providers behind one real socket, all in memory::

        with Emulator() as emulator:
            requests.post(f"{emulator.url}/verify/v1/otp/send-otp", ...)
            code = emulator.messages("+971501234567")[-1]["code"]

    *port* 0 is any free one. Methods may be called from any thread; they do what the
    control calls of the same name do.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._address = (host, port)
        self._server: Server | None = None
        self._world = World(refuse=self._refuse, recover=self._recover)

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens, as ``http://127.0.0.1:8600``. Raises ``RuntimeError``."""
        host = self._address[0]
        port = self._running().server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> Emulator:
        """Take connections. Raises ``OSError`` where the port is taken."""
        if self._server is None:
            server = Server(self._address, Handler, Application(self._world))
            server.start()
            self._server = server
            self._world.reporter.start()
        return self

    def stop(self) -> None:
        """Close everything within a second. State is kept; reports that wait are dropped."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            self._world.reporter.stop()

    def messages(self, recipient: str | None = None) -> list[dict[str, object]]:
        """Messages on all phones or on one, the newest last."""
        with self._world.lock:
            return [message.as_dict() for message in self._world.messages(recipient)]

    def calls(self, path: str | None = None) -> list[dict[str, object]]:
        """
        Requests that providers got, the newest last; all, or those to exactly *path*.

        Each has ``method``, ``path``, ``query``, ``content_type``, ``auth`` (where the token
        stood: "bearer", "body", "query" or ""), ``body`` (parsed, without the token),
        ``status`` of the answer (None: cut before it was read) and ``at``.
        """
        return self._world.calls(path)

    def advance_clock(self, seconds: float) -> None:
        """Move the emulator's clock forward. Raises ``ValueError`` for a step back."""
        self._world.advance_clock(seconds)

    def add_fault(self, /, name: str, path: str = "", times: int = 1, **options: object) -> None:
        """
        Let the next *times* calls to *path* (or below it; "" is every call) fail so.

        Names and options are in ``faults.FAULTS``. ``refuse`` begins at once, for every
        path and for ``seconds``: a refused connection is not seen by the emulator, so it
        cannot be counted and *times* and *path* mean nothing.
        """
        self._world.add_fault(name, path, times, **options)

    def clear_faults(self) -> None:
        """Forget faults that still wait."""
        with self._world.lock:
            self._world.faults.clear()

    def stop_refusing(self) -> None:
        """End ``refuse`` now."""
        self._running().stop_refusing()

    def set_switches(self, /, **switches: object) -> None:
        """Choose documented alternatives; see ``switches.Switches``. Raises ``ValueError``."""
        with self._world.lock:
            self._world.switches.set(**switches)

    def switches(self) -> dict[str, object]:
        """Every switch with its value."""
        with self._world.lock:
            return self._world.switches.as_dict()

    def deliver(self, recipient: str, status: str) -> None:
        """Make a delivery report happen on the newest message of *recipient*."""
        self._world.deliver(recipient, status)

    def reset(self) -> None:
        """Empty again, as newly started; ends ``refuse`` and calls that a fault holds."""
        self._world.reset()

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("The emulator is not running: call start() first.")
        return self._server

    def _refuse(self, seconds: float) -> None:
        self._running().refuse(seconds)

    def _recover(self) -> None:
        if self._server is not None:
            self._server.stop_refusing()
            self._server.release_held()
