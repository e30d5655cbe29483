"""
The inbox as a page: phones on one side, the messages of one phone on the other.

It works without script; with it, the page asks for itself once a second and exchanges what
changed. So there is one place that escapes, and it is here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from .clock import make_timestamp
from .records import Message
from .wire import Request, Response, make_html

#: More would only make the page slow; JSON has all.
SHOWN_PHONES = 100
SHOWN_MESSAGES = 100

_STATIC = Path(__file__).parent / "static"
_FILES = {
    "/_emulator/inbox.css": ("inbox.css", "text/css; charset=utf-8"),
    "/_emulator/inbox.js": ("inbox.js", "text/javascript; charset=utf-8"),
    "/_emulator/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = (
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
)

_PROVIDERS = {"d7": "D7", "messenger": "Messenger"}
_WORDS = {
    "sent": "sent ✓",
    "delivered": "delivered ✓✓",
    "un_delivered": "not delivered",
    "undelivered": "not delivered",
}
_WAITING = frozenset({"processed", "queued", "scheduled", "accepted", "sent", "delivered"})

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Inbox</title>
<link rel="icon" href="/_emulator/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/_emulator/inbox.css">
<script src="/_emulator/inbox.js" defer></script>
<noscript><meta http-equiv="refresh" content="3"></noscript>
</head>
<body class="{state}">
<header class="bar">
<h1>Inbox</h1>
{clock}
<form method="post" action="/_emulator/clock">
<input type="hidden" name="advance_seconds" value="60">
<button title="Move the emulator's clock forward by 60 seconds">+60 s</button>
</form>
<form method="post" action="/_emulator/clear">
<button title="Remove all messages">Clear</button>
</form>
</header>
<main>
{main}
</main>
</body>
</html>
"""

_EMPTY = """<section class="empty">
<h2>No messages yet</h2>
<p>Send a code to any number, and it appears here.</p>
<dl><dt>D7 Networks</dt><dd>http://{host}</dd>
<dt>Direct Messenger</dt><dd>http://{host}/messenger/</dd></dl>
</section>"""


def make_page(
    request: Request, messages: list[Message], recipient: str, advanced_seconds: float
) -> Response:
    """The page with the phone of *recipient* open, or with the one of the newest message."""
    newest = _newest_by_phone(messages)
    state = "picked" if recipient else "listed"
    opened = recipient or next(iter(newest), None)
    if opened is None:
        main = _EMPTY.format(host=escape(request.headers.get("host", "")))
    else:
        thread = [message for message in messages if message.recipient == opened]
        main = _make_phones(newest.values(), opened) + _make_thread(opened, thread)
    page = _PAGE.format(state=state, clock=_make_clock(advanced_seconds), main=main)
    return _make_answer(request, page)


def find_static(path: str) -> Response | None:
    """A file of the page, or None."""
    if path not in _FILES:
        return None
    name, content_type = _FILES[path]
    return Response(200, (_STATIC / name).read_bytes(), content_type, _HEADERS)


def _make_answer(request: Request, page: str) -> Response:
    """304 where the browser has this very page, so that asking each second costs little."""
    tag = f'"{hashlib.sha256(page.encode("utf-8", "replace")).hexdigest()[:32]}"'
    headers = (*_HEADERS, ("ETag", tag))
    if request.headers.get("if-none-match") == tag:
        return Response(304, headers=headers)
    return replace(make_html(page), headers=headers)


def _newest_by_phone(messages: list[Message]) -> dict[str, Message]:
    """The newest message of each phone, the newest phone first."""
    newest: dict[str, Message] = {}
    for message in reversed(messages):
        newest.setdefault(message.recipient, message)
    return newest


def _make_clock(advanced_seconds: float) -> str:
    if not advanced_seconds:
        return ""
    return f'<p class="clock">Clock {_make_duration(advanced_seconds)} ahead</p>'


def _make_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def _make_phones(newest: Iterable[Message], opened: str) -> str:
    rows = [_make_phone(message, opened) for message in list(newest)[:SHOWN_PHONES]]
    return f'<nav aria-label="Phones">{"".join(rows)}</nav>'


def _make_phone(message: Message, opened: str) -> str:
    current = ' aria-current="page"' if message.recipient == opened else ""
    address = escape(quote(message.recipient, safe="", errors="replace"))
    return (
        f'<a href="/?recipient={address}"{current}>'
        f"<b><bdi>{escape(message.recipient)}</bdi></b>{_make_time(message.at)}"
        f'<span dir="auto">{escape(message.text[:120])}</span></a>'
    )


def _make_thread(recipient: str, messages: list[Message]) -> str:
    number = escape(recipient)
    bubbles = "".join(_make_bubble(message) for message in messages[: -SHOWN_MESSAGES - 1 : -1])
    shown = f"<ol reversed>{bubbles}</ol>" if bubbles else "<p>No messages to this number.</p>"
    return (
        f'<section class="thread" aria-label="Messages to {number}">'
        f'<h2><a href="/" aria-label="All phones">&lsaquo;</a><bdi>{number}</bdi></h2>'
        f"{shown}</section>"
    )


def _make_bubble(message: Message) -> str:
    parts = "1 part" if message.parts == 1 else f"{message.parts} parts"
    provider = _PROVIDERS.get(message.provider, message.provider)
    return (
        f'<li><p class="by"><b dir="auto">{escape(message.originator)}</b>'
        f"{_make_time(message.at)}</p>"
        f'<p class="text" dir="auto">{_mark_code(message)}</p>'
        f'<p class="facts">{_make_status(message.status)}<span>{parts}</span>'
        f"<span>{escape(message.encoding)}</span><span>{escape(provider)}</span></p></li>"
    )


def _mark_code(message: Message) -> str:
    before, code, after = message.text.partition(message.code or "\0")
    if not code:
        return escape(message.text)
    return f"{escape(before)}<mark>{escape(code)}</mark>{escape(after)}"


def _make_status(status: str) -> str:
    kind = "" if status in _WAITING else ' class="failed"'
    words = _WORDS.get(status, status.replace("_", " "))
    return f"<span{kind}>{escape(words)}</span>"


def _make_time(moment: datetime) -> str:
    return f'<time datetime="{make_timestamp(moment)}">{moment:%H:%M:%S}</time>'
