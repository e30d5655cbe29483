"""The same under gunicorn: one worker of 8 threads, called over HTTP; its own processor time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import requests
from django.db import connection

from .calls import Person, Site
from .databases import make_database
from .gateways import GATEWAY_SECONDS
from .operations import (
    OPERATIONS,
    VARIANTS,
    Call,
    learn_codes,
    make_call,
    make_floors,
    make_known_people,
)

ROOT = Path(__file__).resolve().parent.parent.parent
THREADS = 8
_CALLS = 40
_local = threading.local()


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """A row for each operation, and one for sends while the gateway takes its time."""
    with make_database() as name, make_floors(Site()), _serve(name) as url:
        rounds = [_run_round(url, number) for number in range(4 if quick else 12)][1:]
        rows = [_make_row(operation, rounds) for operation in OPERATIONS]
        return [*rows, _send_slowly(url, 48 if quick else 160)]


@contextmanager
def _serve(name: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [
            *(sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", str(THREADS)),
            *("--worker-class", "gthread", "--keep-alive", "30", "--no-control-socket"),
            *("--bind", f"fd://{listener.fileno()}", "django.core.wsgi:get_wsgi_application()"),
        ]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "D7VERIFY_BENCH_NAME": name},
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
            )
            try:
                yield url
            finally:
                process.terminate()
                process.wait(30)


def _post(url: str, call: Call) -> dict[str, Any]:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    headers = {"X-Forwarded-For": call.person.address}
    answer = _local.session.post(url + call.path, json=call.body, headers=headers, timeout=60)
    assert answer.status_code == call.expected, (call.path, answer.status_code, answer.text)
    body: dict[str, Any] = answer.json()
    return body


def _tell(url: str, people: Sequence[Person] = ()) -> dict[str, Any]:
    numbers = [person.number for person in people]
    answer = requests.post(f"{url}/floor/tell/", data=json.dumps(numbers), timeout=60)
    told: dict[str, Any] = answer.json()
    return told


def _run_round(url: str, number: int) -> dict[tuple[str, str], float]:
    people = {variant: make_known_people(_CALLS) for variant in VARIANTS}
    seconds = {}
    for operation in OPERATIONS:
        for variant in VARIANTS[number % 3 :] + VARIANTS[: number % 3]:
            calls = [make_call(variant, operation, person) for person in people[variant]]
            before = _tell(url)["cpu_seconds"]
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda call: _post(url, call), calls))
            seconds[operation, variant] = (_tell(url)["cpu_seconds"] - before) / len(calls)
            if operation == "send":
                codes = dict(
                    zip(
                        [person.number for person in people[variant]],
                        _tell(url, people[variant])["codes"],
                        strict=True,
                    )
                )
                learn_codes(people[variant], answers, codes)
    return seconds


def _make_row(operation: str, rounds: Sequence[dict[tuple[str, str], float]]) -> dict[str, Any]:
    def ratio(floor: str) -> float:
        return median(one[operation, "ours"] / one[operation, floor] for one in rounds)

    return {
        "operation": f"{operation}, under gunicorn",
        "database": connection.vendor,
        "cpu_ms": 1000 * median(one[operation, "ours"] for one in rounds),
        "ratio_to_one_statement": ratio("one"),
        "ratio_to_our_statements": ratio("statements"),
    }


def _send_slowly(url: str, count: int) -> dict[str, Any]:
    """Sends per second of one worker while the gateway takes 300 ms."""
    people = make_known_people(count)
    calls = [make_call("ours", "send", person, purpose="slow") for person in people]
    with ThreadPoolExecutor(2 * THREADS) as pool:
        begin = time.monotonic()
        list(pool.map(lambda call: _post(url, call), calls))
        seconds = time.monotonic() - begin
    return {
        "operation": f"sends per second, gateway takes {GATEWAY_SECONDS * 1000:.0f} ms",
        "database": connection.vendor,
        "per_second": count / seconds,
        "at_most": THREADS / GATEWAY_SECONDS,
    }
