"""Answers, read with suspicion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_d7verify.clients.answers import (
    make_answer,
    make_error,
    read_amount,
    read_reference,
    read_text,
    read_whole_number,
    scrub,
)
from django_d7verify.clients.d7_answers import make_d7_error, read_detail
from django_d7verify.clients.messenger_answers import make_messenger_error, read_complaint
from django_d7verify.exceptions import ConfigurationError, GatewayError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["detail", "code", "message", "loc", "msg", "errors", "error", "status"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def read_wait(value: str) -> int | None:
    return make_answer("GET /", 429, {"Retry-After": value}, b"").retry_after_seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 1),
        ("999999999", 3600),
        ("9999999999999", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0667", None),
        ("Mon, 99 Foo 2025 00:00:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
    ],
)
def test_a_wait_is_between_a_second_and_an_hour(value, seconds):
    assert read_wait(value) == seconds


def test_a_wait_may_be_a_date():
    assert read_wait(format_datetime(datetime.now(UTC) + timedelta(seconds=90))) in {88, 89, 90}
    naive = format_datetime(datetime.now(UTC) + timedelta(seconds=90)).replace("+0000", "-0000")
    assert read_wait(naive) is None


@given(st.text(), st.lists(st.text(max_size=5), max_size=3))
def test_scrubbed_text_is_short_printable_and_has_no_long_number(text, secrets):
    kept = scrub(text, *secrets)
    assert len(kept) <= 500
    assert kept.isprintable()
    kept.encode()
    run = 0
    for character in kept:
        run = run + 1 if character.isdecimal() else 0
        assert run < 4


@given(st.integers(200, 599), JSON)
def test_no_answer_breaks_the_readers(status, data):
    answer = make_answer("POST /", status, {}, b"")
    object.__setattr__(answer, "data", data)
    read_detail(data)
    read_complaint(data)
    for make in (make_error, make_d7_error, make_messenger_error):
        assert isinstance(make(answer), GatewayError | ConfigurationError)


@given(st.binary(max_size=200))
def test_no_body_breaks_the_parser(body):
    for drop in ((), ("pin",)):
        answer = make_answer("POST /", 200, {}, body, drop=drop)
        assert isinstance(answer.text, str)


@given(JSON)
def test_readers_take_any_value(value):
    assert isinstance(read_text(value), str)
    assert isinstance(read_reference(value), str)
    assert isinstance(read_whole_number(value), int | None)
    read_amount(value)


def test_dropped_keys_are_gone_at_any_depth():
    body = b'{"a": [{"pin": "KQXWZR", "b": {"pin": {"c": 1}}}], "pin": 5, "price": 0.10}'
    answer = make_answer("POST /", 200, {}, body, drop=["pin"])
    assert answer.text == '{"a": [{"b": {}}], "price": "0.10"}'
    assert answer.fields["a"] == [{"b": {}}]


def test_a_nested_body_does_not_exhaust_the_stack():
    for drop in ((), ("pin",)):
        answer = make_answer("POST /", 200, {}, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, drop=drop)
        assert answer.data is None


@pytest.mark.parametrize("code", ["A B", "a\nb", "x" * 65, "1234567", "<b>"])
def test_only_a_word_gets_into_the_message(code):
    answer = make_answer("POST /", 400, {}, b"")
    assert str(make_error(answer, code=code)) == "POST /: 400"
    assert str(make_error(answer, code="NO_SUCH_THING")) == "POST /: 400 NO_SUCH_THING"


def test_runs_of_four_digits_are_scrubbed_and_of_three_are_not():
    assert scrub("1 22 333 4444 +971501234567 a0001b") == "1 22 333 *** +*** a***b"
