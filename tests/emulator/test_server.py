"""The socket side: keep-alive, many at once, limits, and an end that comes soon."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from django_d7verify.emulator import Emulator

from .conftest import PHONE

ROOT = Path(__file__).resolve().parents[2]
SEND = "/verify/v1/otp/send-otp"
BALANCE = "/messages/v1/balance"
TOKEN = {"Authorization": "Bearer good-token"}


def connect(emulator):
    parts = urlsplit(emulator.url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)


def talk(emulator, request):
    """What comes back for raw bytes, until the server closes."""
    parts = urlsplit(emulator.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_connection_serves_many_requests(emulator):
    connection = connect(emulator)
    connection.connect()
    own = connection.sock.getsockname()
    for _ in range(20):
        connection.request("GET", BALANCE, headers=TOKEN)
        assert connection.getresponse().read() == b'{"balance": 99.9999999}'
        assert connection.sock.getsockname() == own
    connection.close()


def test_a_get_with_a_json_content_type_and_no_body_is_fine(d7):
    headers = {"Content-Type": "application/json"}
    assert d7.get(BALANCE, headers=headers).status_code == 200


def test_two_hundred_clients_at_once_each_get_their_own_code(emulator):
    barrier = threading.Barrier(200)

    def prove(number):
        recipient = f"+97150{number:07d}"
        with requests.Session() as session:
            session.headers.update(TOKEN)
            barrier.wait()
            sent = session.post(
                emulator.url + SEND, json={"recipient": recipient, "content": "{}"}, timeout=20
            ).json()
            [message] = emulator.messages(recipient)
            body = {"otp_id": sent["otp_id"], "otp_code": message["code"]}
            path = "/verify/v1/otp/verify-otp"
            return session.post(emulator.url + path, json=body, timeout=20).json()

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(prove, range(200)))
    assert answers == [{"status": "APPROVED"}] * 200
    assert len(emulator.calls(SEND)) == 200


def test_a_code_is_approved_once_however_many_try_it_at_once(emulator):
    body = {"recipient": PHONE, "content": "{}"}
    sent = requests.post(emulator.url + SEND, json=body, headers=TOKEN, timeout=5).json()
    guess = {"otp_id": sent["otp_id"], "otp_code": emulator.messages(PHONE)[-1]["code"]}

    def verify(_number):
        path = emulator.url + "/verify/v1/otp/verify-otp"
        return requests.post(path, json=guess, headers=TOKEN, timeout=10).json()["status"]

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(verify, range(40)))
    assert statuses.count("APPROVED") == 1
    assert statuses.count("ALREADY_VERIFIED") == 39


def test_a_body_over_one_mebibyte_is_413(d7, emulator):
    answer = d7.post(SEND, data=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert emulator.calls() == []
    answer = d7.post(SEND, data=b"x" * (1024 * 1024))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: x", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: " + b"9" * 5000, 413),
        (b"Content-Length: 5", 400),
        (b"Transfer-Encoding: chunked", 411),
    ],
)
def test_a_body_that_cannot_be_measured_is_refused_in_json(emulator, headers, status):
    request = b"POST /x HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n"
    answer = talk(emulator, request)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b'\r\n\r\n{"detail": ' in answer


@pytest.mark.parametrize(
    "target", ["//x", "/%ff%00", "http://[/", "*", "/a?" + "&" * 5000, "/_emulator/%0d%0aX"]
)
def test_strange_targets_are_answered(emulator, target):
    answer = talk(emulator, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")


def test_nothing_is_written_to_stderr(emulator, capfd):
    requests.get(emulator.url + "/x?otp_code=123456", timeout=5)
    talk(emulator, b"nonsense\r\n\r\n")
    assert capfd.readouterr() == ("", "")


def test_stop_is_quick_whatever_is_held_and_leaves_no_thread():
    before = set(threading.enumerate())
    emulator = Emulator().start()
    faults = ["stall", "trickled_headers", "slow"]
    for name in faults:
        emulator.add_fault(name, times=10, seconds=60)

    def call(_number):
        with pytest.raises(requests.RequestException):
            requests.get(emulator.url + BALANCE, headers=TOKEN, timeout=20)

    with ThreadPoolExecutor(30) as pool:
        calls = [pool.submit(call, number) for number in range(30)]
        give_up_at = time.monotonic() + 5
        while len(emulator.calls()) < 30 and time.monotonic() < give_up_at:
            time.sleep(0.01)
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 1
        for call in calls:
            call.result()
    assert set(threading.enumerate()) <= before
    emulator.stop()


def test_stop_is_quick_while_a_report_waits_for_its_answer():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        emulator = Emulator().start()
        emulator.set_switches(report_delay_seconds=0)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        message = {"recipients": [PHONE], "content": "x", "originator": "S", "report_url": url}
        body = {"messages": [message]}
        requests.post(emulator.url + "/messages/v1/send", json=body, headers=TOKEN, timeout=5)
        deaf.accept()[0].close()
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 1


def test_an_emulator_can_be_started_again_and_keeps_its_state():
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    with emulator:
        assert emulator.start() is emulator
        emulator.advance_clock(5)
    with emulator:
        clock = requests.get(emulator.url + "/_emulator/clock", timeout=5).json()
    assert clock["advanced_seconds"] == 5


def test_two_emulators_know_nothing_of_each_other(emulator):
    with Emulator() as other:
        other.add_fault("forbidden")
        answers = [requests.get(e.url + "/x", timeout=5) for e in (emulator, other)]
    assert [answer.status_code for answer in answers] == [404, 403]


def test_a_port_that_is_taken_is_an_error(emulator):
    with pytest.raises(OSError, match="in use"):
        Emulator(port=urlsplit(emulator.url).port).start()


def test_memory_is_bounded(emulator):
    recipients = [f"+97150{number:07d}" for number in range(6000)]
    body = {"messages": [{"recipients": recipients, "content": "x", "originator": "S"}]}
    for _ in range(2):
        requests.post(emulator.url + "/messages/v1/send", json=body, headers=TOKEN, timeout=20)
    assert len(emulator.messages()) == 10_000


def run(*command):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "", "PYTHONPATH": str(ROOT)},
    )


COMMAND = """
import sys
from django.conf import settings
settings.configure()
from django_d7verify.management.commands.d7verify_emulator import Command
Command().run_from_argv(["manage.py", "d7verify_emulator", *sys.argv[1:]])
"""
WAYS = {"module": ["-m", "django_d7verify.emulator"], "command": ["-c", COMMAND]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_alone_until_a_signal_and_prints_its_address_first(way, number):
    process = run(*WAYS[way], "--host", "127.0.0.1", "--port", "0")
    with process:
        url = process.stdout.readline().strip()
        assert requests.get(url + "/_emulator/messages", timeout=5).json() == []
        process.send_signal(number)
        _out, err = process.communicate(timeout=5)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("way", WAYS)
def test_a_port_that_is_taken_is_said_in_a_sentence(emulator, way):
    port = str(urlsplit(emulator.url).port)
    with run(*WAYS[way], "--port", port) as process:
        _out, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in err
    assert "Traceback" not in err


def test_the_module_imports_neither_django_nor_the_app():
    code = (
        "import sys, django_d7verify.emulator.__main__\n"
        "bad = [name for name in sys.modules if name.split('.')[0] in ('django', 'requests')\n"
        " or name.startswith('django_d7verify.') and 'emulator' not in name]\n"
        "print(bad, 'random' in vars(sys.modules['django_d7verify.emulator.tokens']))"
    )
    with run("-c", code) as process:
        out, _err = process.communicate(timeout=10)
    assert out.strip() == "[] False"
