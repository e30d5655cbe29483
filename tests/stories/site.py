"""A person at the site: what they send and see by HTTP, the phone in their hand, and two clocks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.test import Client
from time_machine import Traveller

from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from tests.conftest import NUMBER

STARTED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OTHER_NUMBER = "+971507654321"

SEND_PATH = "/verify/v1/otp/send-otp"
RESEND_PATH = "/verify/v1/otp/resend-otp"
VERIFY_PATH = "/verify/v1/otp/verify-otp"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, its body read as JSON."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body}>"


class Api:
    """The JSON API, as a browser calls it."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        #: Every answer so far.
        self.answers: list[Answer] = []

    def send(self, recipient: str = NUMBER, **more: Any) -> Answer:
        return self.post("send/", recipient=recipient, **more)

    def resend(self, otp_id: str) -> Answer:
        return self.post("resend/", otp_id=otp_id)

    def verify(self, otp_id: str, code: str) -> Answer:
        return self.post("verify/", otp_id=otp_id, otp_code=code)

    def cancel(self, otp_id: str) -> Answer:
        return self.post("cancel/", otp_id=otp_id)

    def state(self, otp_id: str) -> Answer:
        return self._read(self.client.get(f"/api/otp/{otp_id}/"))

    def post(self, path: str, **body: Any) -> Answer:
        return self._read(
            self.client.post(f"/api/otp/{path}", body, content_type="application/json")
        )

    def _read(self, response: Any) -> Answer:
        answer = Answer(response.status_code, response.json(), response.headers)
        self.answers.append(answer)
        return answer


class Clocks:
    """Ours, which stands still unless it is moved, and D7's, which is another machine's."""

    def __init__(self, ours: Traveller, emulator: Emulator) -> None:
        self._ours = ours
        self._emulator = emulator

    def advance(self, seconds: float, *, provider_seconds: float | None = None) -> None:
        """Move both, or D7's by less or more than ours."""
        self._ours.shift(seconds)
        self._emulator.advance_clock(seconds if provider_seconds is None else provider_seconds)

    def now(self) -> datetime:
        return datetime.now(UTC)


class Phones:
    """The phones that codes arrive on, whoever made the codes."""

    def __init__(self, emulator: Emulator, *, makes_codes: bool) -> None:
        self._emulator = emulator
        #: The provider makes and checks the codes.
        self.makes_codes = makes_codes

    def codes(self, number: str = NUMBER) -> list[str]:
        """Every code that came to *number*, the newest last."""
        if self.makes_codes:
            return [str(message["code"]) for message in self._emulator.messages(number)]
        return [str(message.code) for message in locmem.outbox if message.recipient == number]

    def newest_code(self, number: str = NUMBER) -> str:
        return self.codes(number)[-1]

    def all_codes(self) -> list[str]:
        """Every code that came to any phone."""
        ours = [str(message.code) for message in locmem.outbox]
        return ours + [str(message["code"]) for message in self._emulator.messages()]


def wait_for_call(emulator: Emulator, path: str, count: int) -> None:
    """Until D7 has had *count* calls of *path*: one that we gave up may still be on its way."""
    give_up_at = time.monotonic() + 10
    while len(emulator.calls(path)) < count:
        assert time.monotonic() < give_up_at, f"D7 had no call of {path}."


def make_wrong(code: str, variant: int = 1) -> str:
    """A code that differs from *code* in every digit; nine variants, from 1."""
    return "".join(str((int(digit) + variant) % 10) for digit in code)


def assert_refused(answer: Answer, status: int, code: str, **more: Any) -> None:
    """*answer* is this refusal, with exactly these fields beside its words."""
    fields = {name: value for name, value in answer.body.items() if name != "detail"}
    assert (answer.status, fields) == (status, {"code": code, **more})
    assert answer["detail"]
    if "retry_after" in more:
        assert answer.headers["Retry-After"] == str(more["retry_after"])
    assert ("Retry-After" in answer.headers) is ("retry_after" in more)


def assert_throttled(answer: Answer, retry_after: int) -> None:
    assert_refused(answer, 429, "throttled", retry_after=retry_after)


def assert_wrong(answer: Answer, attempts_left: int) -> None:
    assert_refused(answer, 400, "invalid_code", attempts_left=attempts_left)


def assert_closed(answer: Answer) -> None:
    assert_refused(answer, 400, "session_closed")


def assert_approved(answer: Answer) -> None:
    assert (answer.status, answer.body.get("status")) == (200, "APPROVED"), answer
