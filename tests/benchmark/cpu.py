"""Processor time per operation, in this process, beside the floors in turn."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

from django.db import connection

from . import floors
from .calls import Site, make_environ
from .databases import make_database
from .operations import (
    OPERATIONS,
    VARIANTS,
    Call,
    learn_codes,
    make_call,
    make_floors,
    make_known_people,
)

_CALLS = 25


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """A row for each operation."""
    with make_database():
        site = Site()
        with make_floors(site) as statements:
            rounds = [_run_round(site, number) for number in range(8 if quick else 40)][2:]
    return [_make_row(operation, rounds, statements[operation]) for operation in OPERATIONS]


def _run_round(site: Site, number: int) -> dict[tuple[str, str], float]:
    """Seconds of processor time per call, by operation and variant."""
    people = {variant: make_known_people(_CALLS) for variant in VARIANTS}
    seconds = {}
    for operation in OPERATIONS:
        # Each begins in its turn: what is first pays for what the others left behind.
        order = VARIANTS[number % 3 :] + VARIANTS[: number % 3]
        for variant in order:
            calls = [make_call(variant, operation, person) for person in people[variant]]
            seconds[operation, variant], answers = _time_calls(site, calls)
            if operation == "send":
                learn_codes(people[variant], answers, floors.codes)
    return seconds


def _time_calls(site: Site, calls: Sequence[Call]) -> tuple[float, list[dict[str, Any]]]:
    environs = [make_environ(call.path, call.body, call.person) for call in calls]
    gc.collect()
    begin = time.process_time()
    answers = [site.call(environ) for environ in environs]
    seconds = (time.process_time() - begin) / len(calls)
    for call, (status, body) in zip(calls, answers, strict=True):
        assert status == call.expected, (call.path, status, body)
    return seconds, [json.loads(body) for _, body in answers]


def _make_row(
    operation: str, rounds: Sequence[dict[tuple[str, str], float]], statements: int
) -> dict[str, Any]:
    def ratio(floor: str) -> float:
        return statistics.median(
            seconds[operation, "ours"] / seconds[operation, floor] for seconds in rounds
        )

    def milliseconds(variant: str) -> float:
        return 1000 * statistics.median(seconds[operation, variant] for seconds in rounds)

    return {
        "operation": operation,
        "database": connection.vendor,
        "statements": statements,
        "cpu_ms": milliseconds("ours"),
        "one_statement_ms": milliseconds("one"),
        "our_statements_ms": milliseconds("statements"),
        "ratio_to_one_statement": ratio("one"),
        "ratio_to_our_statements": ratio("statements"),
    }
