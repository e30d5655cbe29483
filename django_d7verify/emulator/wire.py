"""Requests and answers as plain values, away from sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cached_property
from urllib.parse import parse_qsl

MAX_BODY_BYTES = 1024 * 1024
MAX_FIELDS = 1000

JSON = "application/json"
HTML = "text/html; charset=utf-8"

#: Never kept in the list of calls.
_SECRET_FIELDS = frozenset({"api_token", "client_secret"})
#: A body longer than this is not kept in the list of calls.
_KEPT_BODY_BYTES = 16 * 1024
#: A body with more brackets is kept as text: nested so deep it could not be written again.
_KEPT_BRACKETS = 500


class UnreadableError(Exception):
    """A body that is not what its content type says."""


class RefusalError(Exception):
    """A handler's way to end a call at once with *response*."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True)
class Request:
    """One request as it came in. Header names are lower case."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def bearer(self) -> str:
        """Token of an ``Authorization: Bearer`` header, or ""."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def read_json(self) -> object:
        """The body as JSON. Raises ``UnreadableError``."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            # A number of thousands of digits, a lone byte and a deep nest end here too.
            raise UnreadableError("The body is not JSON.") from error
        return value

    @cached_property
    def form(self) -> dict[str, str]:
        """Fields of a urlencoded or multipart body; none for any other."""
        if self.content_type == "multipart/form-data":
            return _read_multipart(self.headers["content-type"], self.body)
        if self.content_type == "application/x-www-form-urlencoded":
            return read_fields(self.body.decode("utf-8", "replace"))
        return {}

    @property
    def parameters(self) -> dict[str, str]:
        """Query and form together; the body wins (gateway-apis B.1)."""
        return {**self.query, **self.form}

    def as_call(self) -> dict[str, object]:
        """What tests may assert on: the request without its token."""
        return {
            "method": self.method,
            "path": self.path,
            "query": _without_secrets(self.query),
            "content_type": self.content_type,
            "auth": self._token_place(),
            "body": self._parsed_body(),
        }

    def _token_place(self) -> str:
        """Where the token stood: "bearer", "body", "query" or ""."""
        if self.bearer:
            return "bearer"
        if "api_token" in self.form:
            return "body"
        return "query" if "api_token" in self.query else ""

    def _parsed_body(self) -> object:
        if len(self.body) > _KEPT_BODY_BYTES:
            return f"({len(self.body)} bytes left out)"
        if self.form:
            return _without_secrets(self.form)
        if not self.body:
            return None
        try:
            if self.body.count(b"[") + self.body.count(b"{") > _KEPT_BRACKETS:
                raise UnreadableError("too deep")
            value = self.read_json()
        except UnreadableError:
            return self.body.decode("utf-8", "replace")
        return _without_secrets(value) if isinstance(value, dict) else value


@dataclass(frozen=True)
class Response:
    """One answer, before faults change it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def make_json(value: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer. Header names are given with underscores: ``retry_after="7"``."""
    names = tuple((name.replace("_", "-").title(), text) for name, text in headers.items())
    return Response(status, json.dumps(value).encode(), headers=names)


def make_html(text: str, status: int = 200, **headers: str) -> Response:
    """An HTML answer; lone surrogates, which UTF-8 cannot hold, become ``?``."""
    names = tuple((name.replace("_", "-").title(), value) for name, value in headers.items())
    return Response(status, text.encode("utf-8", "replace"), HTML, names)


def read_fields(text: str) -> dict[str, str]:
    """Fields of a query string or urlencoded body; the last of a name wins."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _read_multipart(content_type: str, body: bytes) -> dict[str, str]:
    header = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser().parsebytes(header + body)
    fields: dict[str, str] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace")
    return fields


def _without_secrets(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _SECRET_FIELDS}
