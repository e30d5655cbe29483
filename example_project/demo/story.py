"""
The life of a code, played over HTTP as a browser and a phone would.

What is told of it holds no code and no full number.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import requests

RECIPIENT = "+971501234567"
MASKED = "+9715*****67"
OTHER_RECIPIENT = "+971507654321"
OTHER_MASKED = "+9715*****21"
#: As the settings have it.
TEST_NUMBER, TEST_CODE = "+12025550123", "314159"
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
            "log in by page": self._log_in_by_page,
            "second factor": self._give_second_factor,
            "log in by API": self._log_in_by_api,
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

    def _log_in_by_page(self) -> str:
        page = self._submit(self._open("/login/"), recipient=OTHER_RECIPIENT)
        check(page.url.endswith("/login/code/"), "no page for the code")
        check(OTHER_RECIPIENT not in page.text, "the number is not masked")
        account = self._submit(page, otp_code=self._wait_for_code(OTHER_RECIPIENT, 1))
        check(account.url.endswith("/account/"), "not led to the account")
        return f"signed up as {OTHER_MASKED}, with no script"

    def _give_second_factor(self) -> str:
        page = self._open("/payout/")
        check("/second-factor/" in page.url, "not led to the second factor")
        # The login's code was just sent: the next one has to wait as any other.
        again = self._submit(page, expected=429)
        check("Retry-After" in again.headers, "no wait is told")
        return "asked for before a payout, and refused within the 60 seconds"

    def _log_in_by_api(self) -> str:
        sent = self._post("login/send", recipient=TEST_NUMBER)
        body = expect(sent, 202)
        token = self._browser.cookies.get("csrftoken") or ""
        answer = self._browser.post(
            f"{self._site_url}/api/otp/login/verify/",
            json={"otp_id": body["otp_id"], "otp_code": TEST_CODE},
            headers={"X-CSRFToken": token},
            timeout=TIMEOUT_SECONDS,
        )
        check(expect(answer, 200)["status"] == "APPROVED", "not logged in")
        return "202, then 200 with a fixed code and no message, as for reviewers"

    def _open(self, path: str) -> Answer:
        page = self._browser.get(f"{self._site_url}{path}", timeout=TIMEOUT_SECONDS)
        expect(page, 200)
        return page

    def _submit(self, page: Answer, *, expected: int = 200, **fields: str) -> Answer:
        """Send the first form of *page*, as a browser without scripts would."""
        form = page.text[page.text.index('method="post"') :].partition("</form>")[0]
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        action = re.search(r'action="([^"]*)"', form.partition(">")[0])
        url = urljoin(page.url, html.unescape(action[1])) if action else page.url
        answer = self._browser.post(
            url, data={**hidden, **fields}, headers={"Referer": page.url}, timeout=TIMEOUT_SECONDS
        )
        expect(answer, expected)
        return answer

    def _wait_for_code(self, number: str, count: int) -> str:
        """A login's message leaves after the answer."""
        url = f"{self._emulator_url}/_emulator/messages"
        give_up_at = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < give_up_at:
            inbox = self._browser.get(url, params={"recipient": number}, timeout=TIMEOUT_SECONDS)
            if len(inbox.json()) >= count:
                return str(inbox.json()[-1]["code"])
            time.sleep(0.05)
        raise StoryError("no message came")

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
