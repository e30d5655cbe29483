"""The one door to the network, against peers that misbehave."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from django_d7verify.clients import http as http_module
from django_d7verify.clients.http import MAX_BODY_BYTES, Transport
from django_d7verify.clients.options import Secret
from django_d7verify.exceptions import ConfigurationError, GatewayUncertain, GatewayUnreachable

from .raw_server import CERTIFICATE, RawServer, answer

TOKEN = "tok.SECRET.en"
CODE = "831207"
NUMBER = "+971501234567"
SECRETS = (TOKEN, CODE, NUMBER, NUMBER[1:])


def make_hasty_transport(**options) -> Transport:
    return Transport(
        connect_timeout_seconds=0.3,
        read_timeout_seconds=0.2,
        total_timeout_seconds=0.4,
        **options,
    )


def post(transport: Transport, url: str):
    body = {"recipient": NUMBER, "otp_code": CODE}
    return transport.post_json(f"{url}/send", body, name="POST /send", bearer=Secret(TOKEN))


def find_failure(transport: Transport, url: str) -> BaseException:
    started = time.monotonic()
    try:
        post(transport, url)
    except Exception as error:  # noqa: BLE001 - any, to look at it
        assert time.monotonic() - started < 2, "the total time was not kept"
        assert_tells_nothing(error)
        return error
    finally:
        transport.close()
    pytest.fail("nothing was raised")


def assert_tells_nothing(error: BaseException) -> None:
    told = "".join(traceback.format_exception(error))
    chain, link = [], error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    told += "".join(repr(link) + str(link) + repr(vars(link)) for link in chain)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for secret in SECRETS:
        assert secret not in told
    # The number and the code are the caller's own arguments; the token must be nowhere.
    ours = [f.f_locals for f in frames if f.f_code.co_filename != __file__]
    assert TOKEN not in repr(ours)
    assert len(chain) == 1, "a failure in the chain holds the whole request"


@contextmanager
def make_full_listener():
    """An address that neither takes nor refuses connections: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            waiting.append(sock)
        try:
            yield listener.getsockname()
        finally:
            for sock in waiting:
                sock.close()


# Nothing was written: not sent


def test_a_refused_connection_is_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = find_failure(make_hasty_transport(), f"http://127.0.0.1:{port}")
    assert isinstance(error, GatewayUnreachable)
    assert "ConnectionRefusedError" in str(error)


def test_a_failure_is_named_after_itself_and_not_after_one_that_the_caller_handles():
    try:
        raise KeyError("the caller's")
    except KeyError:
        with pytest.raises(GatewayUnreachable, match="ConnectionRefusedError"):
            post(Transport(), "http://127.0.0.1:1")


def test_an_unknown_host_is_not_sent(monkeypatch):
    def no_such_host(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    error = find_failure(make_hasty_transport(), "https://api.example.com")
    assert isinstance(error, GatewayUnreachable)
    assert "Name or service not known" in str(error)


def test_a_connection_that_nobody_takes_is_not_sent():
    with make_full_listener() as (host, port):
        error = find_failure(make_hasty_transport(), f"http://{host}:{port}")
    assert isinstance(error, GatewayUnreachable)


def test_many_dead_addresses_of_one_host_do_not_stretch_the_total(monkeypatch):
    with make_full_listener() as address:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 9
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        error = find_failure(make_hasty_transport(), f"http://localhost:{address[1]}")
    assert isinstance(error, GatewayUnreachable)


def test_a_second_address_is_tried_after_a_dead_one(monkeypatch):
    with RawServer(answer()) as server:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", server.port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
        transport = Transport()
        assert post(transport, f"http://localhost:{server.port}").data == {"ok": True}
        transport.close()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda peer: peer.start_tls(), id="unknown certificate"),
        pytest.param(lambda peer: peer.write("HTTP/1.1 400 Bad Request\r\n\r\n"), id="no TLS"),
        pytest.param(lambda peer: peer.hang(), id="no answer to the handshake"),
        pytest.param(lambda peer: peer.trickle("\x16\x03\x03\x10\x00"), id="trickled handshake"),
        pytest.param(lambda peer: (peer.sock.recv(9), peer.reset()), id="reset"),
    ],
)
def test_a_failed_tls_handshake_is_not_sent(script):
    with RawServer(script) as server:
        error = find_failure(make_hasty_transport(), server.tls_url)
    assert isinstance(error, GatewayUnreachable)


# Something was written: maybe sent


def with_request(act):
    def script(peer):
        peer.read()
        act(peer)

    return script


ENDLESS = f"HTTP/1.1 200 OK\r\nContent-Length: {10**9}\r\n\r\n"
MAYBE_SENT = {
    "never answers": lambda peer: peer.hang(),
    "closes": lambda peer: None,
    "resets": lambda peer: peer.reset(),
    "garbage status line": lambda peer: peer.write("SMTP ready\r\n\r\n"),
    "garbage status": lambda peer: peer.write("HTTP/1.1 OK fine\r\n\r\n"),
    "trickled status line": lambda peer: peer.trickle("H"),
    "trickled headers": lambda peer: (peer.write("HTTP/1.1 200 OK\r\n"), peer.trickle("a: b\r\n")),
    "trickled body": lambda peer: (peer.write(ENDLESS), peer.trickle(" ")),
    "stalled body": lambda peer: (peer.write(ENDLESS, "{"), peer.hang()),
    "endless 100": lambda peer: peer.trickle("HTTP/1.1 100 Continue\r\n\r\n", seconds=0.001),
    "half body": lambda peer: peer.write("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
    "half body reset": lambda peer: (
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"),
        peer.reset(),
    ),
    "half a chunk": lambda peer: peer.write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}"
    ),
    "broken chunk": lambda peer: peer.write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnine\r\n{}\r\n0\r\n\r\n"
    ),
    "endless chunks": lambda peer: (
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        peer.trickle("1\r\n \r\n", seconds=0.01),
    ),
    "huge body": lambda peer: peer.write(ENDLESS, " " * (2 * MAX_BODY_BYTES)),
    "huge body without length": lambda peer: peer.write(
        "HTTP/1.1 200 OK\r\n\r\n", " " * (2 * MAX_BODY_BYTES)
    ),
    "huge header": lambda peer: peer.write("HTTP/1.1 200 OK\r\na: ", "b" * 100_000),
    "many headers": lambda peer: peer.write("HTTP/1.1 200 OK\r\n", "a: b\r\n" * 200, "\r\n"),
    "negative length": lambda peer: peer.write("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "echoes the request": lambda peer: peer.write(f"{TOKEN} {CODE} {NUMBER}\r\n\r\n"),
}


@pytest.mark.parametrize("act", MAYBE_SENT.values(), ids=MAYBE_SENT.keys())
def test_a_failure_after_the_first_byte_is_uncertain(act):
    with RawServer(with_request(act)) as server:
        error = find_failure(make_hasty_transport(), server.url)
    assert isinstance(error, GatewayUncertain)
    assert str(error).startswith("POST /send: no whole answer (")


@pytest.mark.parametrize(
    "act",
    [MAYBE_SENT["trickled headers"], MAYBE_SENT["trickled body"], MAYBE_SENT["half body"]],
    ids=["trickled headers", "trickled body", "half body"],
)
def test_the_same_holds_over_tls(act):
    def script(peer):
        peer.start_tls()
        peer.read()
        act(peer)

    with RawServer(script) as server:
        error = find_failure(make_hasty_transport(ca_bundle=CERTIFICATE), server.tls_url)
    assert isinstance(error, GatewayUncertain)


def test_a_connection_cut_before_the_request_is_read_is_a_gateway_error():
    with RawServer(lambda peer: peer.reset()) as server:
        error = find_failure(make_hasty_transport(), server.url)
    # Where the cut comes while it still connects, nothing was written.
    assert isinstance(error, GatewayUncertain | GatewayUnreachable)


def test_a_connection_is_not_used_again_after_a_failure():
    with RawServer(with_request(MAYBE_SENT["stalled body"]), answer()) as server:
        transport = make_hasty_transport()
        with pytest.raises(GatewayUncertain):
            post(transport, server.url)
        assert post(transport, server.url).data == {"ok": True}
        transport.close()
    assert server.connections == 2


# Answers


def test_an_answer_has_status_data_and_wait():
    script = answer('{"price": 0.10}', status="429 Slow down", headers="Retry-After: 7\r\n")
    with RawServer(script) as server:
        transport = Transport()
        found = post(transport, server.url)
        transport.close()
    assert (found.status, found.ok, found.retry_after_seconds) == (429, False, 7)
    assert str(found.fields["price"]) == "0.10"


def test_an_answer_over_tls_is_read():
    def script(peer):
        peer.start_tls()
        answer()(peer)

    with RawServer(script) as server:
        transport = Transport(ca_bundle=CERTIFICATE)
        assert [post(transport, server.tls_url).status for _ in range(3)] == [200] * 3
        transport.close()
    assert server.connections == 1


def test_an_answer_that_echoes_the_token_is_kept_without_it():
    with RawServer(answer(f'{{"message": "Bearer {TOKEN} for {NUMBER}"}}')) as server:
        transport = Transport()
        found = post(transport, server.url)
        transport.close()
    assert found.text == '{"message": "Bearer *** for +***"}'
    assert TOKEN not in repr(found)


def test_a_redirect_is_an_answer_and_is_not_followed():
    script = answer(status="302 Found", headers="Location: /elsewhere\r\n")
    with RawServer(script) as server:
        transport = Transport()
        assert post(transport, server.url).status == 302
        transport.close()
    assert server.connections == 1


def test_a_body_of_exactly_the_limit_is_taken():
    with RawServer(answer('"' + "x" * (MAX_BODY_BYTES - 2) + '"')) as server:
        transport = Transport()
        assert len(post(transport, server.url).data) == MAX_BODY_BYTES - 2
        transport.close()


def test_a_chunked_body_is_read():
    def script(peer):
        while peer.read():
            peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.write('2\r\n{"\r\n', '5\r\na":1}\r\n', "0\r\n\r\n")

    with RawServer(script) as server:
        transport = Transport()
        assert [post(transport, server.url).data for _ in range(2)] == [{"a": 1}] * 2
        transport.close()
    assert server.connections == 1


# What is sent


def read_requests(count: int, **headers: str):
    requests = []

    def script(peer):
        while request := peer.read():
            requests.append(request)
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", *headers.values(), "\r\n{}")

    return requests, script


def test_cookies_are_not_kept():
    requests, script = read_requests(2, cookie="Set-Cookie: a=b\r\n")
    with RawServer(script) as server:
        transport = Transport()
        post(transport, server.url)
        post(transport, server.url)
        transport.close()
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


def test_the_environment_changes_neither_token_nor_way(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    requests, script = read_requests(1)
    with RawServer(script) as server:
        transport = Transport()
        post(transport, server.url)
        transport.close()
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in requests[0]


def test_a_request_asks_for_plain_json():
    requests, script = read_requests(1)
    with RawServer(script) as server:
        transport = Transport()
        transport.post_form(f"{server.url}/f", {"a": "50% & +", "b": "õ"}, name="POST /f")
        transport.get(f"{server.url}/g", name="GET /g", bearer=Secret(TOKEN), query={"q": "a b"})
        transport.close()
    form, get = requests
    assert form.endswith(b"\r\n\r\na=50%25+%26+%2B&b=%C3%B5")
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in form
    assert b"Authorization" not in form
    assert get.startswith(b"GET /g?q=a+b HTTP/1.1\r\n")
    for request in requests:
        assert b"Accept: application/json\r\n" in request
        assert b"Accept-Encoding: identity\r\n" in request


# The pool


def test_a_connection_is_used_again():
    with RawServer(answer()) as server:
        transport = Transport()
        for _ in range(5):
            post(transport, server.url)
        transport.close()
    assert server.connections == 1


def test_a_connection_that_the_server_closed_is_noticed_before_it_is_used():
    closed = threading.Event()

    def answer_once_and_close(peer):
        answer(times=1)(peer)
        peer.sock.close()
        closed.set()

    with RawServer(answer_once_and_close, answer()) as server:
        transport = Transport()
        post(transport, server.url)
        assert closed.wait(2)
        assert post(transport, server.url).status == 200
        transport.close()
    assert server.connections == 2


def test_a_connection_idle_for_too_long_is_not_used_again(monkeypatch):
    with RawServer(answer()) as server:
        transport = Transport()
        post(transport, server.url)
        monkeypatch.setattr(http_module, "MAX_IDLE_SECONDS", -1)
        post(transport, server.url)
        transport.close()
    assert server.connections == 2


def test_a_closed_transport_can_be_used_again():
    with RawServer(answer()) as server:
        transport = Transport()
        post(transport, server.url)
        transport.close()
        post(transport, server.url)
        transport.close()
    assert server.connections == 2


def test_threads_share_a_transport():
    with RawServer(answer()) as server:
        transport = Transport(pool_size=8)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: post(transport, server.url).status, range(80)))
        transport.close()
    assert found == [200] * 80
    assert server.connections <= 8


def test_one_call_of_many_that_fails_does_not_touch_the_others():
    def answer_or_hang(peer):
        while request := peer.read():
            if b"/hang" in request:
                peer.hang()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def call(number: int) -> str:
        path = "/hang" if number % 4 == 0 else ""
        try:
            return str(post(transport, server.url + path).status)
        except GatewayUncertain:
            return "uncertain"

    with RawServer(answer_or_hang) as server:
        transport = Transport(read_timeout_seconds=0.3)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(call, range(16)))
        transport.close()
    assert found == ["uncertain", "200", "200", "200"] * 4


FORKS = """
import os, sys
from django_d7verify.clients.http import Transport
from django_d7verify.clients.options import Secret

transport = Transport()
get = lambda: transport.get(sys.argv[1], name="GET", bearer=Secret("t")).status
assert get() == 200
if os.fork() == 0:
    assert get() == 200
    os._exit(0)
_, status = os.wait()
assert status == 0 and get() == 200
"""


def test_a_forked_process_opens_connections_of_its_own():
    with RawServer(answer()) as server:
        root = Path(__file__).parents[2]
        subprocess.run([sys.executable, "-c", FORKS, server.url], check=True, cwd=root)
    assert server.connections == 2


# The proxy


def connect_to(port: int, *, seen: list[bytes]):
    """A proxy's script: a tunnel to *port* of this machine."""

    def pump(source, target):
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)

    def script(peer):
        seen.append(peer.read())
        with socket.create_connection(("127.0.0.1", port)) as target:
            peer.write("HTTP/1.1 200 Connection established\r\n\r\n")
            thread = threading.Thread(target=pump, args=(target, peer.sock), daemon=True)
            thread.start()
            pump(peer.sock, target)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    return script


def tls(script):
    def with_tls(peer):
        peer.start_tls()
        script(peer)

    return with_tls


def test_a_proxy_sees_neither_token_nor_body():
    seen: list[bytes] = []
    with RawServer(tls(answer())) as server, RawServer(connect_to(server.port, seen=seen)) as proxy:
        transport = Transport(
            proxy_url=f"http://me:pass@127.0.0.1:{proxy.port}",
            ca_bundle=CERTIFICATE,
        )
        assert [post(transport, server.tls_url).status for _ in range(2)] == [200, 200]
        transport.close()
    assert len(seen) == 1
    assert seen[0].startswith(b"CONNECT localhost:")
    assert b"Proxy-Authorization: Basic " in seen[0]
    assert TOKEN.encode() not in seen[0]


def test_an_idle_tunnel_is_made_anew(monkeypatch):
    seen: list[bytes] = []
    monkeypatch.setattr(http_module, "MAX_IDLE_SECONDS", -1)
    with RawServer(tls(answer())) as server, RawServer(connect_to(server.port, seen=seen)) as proxy:
        proxy_url = f"http://127.0.0.1:{proxy.port}"
        transport = Transport(proxy_url=proxy_url, ca_bundle=CERTIFICATE)
        assert [post(transport, server.tls_url).status for _ in range(2)] == [200, 200]
        transport.close()
    assert len(seen) == 2


def test_time_out_behind_a_proxy_is_uncertain():
    stalls = tls(with_request(lambda peer: peer.hang()))
    with RawServer(stalls) as server, RawServer(connect_to(server.port, seen=[])) as proxy:
        proxy_url = f"http://127.0.0.1:{proxy.port}"
        transport = make_hasty_transport(proxy_url=proxy_url, ca_bundle=CERTIFICATE)
        error = find_failure(transport, server.tls_url)
    assert isinstance(error, GatewayUncertain)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(
            lambda peer: peer.write("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), id="no"
        ),
        pytest.param(lambda peer: peer.hang(), id="never answers"),
        pytest.param(lambda peer: peer.trickle("H"), id="trickles"),
        pytest.param(lambda peer: peer.reset(), id="resets"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_is_not_sent(act):
    with RawServer(with_request(act)) as proxy:
        transport = make_hasty_transport(proxy_url=f"http://me:{CODE}@127.0.0.1:{proxy.port}")
        error = find_failure(transport, "https://api.example.com")
    assert isinstance(error, GatewayUnreachable)


def test_http_on_this_machine_does_not_go_by_the_proxy():
    with RawServer(answer()) as server:
        transport = Transport(proxy_url="http://127.0.0.1:1")
        assert post(transport, server.url).status == 200
        transport.close()


# Options


@pytest.mark.parametrize(
    "options",
    [
        {"connect_timeout_seconds": 0},
        {"read_timeout_seconds": -1},
        {"total_timeout_seconds": 0},
        {"pool_size": 0},
        {"ca_bundle": "/nowhere/ca.pem"},
        {"proxy_url": "socks5://127.0.0.1:1"},
        {"proxy_url": "127.0.0.1:3128"},
        {"proxy_url": "http://user:hunter2@"},
    ],
)
def test_options_that_make_no_sense_are_a_configuration_error(options):
    with pytest.raises(ConfigurationError) as caught:
        Transport(**options)
    assert "hunter2" not in str(caught.value)


def test_the_limits_are_three_five_and_ten_seconds():
    transport = Transport()
    assert transport.connect_timeout_seconds == 3
    assert transport.read_timeout_seconds == 5
    assert transport.total_timeout_seconds == 10
