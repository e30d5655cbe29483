"""What cannot be meant is a 4xx in JSON that says so: never a 500, never a message."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from django_d7verify import services
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Recipient

from .conftest import NUMBER
from .stories.server import serve_site

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=BOUNDARY"
POSTS = ("send/", "resend/", "verify/", "cancel/")


@dataclass(frozen=True)
class Body:
    """A body and the headers that it comes with."""

    name: str
    content: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


@pytest.fixture
def otp_id(db: None) -> str:
    """An open session, which nothing here may touch."""
    otp_id = services.send_otp("+971507654321").otp_id
    locmem.outbox.clear()
    return otp_id


@pytest.fixture
def untouched(otp_id: str) -> Iterator[None]:
    """After the test nothing was sent, and every row is as it was."""
    before = read_rows()
    yield
    assert locmem.outbox == []
    assert read_rows() == before


def read_rows() -> list[list[dict[str, Any]]]:
    return [list(model.objects.values()) for model in (Recipient, OTPSession, Event)]


def post(path: str, body: Body, **more: Any) -> Any:
    return Client(raise_request_exception=False).generic(
        "POST", f"/api/otp/{path}", body.content, body.content_type, headers=body.headers, **more
    )


def find_problem(response: Any) -> str:
    """What is wrong with a refusal; "" where it is clear."""
    return judge(response.status_code, response["Content-Type"], response.content)


def judge(status: int, content_type: str, content: bytes) -> str:
    # 429 would be another limit's answer, and say nothing of the body.
    if not 400 <= status < 500 or status == 429:
        return f"{status} {content[:200]!r}"
    if content_type != JSON:
        return f"{status} {content_type}"
    answer = json.loads(content)
    if not is_clear(answer):
        return f"{status} {answer}"
    traces = (b"Traceback", b"object at 0x", b"django.", b"rest_framework")
    return f"{status} {content!r}" if any(trace in content for trace in traces) else ""


def is_clear(answer: Any) -> bool:
    """Words and a code, or words by field; nothing else, and no field without words."""
    if not isinstance(answer, dict) or not answer:
        return False
    if "detail" in answer:
        return all(isinstance(answer[name], str) and answer[name] for name in ("detail", "code"))
    return all(
        isinstance(messages, list) and messages and all(isinstance(text, str) for text in messages)
        for messages in answer.values()
    )


def find_badly_answered(path: str, bodies: Iterable[Body]) -> dict[str, str]:
    """By name: bodies that were not refused in clear words, or that sent something."""
    badly = {}
    for body in bodies:
        problem = find_problem(post(path, body)) or ("sent" if locmem.outbox else "")
        if problem:
            badly[body.name] = problem
        locmem.outbox.clear()
    return badly


# One value that does not fit, in a body whose others do.


def nest(depth: int) -> str:
    return "[" * depth + "]" * depth


#: As JSON; not text, or no text that any field takes.
NEVER = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "minus one": "-1",
    "fraction": "1.5",
    "infinite by size": "1e999",
    "number of 4000 digits": "9" * 4000,
    "number of 5000 digits": "9" * 5000,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "empty list": "[]",
    "empty object": "{}",
    "object": '{"a": {"b": null}}',
    "list of 1000": json.dumps([1] * 1000),
    "nested 50": nest(50),
    "nested 300": nest(300),
    "nested 600": nest(600),
    "nested 700": nest(700),
    "nested 800": nest(800),
    "nested 900": nest(900),
    "nested 950": nest(950),
    "nested 3000": nest(3000),
    "nested objects 400": '{"a":' * 400 + "1" + "}" * 400,
    "nested objects 800": '{"a":' * 800 + "1" + "}" * 800,
    "empty": '""',
    "blank": '" "',
    "tab": '"\\t"',
    "NUL": '"\\u0000"',
    "lone high surrogate": '"\\ud800"',
    "lone low surrogate": '"\\udfff"',
    "65 letters": json.dumps("x" * 65),
    "10000 letters": json.dumps("x" * 10000),
    "10000 digits": json.dumps("1" * 10000),
    "markup": '"<script>alert(1)</script>"',
    "statement": '"\' OR 1=1 --"',
    "format": '"%s%n{0.__class__}"',
    "path": '"../../etc/passwd"',
    "bidi": '"\\u202e\\u2066"',
    "emoji": '"\\ud83d\\ude00"',
    "Arabic letters": '"\\u0645\\u0631\\u062d\\u0628\\u0627"',
}
#: Of each field more. ``<id>`` is the id of an open session, ``<hex>`` the same without hyphens.
ALSO = {
    ("send/", "recipient"): {
        "number as number": "971501234567",
        "negative number": "-971501234567",
        "list of numbers": '["+971501234567"]',
        "number with NUL": '"+971501234567\\u0000"',
        "number with NUL inside": '"+97150\\u00001234567"',
        "number with newline inside": '"+97150\\n1234567"',
        "number with surrogate": '"+97150\\ud8001234567"',
        "number of 44 characters": json.dumps("+971501234567" + " " * 30 + "1"),
        "two numbers": '"+971501234567,+971507654321"',
        "no plus": '"971501234567"',
    },
    ("send/", "purpose"): {
        "number": "1",
        "list": '["verify"]',
        "other case": '"VERIFY"',
        "with NUL": '"verify\\u0000"',
        "unheard-of": '"unheard-of"',
        "not public": '"login"',
        "dunder": '"__class__"',
    },
    ("verify/", "otp_code"): {
        "code as number": "123456",
        "code as float": "123456.0",
        "code as list": '["123456"]',
        "Arabic-Indic digits": '"\\u0661\\u0662\\u0663\\u0664\\u0665\\u0666"',
        "full-width digits": '"\\uff11\\uff12\\uff13\\uff14\\uff15\\uff16"',
        "superscript digits": '"\\u00b9\\u00b2\\u00b3\\u00b9\\u00b2\\u00b3"',
        "mathematical digits": json.dumps("\U0001d7cf" * 6),
        "five digits": '"12345"',
        "seven digits": '"1234567"',
        "with NUL": '"123456\\u0000"',
        "with surrogate": '"12345\\ud800"',
        "signed": '"+12345"',
        "with underscore": '"12_456"',
        "exponent": '"123e56"',
        "with newline inside": '"123\\n456"',
    },
    **{
        (path, "otp_id"): {
            "id as number": "12345678901234567890123456789012345678",
            "id in a list": '["<id>"]',
            "in braces": '"{<id>}"',
            "as urn": '"urn:uuid:<id>"',
            "without hyphens": '"<hex>"',
            "without hyphens, as long": '"uuid<hex>"',
            "hyphens elsewhere": '"----<hex>"',
            "Unicode digits": '"\\uff112345678-1234-4234-8234-12345678901"',
            "with underscores": '"1_345678-1234-4234-8234-123456789012"',
            "with plus": '"+2345678-1234-4234-8234-123456789012"',
            "not hexadecimal": '"g2345678-1234-4234-8234-123456789012"',
            "with NUL": '"<id>\\u0000"',
            "with NUL inside": '"12345678\\u00001234-4234-8234-123456789012"',
            "with surrogate": '"1234567\\ud800-1234-4234-8234-123456789012"',
            "twice": '"<id><id>"',
            "one letter more": '"<id>0"',
        }
        for path in ("resend/", "verify/", "cancel/")
    },
}


def make_json(path: str, otp_id: str, texts: dict[str, str]) -> bytes:
    """A body of which every field fits, but for *texts*, which are JSON."""
    fields = {
        "send/": {"recipient": f'"{NUMBER}"', "purpose": '"verify"'},
        "resend/": {"otp_id": f'"{otp_id}"'},
        "verify/": {"otp_id": f'"{otp_id}"', "otp_code": '"123456"'},
        "cancel/": {"otp_id": f'"{otp_id}"'},
    }[path]
    pairs = {**fields, **texts}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in pairs.items()) + "}").encode()


@pytest.mark.parametrize(("path", "name"), ALSO)
@pytest.mark.usefixtures("untouched")
def test_a_value_that_does_not_fit_is_refused_clearly(otp_id: str, path: str, name: str):
    bodies = []
    for what, text in {**NEVER, **ALSO[path, name]}.items():
        filled = text.replace("<id>", otp_id).replace("<hex>", otp_id.replace("-", ""))
        bodies.append(Body(what, make_json(path, otp_id, {name: filled})))
    assert find_badly_answered(path, bodies) == {}


@pytest.mark.parametrize("path", ["resend/", "verify/", "cancel/"])
def test_an_id_that_cannot_be_one_is_told_by_its_field(otp_id: str, path: str):
    for text in ALSO[path, "otp_id"].values():
        filled = text.replace("<id>", otp_id).replace("<hex>", otp_id.replace("-", ""))
        response = post(path, Body("", make_json(path, otp_id, {"otp_id": filled})))
        assert list(response.json()) == ["otp_id"], filled


@pytest.mark.parametrize("path", POSTS)
def test_a_body_whose_values_fit_is_not_refused_so(otp_id: str, path: str):
    # So that the test above is about the one value, and not about the others.
    response = post(path, Body("", make_json(path, otp_id, {})))
    words = {
        "send/": (201, "resend_after"),
        "resend/": (429, "retry_after"),
        "verify/": (400, "attempts_left"),
        "cancel/": (200, "status"),
    }
    status, word = words[path]
    assert response.status_code == status
    assert word in response.json()


# Bodies that are not what they say, or nothing.


def part(name: bytes, content: bytes, *, more: bytes = b"") -> bytes:
    disposition = b'Content-Disposition: form-data; name="' + name + b'"' + more
    return b"--BOUNDARY\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"


END = b"--BOUNDARY--\r\n"
PLAIN = json.dumps({"recipient": 1, "otp_id": 1, "otp_code": 1}).encode()
CHARSETS = (
    *("nonsense", "zlib", "bz2", "hex", "base64", "rot13", "uu", "quopri", "idna", "punycode"),
    *("undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "utf-32"),
    *("utf-8-sig", "cp037", "cp1252", "shift_jis", "hz", "ascii", "mbcs"),
)
BODIES = [
    Body("empty", b""),
    Body("blank", b" \r\n\t "),
    Body("open brace", b"{"),
    Body("closed brace", b"}"),
    Body("empty object", b"{}"),
    Body("empty list", b"[]"),
    Body("list of objects", b'[{"recipient": "+971501234567"}]'),
    Body("null", b"null"),
    Body("true", b"true"),
    Body("number", b"1"),
    Body("string", b'"x"'),
    Body("NaN", b"NaN"),
    Body("number of 5000 digits", b"9" * 5000),
    Body("cut short", b'{"recipient": "+97150123'),
    Body("no value", b'{"recipient"}'),
    Body("trailing comma", b'{"recipient": "+971501234567",}'),
    Body("two objects", b'{"recipient": "+971501234567"} {}'),
    Body("single quotes", b"{'recipient': '+971501234567'}"),
    Body("comment", b'{"recipient": "+971501234567" /* x */}'),
    Body("NULs", b"\0" * 100),
    Body("raw NUL in a text", b'{"recipient": "+9715012\x0034567"}'),
    Body("invalid UTF-8", b'{"recipient": "\xff\xfe"}'),
    Body("UTF-8 cut in a letter", b'{"recipient": "\xc3"}'),
    Body("overlong UTF-8", b'{"recipient": "\xc0\xaf"}'),
    Body("surrogates in UTF-8", b'{"recipient": "\xed\xa0\x80"}'),
    Body("byte order mark alone", b"\xef\xbb\xbf"),
    Body("UTF-16 undeclared", '{"recipient": "+971501234567"}'.encode("utf-16")),
    Body("gzip magic", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
    Body("gzip said", PLAIN, headers={"Content-Encoding": "gzip"}),
    Body("nested 500", nest(500).encode()),
    Body("nested 900", nest(900).encode()),
    Body("nested 7000", nest(7000).encode()),
    Body("open brackets", b"[" * 16000),
    Body("open braces", b'{"a":' * 3000),
    Body("4000 keys", json.dumps({str(key): 0 for key in range(1400)}).encode()),
    Body("one letter too large", b'"' + b"x" * (16 * 1024 - 1) + b'"'),
    Body("a megabyte", b'{"recipient": "' + b"x" * 1024 * 1024 + b'"}'),
    Body("three megabytes", b"x" * 3 * 1024 * 1024, FORM),
    # Other types, and types that lie.
    *(
        Body(f"type {content_type!r}", PLAIN, content_type)
        for content_type in (
            "text/plain",
            "text/html",
            "text/json",
            "application/xml",
            "application/octet-stream",
            "application/jsonp",
            "application/json, text/html",
            "application/x-msgpack",
            "application",
            "/",
            "json",
            ";",
            "*/*",
            "\xff/\xfe",
            "multipart/mixed; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\xff",
            "multipart/form-data; boundary=" + "b" * 300,
            'multipart/form-data; boundary="',
            FORM,
            MULTIPART,
        )
    ),
    *(Body(f"JSON in {name}", PLAIN, f"{JSON}; charset={name}") for name in CHARSETS),
    *(Body(f"form in {name}", b"recipient=%ff", f"{FORM}; charset={name}") for name in CHARSETS),
    *(
        Body(
            f"multipart in {name}",
            part(b"recipient", b"\xff") + END,
            f"{MULTIPART}; charset={name}",
        )
        for name in CHARSETS
    ),
    Body("form as JSON", b"recipient=%2B971501234567", JSON),
    Body("multipart as JSON", part(b"recipient", b"+971501234567") + END, JSON),
    Body("multipart as form", part(b"recipient", b"+971501234567") + END, FORM),
    # Forms.
    Body("form, empty", b"", FORM),
    Body("form, only signs", b"&=&=&&;=", FORM),
    Body("form, bad escape", b"recipient=%zz%", FORM),
    Body("form, escaped NUL", b"recipient=%00&otp_id=%00&otp_code=%00", FORM),
    Body("form, invalid UTF-8", b"recipient=%ff%fe&otp_id=%ff", FORM),
    Body("form, raw bytes", bytes(range(256)), FORM),
    Body("form, plus as a blank", b"recipient=+971501234567", FORM),
    Body("form, 2000 fields", b"a&" * 2000, FORM),
    Body("form, arrays", b"recipient[]=%2B971501234567&otp_id[]=x", FORM),
    # Multipart.
    Body("multipart, empty", b"", MULTIPART),
    Body("multipart, only the end", END, MULTIPART),
    Body("multipart, cut", part(b"recipient", b"+9715")[:40], MULTIPART),
    Body("multipart, other boundary", part(b"recipient", b"x").replace(b"BOUND", b"B"), MULTIPART),
    Body("multipart, NUL", part(b"recipient", b"+971501234567\0") + END, MULTIPART),
    Body("multipart, NUL name", part(b"recip\0ient", b"x") + END, MULTIPART),
    Body("multipart, bytes", part(b"recipient", bytes(range(256))) + END, MULTIPART),
    Body(
        "multipart, a file",
        b"".join(
            part(name, b"+971501234567", more=b'; filename="x.txt"')
            for name in (b"recipient", b"otp_id", b"otp_code")
        )
        + END,
        MULTIPART,
    ),
    Body(
        "multipart, 150 files",
        b"".join(part(b"f", b"", more=b'; filename="x"') for _ in range(150)) + END,
        MULTIPART,
    ),
    Body(
        "multipart, odd charset of a name",
        part(b"x", b"x", more=b"; filename*=zlib''%ff") + END,
        MULTIPART,
    ),
    Body(
        "multipart, bad transfer encoding",
        part(b"recipient", b"!!!").replace(
            b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        + END,
        MULTIPART,
    ),
    Body("multipart, no headers", b"--BOUNDARY\r\n\r\nx\r\n" + END, MULTIPART),
    Body(
        "multipart, large header",
        part(b"recipient", b"x", more=b"; a=" + b"x" * 3000) + END,
        MULTIPART,
    ),
    # Headers.
    *(
        Body(f"accept {accept!r}", PLAIN, headers={"Accept": accept})
        for accept in (
            "text/html",
            "application/xml",
            "///",
            ";;;",
            "application/json; q=x",
            "*",
            "\xff",
            "application/json; indent=99999999999",
            "application/json; indent=x",
            "application/json; version=\0",
            "a/b," * 2000,
        )
    ),
    *(
        Body(f"{name}: {value!r:.20}", PLAIN, headers={name: value})
        for name, value in {
            "User-Agent": "\0\xff\r\n" * 2000,
            "X-Forwarded-For": "\0, ::%eth0, 999.1.1.1, [::1",
            "Accept-Language": "x" * 5000 + ",\0",
            "X-HTTP-Method-Override": "DELETE",
            "Authorization": "Basic \xff\xfe",
            "Cookie": "sessionid=\0\xff; ;;=; csrftoken",
            "Content-Encoding": "br, deflate",
            "Transfer-Encoding": "chunked",
            "If-None-Match": "*",
            "Range": "bytes=9-1",
            "Expect": "\0",
        }.items()
    ),
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.usefixtures("untouched")
def test_a_body_that_is_not_what_it_says_is_refused_clearly(path: str):
    assert find_badly_answered(path, BODIES) == {}


LENGTHS = ("abc", "-1", "+5", "1e3", "0x10", " ", "1 2", "\xb2", "\u0661\u0662", "16385")
LONG_LENGTHS = ("9" * 30, "9" * 5000)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.usefixtures("untouched")
def test_a_length_that_cannot_be_is_refused_clearly(path: str):
    badly = {}
    for length in (*LENGTHS, *LONG_LENGTHS):
        problem = find_problem(post(path, Body("", PLAIN), CONTENT_LENGTH=length))
        if problem:
            badly[length[:10]] = problem
    assert badly == {}


def test_a_body_of_the_largest_size_is_read(otp_id: str):
    content = make_json("cancel/", otp_id, {})
    body = Body("", content + b" " * (16 * 1024 - len(content)))
    assert post("cancel/", body).status_code == 200
    too_large = post("cancel/", Body("", body.content + b" "))
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")


def test_another_type_is_told_that_it_is_the_type(otp_id: str):
    response = post("cancel/", Body("", make_json("cancel/", otp_id, {}), "text/plain"))
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


# Methods, and ids in paths.


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.usefixtures("untouched")
def test_only_post_does_anything(otp_id: str, method: str, path: str):
    content = make_json(path, otp_id, {}) if method != "TRACE" else b""
    response = Client(raise_request_exception=False).generic(
        method, f"/api/otp/{path}", content, JSON
    )
    assert response.status_code == 405
    assert find_problem(response) == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.usefixtures("untouched")
def test_only_get_reads_a_session(otp_id: str, method: str):
    response = Client(raise_request_exception=False).generic(method, f"/api/otp/{otp_id}/")
    assert response.status_code == 405
    assert find_problem(response) == ""


BAD_IDS: list[Callable[[str], str]] = [
    lambda otp_id: "x",
    lambda otp_id: "0",
    lambda otp_id: "-",
    lambda otp_id: " ",
    lambda otp_id: "\0",
    lambda otp_id: "..",
    lambda otp_id: "%",
    lambda otp_id: "None",
    lambda otp_id: "x" * 5000,
    lambda otp_id: "1" * 5000,
    lambda otp_id: "{" + otp_id + "}",
    lambda otp_id: "urn:uuid:" + otp_id,
    lambda otp_id: otp_id.replace("-", ""),
    lambda otp_id: otp_id + "\0",
    lambda otp_id: otp_id + "\n",
    lambda otp_id: " " + otp_id,
    lambda otp_id: otp_id[:-1],
    lambda otp_id: otp_id + "0",
    lambda otp_id: "g" + otp_id[1:],
    lambda otp_id: otp_id.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)}),
    lambda otp_id: otp_id.translate({ord(str(digit)): 0x0660 + digit for digit in range(10)}),
    lambda otp_id: "1_345678-1234-4234-8234-123456789012",
    lambda otp_id: "\ufffd" * 36,
    lambda otp_id: "<script>",
    lambda otp_id: "' OR 1=1 --",
    lambda otp_id: NUMBER,
]


@pytest.mark.parametrize("spell", BAD_IDS)
@pytest.mark.usefixtures("untouched")
def test_an_id_in_the_path_that_cannot_be_one_is_not_found(
    otp_id: str, spell: Callable[[str], str]
):
    path = quote(spell(otp_id), safe="")
    response = Client(raise_request_exception=False).get(f"/api/otp/{path}/")
    assert response.status_code == 404
    assert find_problem(response) == ""


@pytest.mark.parametrize("query", ["format=xml", "format=api", "format=%00", "otp_id[]=%ff&=&"])
def test_a_query_changes_nothing_but_the_answer_to_an_unknown_format(otp_id: str, query: str):
    response = Client(raise_request_exception=False).get(f"/api/otp/{otp_id}/?{query}")
    if "format" in query:
        assert response.status_code == 404
        assert find_problem(response) == ""
    else:
        assert response.status_code == 200


# By a real socket, where no test client tidies up.


@pytest.fixture(scope="module")
def site() -> Iterator[LiveServer]:
    with serve_site() as server:
        yield server


def speak(site: LiveServer, request: bytes, *, reset: bool = False) -> tuple[int, str, bytes]:
    """Send *request* and no more; status, type and body of the first answer."""
    with socket.create_connection((site.thread.host, site.thread.port), timeout=10) as peer:
        peer.sendall(request)
        if reset:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return 0, "", b""
        peer.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(peer)
        response.begin()
        return response.status, response.headers["Content-Type"], response.read()


def make_request(*headers: bytes, body: bytes = b"", path: bytes = b"send/") -> bytes:
    lines = (b"POST /api/otp/" + path + b" HTTP/1.1", b"Host: localhost", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


VALID = json.dumps({"recipient": NUMBER}).encode()
IS_JSON = b"Content-Type: application/json"
RAW = {
    "no length": make_request(IS_JSON, body=VALID),
    "length of nothing": make_request(IS_JSON, b"Content-Length: 0", body=VALID),
    "length too short": make_request(IS_JSON, b"Content-Length: 10", body=VALID),
    "length too long": make_request(IS_JSON, b"Content-Length: 15000", body=VALID[:20]),
    "length of a terabyte": make_request(IS_JSON, b"Content-Length: 1000000000000", body=VALID),
    "length of 5000 digits": make_request(IS_JSON, b"Content-Length: " + b"9" * 5000, body=VALID),
    "length of words": make_request(IS_JSON, b"Content-Length: many", body=VALID),
    "length below zero": make_request(IS_JSON, b"Content-Length: -1", body=VALID),
    "chunked": make_request(
        IS_JSON, b"Transfer-Encoding: chunked", body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(VALID), VALID)
    ),
    "bytes for headers": make_request(
        IS_JSON, b"Content-Length: 2", b"X-\xff: \xfe\x00", b"User-Agent: \x00\x01\xff", body=b"{}"
    ),
    "charset of bytes": make_request(
        b"Content-Type: application/json; charset=\xff", b"Content-Length: 2", body=b"{}"
    ),
    "bytes for a body": make_request(IS_JSON, b"Content-Length: 256", body=bytes(range(256))),
    "path of bytes": make_request(IS_JSON, b"Content-Length: 2", path=b"\xff%ff%00/", body=b"{}"),
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.django_db(transaction=True)
def test_a_request_that_no_client_would_make_is_refused_clearly(site: LiveServer, name: str):
    assert judge(*speak(site, RAW[name])) == ""
    assert locmem.outbox == []
    assert OTPSession.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_client_that_goes_away_leaves_the_site_as_it_was(site: LiveServer, caplog: Any):
    speak(site, make_request(IS_JSON, b"Content-Length: 100", body=b"{"), reset=True)
    content_length = b"Content-Length: %d" % len(VALID)
    status, _, _ = speak(site, make_request(IS_JSON, content_length, body=VALID))
    assert (status, len(locmem.outbox)) == (201, 1)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
