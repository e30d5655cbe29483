"""What no schema can say: numbers that can be sent to, sessions that are open, the right code."""

from __future__ import annotations

import itertools
from typing import Any

import schemathesis

CODE = "314159"
NUMBERS = [f"+97150{number}" for number in range(1_000_000, 1_002_000)]

_numbers = itertools.cycle(NUMBERS)
_turns = itertools.cycle([False, True])
_sessions: list[str] = []


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Every second body that has the right shape gets what can succeed."""
    body = case.body
    if not isinstance(body, dict) or next(_turns):
        return
    if "recipient" in body:
        body["recipient"] = next(_numbers)
        body.pop("purpose", None)
    if "otp_id" in body and _sessions:
        body["otp_id"] = _sessions.pop()
    if "otp_code" in body:
        body["otp_code"] = CODE


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what was opened."""
    if response.status_code in {201, 202}:
        _sessions.append(response.json()["otp_id"])
