"""
Reads the fields of a D7 body as its framework would (gateway-apis A.1.1, A.7).

Numbers may come as digits in a text and texts as numbers; null is the same as absent.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from .d7_answers import make_field_error, make_field_errors
from .wire import RefusalError, Request, UnreadableError


def read_body(request: Request) -> dict[str, object]:
    """The JSON object of *request*. Raises ``RefusalError`` 422."""
    try:
        body = request.read_json()
    except UnreadableError as error:
        position = getattr(error.__cause__, "pos", 0)
        message = _json_message(error)
        wrong = make_field_error(("body", position), message, "value_error.jsondecode")
        raise RefusalError(make_field_errors([wrong])) from error
    if not isinstance(body, dict):
        wrong = make_field_error(("body",), "value is not a valid dict", "type_error.dict")
        raise RefusalError(make_field_errors([wrong]))
    return body


def _json_message(error: UnreadableError) -> str:
    cause = error.__cause__
    return str(cause) if isinstance(cause, json.JSONDecodeError) else "Invalid JSON"


def read_uuid(text: str, *loc: str) -> str:
    """*text* as a UUID in its usual form. Raises ``RefusalError`` 422."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        wrong = make_field_error(loc, "value is not a valid uuid", "type_error.uuid")
        raise RefusalError(make_field_errors([wrong])) from error


class Fields:
    """
    Reads one object and collects what does not fit.

    Call ``check`` once all are read; until then a field that did not fit reads as "" or 0.
    """

    def __init__(self, data: Mapping[str, object], *loc: str | int) -> None:
        self._data = data
        self._loc = loc
        self.errors: list[dict[str, object]] = []

    def refuse(self, name: str, msg: str, kind: str) -> None:
        """Say what is wrong with field *name*."""
        self.errors.append(make_field_error((*self._loc, name), msg, kind))

    def require(self, name: str) -> None:
        """Refuse a field that is absent or null."""
        if name not in self._data:
            self.refuse(name, "field required", "value_error.missing")
        elif self._data[name] is None:
            self.refuse(name, "none is not an allowed value", "type_error.none.not_allowed")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._data.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A text; a number is taken as its digits."""
        value = self._data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.refuse(name, "str type expected", "type_error.str")
            return ""
        return str(value)

    def required_text(self, name: str) -> str:
        """A text that is there and not empty."""
        self.require(name)
        if self._data.get(name) == "":
            msg = "ensure this value has at least 1 characters"
            self.refuse(name, msg, "value_error.any_str.min_length")
        return self.text(name)

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """A whole number, also as digits in a text (MS types several so)."""
        value = self._data.get(name)
        if value is None:
            return default
        try:
            number = _make_integer(value)
        except (ValueError, OverflowError):
            self.refuse(name, "value is not a valid integer", "type_error.integer")
            return 0
        if number < least:
            msg = f"ensure this value is greater than or equal to {least}"
            self.refuse(name, msg, "value_error.number.not_ge")
        elif number > most:
            msg = f"ensure this value is less than or equal to {most}"
            self.refuse(name, msg, "value_error.number.not_le")
        return number

    def choice(self, name: str, permitted: tuple[str, ...], default: str) -> str:
        """One of a few words, upper or lower case (gateway-apis C17)."""
        word = self.text(name, default).lower()
        if word not in permitted:
            words = ", ".join(f"'{word}'" for word in permitted)
            msg = f"value is not a valid enumeration member; permitted: {words}"
            self.refuse(name, msg, "type_error.enum")
        return word

    def url(self, name: str) -> str:
        """An http or https address, or ""."""
        text = self.text(name)
        if text and not is_web_address(text):
            self.refuse(name, "invalid or missing URL scheme", "value_error.url.scheme")
            return ""
        return text

    def check(self) -> None:
        """Raise ``RefusalError`` 422 if anything did not fit."""
        if self.errors:
            raise RefusalError(make_field_errors(self.errors))


def is_web_address(text: str) -> bool:
    """Whether *text* is an http or https address with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _make_integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a number")
    return int(value)
