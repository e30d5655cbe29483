"""What growth costs: the same calls on nearly empty tables and on a million sessions, in turn."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from django.db import connection

from .calls import Person, Site, make_environ
from .databases import make_database, use
from .fill import fill
from .gateways import codes
from .operations import OPERATIONS, learn_codes, make_call, make_known_people

SMALL = 1_000
_CALLS = 15
_ALIASES = ("default", "small")


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """A row for each operation: seconds by the clock, so that the database's own are in them."""
    sessions = 100_000 if quick else 1_000_000
    with make_database("default"), make_database("small"):
        fill(sessions)
        # What was set for filling ends with the connection.
        connection.close()
        site = Site()
        with use("small"):
            make_known_people(SMALL)
        rounds = [_run_round(site, number) for number in range(6 if quick else 30)][2:]
    return [_make_row(operation, rounds, sessions) for operation in OPERATIONS]


def _run_round(site: Site, number: int) -> dict[tuple[str, str], float]:
    people: dict[str, list[Person]] = {}
    for alias in _ALIASES:
        with use(alias):
            people[alias] = make_known_people(_CALLS)
    seconds = {}
    for operation in OPERATIONS:
        for alias in _ALIASES if number % 2 else reversed(_ALIASES):
            with use(alias):
                seconds[operation, alias] = _time_calls(site, operation, people[alias])
    return seconds


def _time_calls(site: Site, operation: str, people: Sequence[Person]) -> float:
    calls = [make_call("ours", operation, person) for person in people]
    environs = [make_environ(call.path, call.body, call.person) for call in calls]
    seconds, answers = [], []
    for environ in environs:
        begin = time.perf_counter()
        answers.append(site.call(environ))
        seconds.append(time.perf_counter() - begin)
    assert {status for status, _ in answers} == {calls[0].expected}, answers
    if operation == "send":
        learn_codes(people, [json.loads(body) for _, body in answers], codes)
    return median(seconds)


def _make_row(
    operation: str, rounds: Sequence[dict[tuple[str, str], float]], sessions: int
) -> dict[str, Any]:
    ratios = [one[operation, "default"] / one[operation, "small"] for one in rounds]
    low, middle, high = quantiles(ratios, n=4)
    return {
        "operation": f"{operation}, {sessions:,} sessions for none",
        "database": connection.vendor,
        "milliseconds": 1000 * median(one[operation, "default"] for one in rounds),
        "ratio": middle,
        "quartiles": [low, high],
    }
