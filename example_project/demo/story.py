"""
The life of a code, played over HTTP as a browser and a phone would.

What is told of it holds no code and no full number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import requests

RECIPIENT = "+971501234567"
MASKED = "+9715*****67"
TIMEOUT_SECONDS = 15

Answer = requests.Response


class StoryError(Exception):
    """A step did not go as it should; the text names it, and what came instead."""


class Story:
    """One person with one number, before the site at *site_url* and the emulator's inbox."""

    def __init__(self, site_url: str, emulator_url: str) -> None:
        self._site_url = site_url
        self._emulator_url = emulator_url
        self._browser = requests.Session()
        # A proxy of the environment has no way to this machine's own loopback.
        self._browser.trust_env = False
        self._otp_id = ""
        self._code = ""

    def play(self) -> Iterator[str]:
        """A line for each step that went well. Raises ``StoryError`` at the first that did not."""
        steps = {
            "page": self._open_page,
            "send": self._send,
            "resend at once": self._resend_at_once,
            "inbox": self._read_inbox,
            "wrong code": self._try_wrong_code,
            "right code": self._try_right_code,
            "same code again": self._try_right_code_again,
        }
        with self._browser:
            for name, step in steps.items():
                try:
                    yield f"ok  {name}: {step()}"
                except (StoryError, requests.RequestException, LookupError, ValueError) as error:
                    raise StoryError(f"{name}: {describe(error)}") from None

    def _open_page(self) -> str:
        page = self._browser.get(f"{self._site_url}/", timeout=TIMEOUT_SECONDS)
        expect(page, 200)
        policy = page.headers.get("Content-Security-Policy", "")
        check("default-src 'none'" in policy and "unsafe" not in policy, "no strict policy")
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        check(len(files) > 1, "the page has no script and style of its own")
        for file in files:
            expect(self._browser.get(self._site_url + file, timeout=TIMEOUT_SECONDS), 200)
        return f"200, strict Content-Security-Policy, {len(files)} static files"

    def _send(self) -> str:
        answer = self._post("send", recipient=RECIPIENT)
        body = expect(answer, 201)
        check(body["recipient"] == MASKED, "the number is not masked")
        check(body["status"] == "OPEN", "the session is not open")
        self._otp_id = body["otp_id"]
        return f"201, {MASKED}, expires in {body['expiry']} s"

    def _resend_at_once(self) -> str:
        answer = self._post("resend", otp_id=self._otp_id)
        body = expect(answer, 429, "throttled")
        wait = body["retry_after"]
        check(0 < wait <= 60, f"a wait of {wait} s")  # noqa: PLR2004 - the promise
        check(answer.headers["Retry-After"] == str(wait), "Retry-After says something else")
        return f"429, throttled, wait {wait} s"

    def _read_inbox(self) -> str:
        url = f"{self._emulator_url}/_emulator/messages"
        inbox = self._browser.get(url, params={"recipient": RECIPIENT}, timeout=TIMEOUT_SECONDS)
        expect(inbox, 200)
        messages = inbox.json()
        check(len(messages) == 1, f"{len(messages)} messages")
        self._code = str(messages[0]["code"])
        check(self._code.isdecimal(), "no code of digits")
        check(self._code in messages[0]["text"], "the text does not hold the code")
        return f"one message from {messages[0]['originator']}, a code of {len(self._code)} digits"

    def _try_wrong_code(self) -> str:
        last = (int(self._code[-1]) + 1) % 10
        body = expect(self._verify(f"{self._code[:-1]}{last}"), 400, "invalid_code")
        return f"400, invalid_code, {body['attempts_left']} attempts left"

    def _try_right_code(self) -> str:
        body = expect(self._verify(self._code), 200)
        check(body["status"] == "APPROVED", "the session is not approved")
        check(bool(body["verification_token"]), "no verification token")
        return f"200, {body['status']}, with a verification token"

    def _try_right_code_again(self) -> str:
        expect(self._verify(self._code), 400, "session_closed")
        return "400, session_closed"

    def _verify(self, code: str) -> Answer:
        return self._post("verify", otp_id=self._otp_id, otp_code=code)

    def _post(self, call: str, **body: str) -> Answer:
        url = f"{self._site_url}/api/otp/{call}/"
        return self._browser.post(url, json=body, timeout=TIMEOUT_SECONDS)


def expect(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The body of *answer*, {} where it is no JSON object. Raises ``StoryError``."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    if answer.status_code != status or (code and body.get("code") != code):
        wanted = f"{status} {code or ''}".strip()
        got = f"{answer.status_code} {body.get('code', '')}".strip()
        raise StoryError(f"expected {wanted}, got {got}")
    return body


def check(holds: bool, problem: str) -> None:
    """Raise ``StoryError`` where something does not hold."""
    if not holds:
        raise StoryError(problem)


def describe(error: Exception) -> str:
    """*error* in words that hold nothing of a request or an answer."""
    if isinstance(error, StoryError):
        return str(error)
    if isinstance(error, KeyError):
        return f"the answer has no {error.args[0]!r}"
    return f"no usable answer ({type(error).__name__})"
