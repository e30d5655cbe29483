"""Calls by HTTP, one or many at once, and what came of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter

#: More than the site can serve at once.
CLIENTS = 64
TIMEOUT_SECONDS = 60
NO_ANSWER = 0
#: Statuses that must say when to come again.
TOLD_TO_WAIT = {429, 503}
#: Of all answers, how many may be that the site is busy.
BUSY_SHARE = 0.01


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; status 0 where the connection was cut before there was one."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Id of the process that answered.
    worker: int = 0

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def __repr__(self) -> str:
        return f"<{self.status} {dict(self.body)}>"

    @property
    def outcome(self) -> str:
        """Status and the word of its body, as "400 session_closed"."""
        if self.status == NO_ANSWER:
            return "no answer"
        word = self.body.get("code") or self.body.get("status") or ""
        return f"{self.status} {word}".strip()


class _From(HTTPAdapter):
    """Calls from one of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


def call(method: str, url: str, *, peer: str = "127.0.0.1", **options: Any) -> Answer:
    """Make one call, on a connection of its own, from the address *peer*."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", _From(peer))
        try:
            response = session.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        except requests.ConnectionError:
            return Answer(NO_ANSWER)
    try:
        body = response.json()
    except ValueError:
        body = {"code": "not_json"}
    return Answer(
        response.status_code, body, response.headers, int(response.headers.get("X-Worker", 0))
    )


def call_at_once(number: int, make_call: Callable[[int], Answer]) -> list[Answer]:
    """Call *make_call* with 0 to *number* - 1 from threads that start together."""
    threads = min(number, CLIENTS)
    start = threading.Barrier(threads)
    indexes = iter(range(number))
    answers: list[Answer] = []
    lock = threading.Lock()

    def work() -> None:
        start.wait()
        while True:
            with lock:
                index = next(indexes, None)
            if index is None:
                return
            answer = make_call(index)
            with lock:
                answers.append(answer)

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work) for _ in range(threads)]:
            future.result()
    return answers


def count(answers: Sequence[Answer]) -> Counter[str]:
    """How often each outcome came."""
    return Counter(answer.outcome for answer in answers)


def find_words(answers: Sequence[Answer], outcome: str) -> list[Answer]:
    """Those of *answers* with that outcome."""
    return [answer for answer in answers if answer.outcome == outcome]


def assert_polite(answers: Sequence[Answer]) -> int:
    """
    Every call was answered, none by an error of ours; few by "busy", and these say till when.

    How many were busy.
    """
    counts = count(answers)
    busy = [answer for answer in answers if answer.status == 503]
    assert not [answer for answer in answers if answer.status in {NO_ANSWER, 500}], counts
    assert len(busy) <= BUSY_SHARE * len(answers), counts
    for answer in answers:
        waits = answer.status in TOLD_TO_WAIT
        assert ("Retry-After" in answer.headers) is waits or not waits, answer
        if waits:
            assert int(answer.headers["Retry-After"]) == answer["retry_after"] > 0, answer
    return len(busy)
