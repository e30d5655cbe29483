"""
What no schema can say: numbers that can be sent to, sessions that are open, the right code.

What happens is a line each of the file ``D7VERIFY_BRIDGES_OUTCOMES``: "link POST /api/otp/verify/",
then "POST /api/otp/verify/ 200".
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

import schemathesis

from .fuzzed import CODE, NUMBERS, RESEND_WAIT_SECONDS

WAIT_SECONDS = RESEND_WAIT_SECONDS + 0.05
#: Against forgery, as a browser sends it to ``login/verify/``: in a cookie and in a header.
TOKEN = "a" * 32
FROM_HERE = {"X-CSRFToken": TOKEN, "Cookie": f"csrftoken={TOKEN}"}

_numbers = itertools.cycle(NUMBERS)
_turns = itertools.cycle([False, True])
#: Sessions that were begun, and when the newest code of each was asked for; and those still open.
_asked_at: dict[str, float] = {}
_open: list[str] = []


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Every second body that has the right shape gets what can succeed."""
    given = find_otp_id(case)
    # No id that is made up is one of ours.
    is_linked = given in _asked_at
    if is_linked:
        note(f"link {case.method} {case.path}")
        wait_for_resend(case.path, given)
    if not isinstance(case.body, dict) or next(_turns):
        return
    body = case.body = dict(case.body)  # It may be used again.
    if "recipient" in body:
        body["recipient"] = next(_numbers)
        body.pop("purpose", None)
    if "otp_id" in body and not is_linked and _open:
        body["otp_id"] = _open[0]
        wait_for_resend(case.path, _open[0])
    if "otp_code" in body:
        body["otp_code"] = CODE
        case.headers = {**(case.headers or {}), **FROM_HERE}


def find_otp_id(case: Any) -> str:
    fields = case.body if isinstance(case.body, dict) else case.path_parameters or {}
    return str(fields.get("otp_id"))


def wait_for_resend(path: str, otp_id: str) -> None:
    if not path.endswith("/resend/"):
        return
    time.sleep(max(0.0, _asked_at[otp_id] + WAIT_SECONDS - time.monotonic()))
    _asked_at[otp_id] = time.monotonic()


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what is open."""
    note(f"{case.method} {case.path} {response.status_code}")
    if response.status_code in {201, 202}:
        otp_id = response.json()["otp_id"]
        _asked_at[otp_id] = time.monotonic()
        _open.append(otp_id)
    elif find_otp_id(case) in _open and is_over(response):
        _open.remove(find_otp_id(case))


def is_over(response: Any) -> bool:
    body: dict[str, str] = response.json()
    return "session_closed" in body.get("code", "") or body.get("status") not in {None, "OPEN"}


def note(line: str) -> None:
    with Path(os.environ["D7VERIFY_BRIDGES_OUTCOMES"]).open("a") as file:
        file.write(f"{line}\n")
