"""The same by a real socket: what a browser on the other side of the network gets."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from django_d7verify import services
from tests.conftest import NUMBER

from .server import serve_site
from .site import (
    Answer,
    Clocks,
    Phones,
    assert_approved,
    assert_closed,
    assert_throttled,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def site() -> Iterator[LiveServer]:
    with serve_site() as server:
        yield server


@pytest.fixture
def visitor(site: LiveServer) -> Any:
    def post(path: str, form: str = "json", **body: str) -> Answer:
        parts = urlsplit(site.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        content, content_type = {
            "json": (json.dumps(body), "application/json"),
            "form": (urlencode(body), "application/x-www-form-urlencoded"),
        }[form]
        headers = {"Content-Type": content_type}
        connection.request("POST", f"/api/otp/{path}", content, headers)
        response = connection.getresponse()
        answer = Answer(response.status, json.loads(response.read()), response.headers)
        connection.close()
        return answer

    return post


@pytest.mark.parametrize("form", ["json", "form"])
def test_a_number_is_proven_over_a_real_socket(
    visitor: Any, phones: Phones, clocks: Clocks, form: str
):
    sent = visitor("send/", form, recipient="+971 50 123 4567")
    assert (sent.status, sent["recipient"]) == (201, "+9715*****67")
    otp_id = sent["otp_id"]
    assert_throttled(visitor("resend/", form, otp_id=otp_id), retry_after=60)
    first = phones.newest_code()
    assert_wrong(visitor("verify/", form, otp_id=otp_id, otp_code=make_wrong(first)), 4)
    clocks.advance(60)
    assert visitor("resend/", form, otp_id=otp_id).status == 200
    code = phones.newest_code()
    approved = visitor("verify/", form, otp_id=otp_id, otp_code=code)
    assert_approved(approved)
    assert_closed(visitor("verify/", form, otp_id=otp_id, otp_code=code))
    token = approved["verification_token"]
    assert services.consume_verification_token(token, purpose="verify").recipient == NUMBER
    assert len(phones.codes()) == 2


def test_no_answer_is_kept_by_anybody(visitor: Any, phones: Phones, clocks: Clocks):
    sent = visitor("send/", recipient=NUMBER)
    refused = visitor("send/", recipient=NUMBER)
    for answer in (sent, refused):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json"
