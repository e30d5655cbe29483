"""
The one door to the network: nothing else in the app imports ``requests`` or ``urllib3``.

What a caller needs to know of a failed call is whether its message may have left. So every call
has an ``_Exchange``, which our connection marks just before it writes the first byte::

    nothing was written    GatewayUnreachable   name lookup, refused, connect time-out, TLS
    anything after that    GatewayUncertain     time-out, reset, cut short, too large

Time-outs of ``requests`` are per read, so a peer that sends a byte now and then stretches them
at will. Here no wait is longer than what is left of the total. One wait is not ours to cut: a name
lookup takes what the system's resolver allows (``timeout`` and ``attempts`` in resolv.conf).

Nothing is retried, no redirect is followed, no cookie is kept, and neither netrc nor the proxy
variables of the environment are read: they could replace the token or see it.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import time
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
import urllib3
from django.views.decorators.debug import sensitive_variables
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from django_d7verify.clients.answers import Answer, make_answer
from django_d7verify.clients.options import Secret, check_proxy_url
from django_d7verify.exceptions import ConfigurationError, GatewayUncertain, GatewayUnreachable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, SupportsRead, WriteableBuffer
    from urllib3._base_connection import BaseHTTPConnection

MAX_BODY_BYTES = 64 * 1024
#: A pooled connection idle for longer is not used again: routers on the way forget such
#: connections without a word, and the next message's fate would be unknown.
MAX_IDLE_SECONDS = 30

#: One address of a host, as ``socket.getaddrinfo`` finds it.
_Found = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]

_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
    # urllib3 passes over a reset while it connects or writes, and goes on without a socket.
    AttributeError,
)


class Transport:
    """
    A pool of connections with time limits in seconds. Threads may share it; forks are noticed.

    *connect_timeout_seconds* is for each address of the host and again for the TLS handshake,
    *read_timeout_seconds* for each write and read, *total_timeout_seconds* for all together.
    *pool_size* is how many idle connections are kept; more may be open at a time.
    *proxy_url* carries https only. *ca_bundle* is a file to use in place of certifi's.

    Each method returns any answer at all, and raises ``GatewayUnreachable`` or
    ``GatewayUncertain`` where there is none, with *name* (what was called) in the message.
    """

    def __init__(
        self,
        *,
        connect_timeout_seconds: float = 3,
        read_timeout_seconds: float = 5,
        total_timeout_seconds: float = 10,
        pool_size: int = 10,
        proxy_url: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        limits = (connect_timeout_seconds, read_timeout_seconds, total_timeout_seconds, pool_size)
        if min(limits) <= 0:
            raise ConfigurationError("Time-outs and pool_size must be more than 0.")
        if ca_bundle is not None and not os.path.exists(ca_bundle):
            raise ConfigurationError("ca_bundle is no file.")
        self.connect_timeout_seconds = connect_timeout_seconds
        self.read_timeout_seconds = read_timeout_seconds
        self.total_timeout_seconds = total_timeout_seconds
        self._pool_size = pool_size
        self._proxies = {"https": check_proxy_url(proxy_url)} if proxy_url else {}
        self._ca_bundle = ca_bundle
        # One attribute, replaced as a whole: a lock could be left locked by a fork, and of two
        # threads that both make an adapter the loser's is only garbage.
        self._adapter_of_process: tuple[int, HTTPAdapter] | None = None

    @sensitive_variables()
    def post_json(
        self,
        url: str,
        body: Mapping[str, object],
        *,
        name: str,
        bearer: Secret,
        secrets: Collection[str] = (),
    ) -> Answer:
        """POST *body* as JSON, with *bearer* as the token. The answer's text has no *secrets*."""
        headers = {"Authorization": Secret(f"Bearer {bearer}"), "Content-Type": "application/json"}
        request = requests.Request("POST", url, headers=headers, data=json.dumps(body).encode())
        return self._call(request, name=name, secrets=[bearer, *secrets])

    @sensitive_variables()
    def post_form(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        name: str,
        secrets: Collection[str] = (),
        drop: Collection[str] = (),
    ) -> Answer:
        """
        POST *fields* urlencoded. The answer's text has no *secrets*.

        Keys of the answer named in *drop* never leave its parser.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = requests.Request("POST", url, headers=headers, data=urlencode(fields).encode())
        return self._call(request, name=name, secrets=secrets, drop=drop)

    @sensitive_variables()
    def get(
        self,
        url: str,
        *,
        name: str,
        bearer: Secret | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET *url*, with *bearer* as the token where one is given."""
        headers = {"Authorization": Secret(f"Bearer {bearer}")} if bearer else {}
        request = requests.Request("GET", url, headers=headers, params=query)
        return self._call(request, name=name, secrets=[bearer] if bearer else [])

    def close(self) -> None:
        """Close the idle connections. The transport can be used again."""
        kept, self._adapter_of_process = self._adapter_of_process, None
        if kept is not None:
            kept[1].close()

    @sensitive_variables()
    def _call(
        self,
        request: requests.Request,
        *,
        name: str,
        secrets: Collection[str],
        drop: Collection[str] = (),
    ) -> Answer:
        exchange = _Exchange(
            connect_seconds=self.connect_timeout_seconds,
            read_seconds=self.read_timeout_seconds,
            deadline=time.monotonic() + self.total_timeout_seconds,
        )
        token = _current_exchange.set(exchange)
        try:
            return make_answer(name, *self._send(request), secrets=secrets, drop=drop)
        except _FAILURES as error:
            problem = _describe(error)
        finally:
            _current_exchange.reset(token)
        # Raised out here, so that the failure, which holds the request, is not its context.
        if exchange.left:
            raise GatewayUncertain(f"{name}: no whole answer ({problem})")
        raise GatewayUnreachable(f"{name}: not sent ({problem})")

    @sensitive_variables()
    def _send(self, request: requests.Request) -> tuple[int, Mapping[str, str], bytes]:
        request.headers |= {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "django-d7verify",
        }
        # The adapter and not a Session: no redirects, cookies, netrc or environment at all.
        response = self._get_adapter().send(
            request.prepare(),
            stream=True,
            timeout=(self.connect_timeout_seconds, self.read_timeout_seconds),
            verify=self._ca_bundle or True,
            proxies=self._proxies,
        )
        try:
            return response.status_code, response.headers, _read_body(response.raw)
        finally:
            # Closes the connection, unless all was read and it is back in the pool.
            response.raw.close()

    def _get_adapter(self) -> HTTPAdapter:
        kept = self._adapter_of_process
        if kept is None or kept[0] != os.getpid():
            kept = self._adapter_of_process = os.getpid(), _Adapter(pool_size=self._pool_size)
        return kept[1]


def _read_body(raw: urllib3.HTTPResponse) -> bytes:
    body = b""
    while chunk := raw.read(MAX_BODY_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise http.client.HTTPException("too large")
    # urllib3 1.26 does not compare these.
    declared = raw.headers.get("Content-Length", "")
    if "Transfer-Encoding" not in raw.headers and declared not in {"", str(len(body))}:
        raise http.client.IncompleteRead(b"")
    return body


def _describe(failure: Exception) -> str:
    """The kind of *failure*, the system's own where there is one. Nothing of the request."""
    link: BaseException | None = failure
    while link is not None:
        if isinstance(link, OSError) and not isinstance(link, requests.RequestException):
            return f"{type(link).__name__} {link.strerror or ''}".strip()
        link = link.__cause__ or link.__context__
    return type(failure).__name__


# Below urllib3: whether anything was written, and how long each wait may still be.


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """One call: its limits, and whether a byte of the request may have left."""

    connect_seconds: float
    read_seconds: float
    #: Instant of ``time.monotonic``.
    deadline: float
    left: bool = False

    def cut(self, seconds: float) -> float:
        """Cut a wait to what is left of the total; ``TimeoutError`` if nothing is."""
        remaining_seconds = self.deadline - time.monotonic()
        if remaining_seconds <= 0:
            raise TimeoutError
        return min(seconds, remaining_seconds)


_current_exchange: ContextVar[_Exchange] = ContextVar("d7verify_exchange")


class _TimedStream(io.RawIOBase):
    """A socket's bytes, every single read of them within the time that is left."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        exchange = _current_exchange.get()
        self._sock.settimeout(exchange.cut(exchange.read_seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response whose status line, headers and body are read from a ``_TimedStream``."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(sock, debuglevel, method)
        untimed = self.fp
        self.fp = io.BufferedReader(_TimedStream(sock))
        untimed.close()


class _WatchedConnection(HTTPConnection):
    """A connection that keeps to the exchange's time and tells it when the request leaves."""

    response_class = _TimedResponse
    used_at = 0.0

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            # The words with a proxy (CONNECT) are not the request.
            _current_exchange.get().left = False

    def _new_conn(self) -> socket.socket:
        failure = OSError("no address")
        try:
            for found in socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM):
                try:
                    return self._open(found)
                except OSError as error:
                    failure = error
            raise failure
        finally:
            # Or this frame and the failure would hold each other.
            del failure

    def _open(self, found: _Found) -> socket.socket:
        exchange = _current_exchange.get()
        family, kind, protocol, _, address = found
        sock = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(exchange.cut(exchange.connect_seconds))
            sock.connect(address)
            # For the TLS handshake; the system keeps this time for the whole of it.
            sock.settimeout(exchange.cut(exchange.connect_seconds))
        except OSError:
            sock.close()
            raise
        return sock

    def send(
        self, data: ReadableBuffer | SupportsRead[bytes] | Iterable[ReadableBuffer] | str
    ) -> None:
        exchange = _current_exchange.get()
        if self.sock is None:
            self.connect()
        sock: Any = self.sock
        sock.settimeout(exchange.cut(exchange.read_seconds))
        self.used_at = time.monotonic()
        exchange.left = True
        super().send(data)


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class _WatchedPool(HTTPConnectionPool):
    """Connections to one host; those idle for too long are opened anew."""

    # The protocol that urllib3 declares its own classes do not fit either.
    ConnectionCls = _WatchedConnection  # pyright: ignore[reportAssignmentType]

    def _get_conn(self, timeout: float | None = None) -> BaseHTTPConnection:
        connection = super()._get_conn(timeout)
        if getattr(connection, "used_at", 0) < time.monotonic() - MAX_IDLE_SECONDS:
            connection.close()
        return connection


class _WatchedTLSPool(_WatchedPool, HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _WatchedTLSConnection


_POOLS = {"http": _WatchedPool, "https": _WatchedTLSPool}


class _Adapter(HTTPAdapter):
    """Puts our pools under ``requests``."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_maxsize=pool_size)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: object) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def close(self) -> None:
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - no dict, and no __iter__
                # urllib3 2 leaves this to the collector, which may come late.
                if pool := manager.pools.get(key):
                    pool.close()
        super().close()
