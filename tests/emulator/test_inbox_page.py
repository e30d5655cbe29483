"""The inbox as a page."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import PHONE

SEND = "/verify/v1/otp/send-otp"


def send(d7, content="Your code is {}", **fields):
    d7.post(SEND, {"recipient": PHONE, "content": content, **fields})


def page(d7, query="", **options):
    return d7.get("/" + query, **options)


def test_an_empty_inbox_says_where_to_send(d7, emulator):
    answer = page(d7)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "No messages yet" in answer.text
    assert emulator.url + "/messenger/" in answer.text


def test_the_newest_phone_is_open_and_its_code_is_marked(d7, emulator):
    send(d7)
    text = page(d7).text
    code = emulator.messages()[-1]["code"]
    assert f"Your code is <mark>{code}</mark></p>" in text
    assert text.count('aria-current="page"') == 1
    assert '<body class="listed">' in text


def test_a_phone_can_be_picked_by_its_number(d7):
    send(d7)
    d7.post(SEND, {"recipient": "+37255512345", "content": "Kood {}"})
    text = page(d7, "?recipient=%2B971501234567").text
    assert '<body class="picked">' in text
    assert 'aria-label="Messages to +971501234567"' in text
    assert page(d7, "?recipient=+971501234567").text == text
    assert "No messages to this number." in page(d7, "?recipient=%2B4479").text


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", "\"><img src=x onerror='x'>", "&lt;"]
)
def test_every_text_of_a_caller_is_escaped(d7, evil):
    send(d7, content=evil + " {}", originator=evil[:11])
    message = {"recipients": [PHONE], "content": evil, "originator": "x"}
    d7.post("/messages/v1/send", {"messages": [message]})
    for query in ("", f"?recipient={evil}"):
        text = page(d7, query).text
        assert evil not in text
        assert "<img" not in text
        assert re.findall("<script[^>]*>", text) == ['<script src="/_emulator/inbox.js" defer>']


def test_a_text_that_utf8_cannot_hold_is_shown_all_the_same(d7):
    body = json.dumps({"recipient": PHONE, "content": "\ud800 {}"})
    headers = {"Content-Type": "application/json"}
    assert d7.post(SEND, data=body, headers=headers).status_code == 200
    assert page(d7).status_code == 200
    assert d7.get("/_emulator/messages").json()[0]["text"].startswith("\ud800")


def test_directions_are_left_to_the_text(d7):
    send(d7, content="رمزك {}")
    assert '<p class="text" dir="auto">رمزك <mark>' in page(d7).text


def test_delivery_parts_and_encoding_are_shown_in_words(d7, emulator):
    send(d7, content="õ" * 100 + "{}")
    emulator.deliver(PHONE, "un_delivered")
    text = page(d7).text
    assert '<span class="failed">not delivered</span><span>2 parts</span><span>UCS-2</span>' in text


def test_the_policy_forbids_everything_inline_and_foreign(d7):
    answer = page(d7)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"\bon[a-z]+=|style=|<style|<script>", answer.text)


def test_without_script_the_page_asks_for_itself(d7):
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page(d7).text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("inbox.css", "text/css"), ("inbox.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
def test_files_of_the_page_are_served(d7, name, kind):
    answer = d7.get(f"/_emulator/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_that_has_not_changed_is_304(d7):
    tag = page(d7).headers["ETag"]
    assert page(d7, headers={"If-None-Match": tag}).status_code == 304
    send(d7)
    assert page(d7, headers={"If-None-Match": tag}).status_code == 200


def test_the_buttons_work_without_script(d7, emulator):
    send(d7)
    answer = d7.post("/_emulator/clock", data={"advance_seconds": "60"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Clock 1 min ahead" in page(d7).text
    answer = d7.post("/_emulator/clear", data={"": ""})
    assert answer.status_code == 303
    assert emulator.messages() == []
