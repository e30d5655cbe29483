"""
A server that misbehaves at the level of bytes, where no framework would let it.

Each connection runs the next script, and the last one again; a script is a function of a
``Peer``. Whatever a script waits for ends when the server is stopped.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CERTIFICATE = str(Path(__file__).with_name("localhost.pem"))


class Peer:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket, stopped: threading.Event) -> None:
        self.sock = sock
        self._stopped = stopped

    def read(self) -> bytes:
        """One whole request; empty once the client has closed."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.sock.recv(65536)
            if not chunk:
                return b""
            head += chunk
        head, _, body = head.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            body += self.sock.recv(65536)
        return head + b"\r\n\r\n" + body

    def write(self, *pieces: str | bytes) -> None:
        for piece in pieces:
            self.sock.sendall(piece.encode() if isinstance(piece, str) else piece)

    def trickle(self, text: str, *, seconds: float = 0.05) -> None:
        """Write *text* over and over, a character at a time, for 3 seconds at most."""
        give_up_at = time.monotonic() + 3
        for character in itertools.cycle(text):
            self.write(character)
            if self._stopped.wait(seconds) or time.monotonic() > give_up_at:
                return

    def hang(self) -> None:
        """Keep the connection and do nothing."""
        self._stopped.wait(5)

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def start_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self.sock = context.wrap_socket(self.sock, server_side=True)


Script = Callable[[Peer], None]


class RawServer:
    """Listens while it is a context. ``requests`` holds what the scripts returned as read."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://localhost:{self.port}"
        self.connections = 0
        self._peers: list[Peer] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> RawServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            sock.settimeout(5)
            peer = Peer(sock, self._stopped)
            self._peers.append(peer)
            thread = threading.Thread(target=self._run, args=(script, peer), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, script: Script, peer: Peer) -> None:
        # What the client did to us is the client's test, not ours.
        with suppress(OSError):
            script(peer)
        peer.sock.close()


def answer(
    body: str = '{"ok": true}', *, status: str = "200 OK", headers: str = "", times: int = 100
) -> Script:
    """A script that answers properly, *times* on one connection."""

    def script(peer: Peer) -> None:
        for _ in range(times):
            if not peer.read():
                return
            data = body.encode()
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
            peer.write(head.encode() + data)

    return script
