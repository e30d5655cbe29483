"""The API against its schema: described whole, and true of what is answered to anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from django_d7verify.api.urls import urlpatterns
from django_d7verify.models import OTPSession
from django_d7verify.words import ERROR_TEXTS, SessionStatus

from .conftest import ROOT
from .schemathesis_hooks import CODE, NUMBERS

pytestmark = pytest.mark.django_db(transaction=True)

CONFIG = Path(__file__).with_name("schemathesis.toml")
#: Errors that the API does not answer with: of services for people who are signed in, and the
#: texts that are no codes.
ELSEWHERE = {"number_taken", "no_number", "malformed_code", "attempt_uncertain"}


@pytest.fixture
def schema() -> dict[str, Any]:
    answer = Client().get("/api/schema/?format=json")
    return dict(answer.json())


def get_calls(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        path.removeprefix("/api/otp/"): call
        for path, methods in schema["paths"].items()
        if path.startswith("/api/otp/")
        for call in methods.values()
    }


def test_every_call_is_described_with_what_goes_in_and_what_comes_out(schema: dict[str, Any]):
    calls = get_calls(schema)
    assert len(calls) == len(urlpatterns)
    for path, call in calls.items():
        assert call["summary"], path
        assert ("requestBody" in call) is (path != "{otp_id}/")
        for status, answer in call["responses"].items():
            assert answer["content"]["application/json"]["schema"], (path, status)


def test_every_error_code_is_described(schema: dict[str, Any]):
    said = " ".join(
        answer["description"]
        for call in get_calls(schema).values()
        for answer in call["responses"].values()
    )
    assert not [code for code in set(ERROR_TEXTS) - ELSEWHERE if f"`{code}`" not in said]


def test_a_session_links_to_all_that_can_be_done_with_it(schema: dict[str, Any]):
    calls = get_calls(schema)
    names = {call["operationId"] for call in calls.values()}
    links = calls["send/"]["responses"]["201"]["links"]
    assert set(links) == {"verify", "resend", "cancel", "state"}
    assert {link["operationId"] for link in links.values()} <= names


def test_the_api_answers_whatever_is_sent_as_its_schema_says(
    settings: Any, live_server: LiveServer, tmp_path: Path
):
    rate = ["1000000/h"]
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "SENDS_PER_IPV4": rate,
        "WRONG_CODES_PER_ADDRESS": rate,
        "PREFIX_BUDGET": [100_000, 100_000],
        "COUNTRY_BUDGET": [100_000, 100_000],
        "TEST_NUMBERS": {number: {"CODE": CODE} for number in NUMBERS},
    }
    url = f"{live_server.url}/api/schema/?format=json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", url]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.bridges.schemathesis_hooks",
    }
    ran = subprocess.run(
        command,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-9000:]
    followed = re.search(r"API Links: +(\d+) covered", ran.stdout)
    assert followed, ran.stdout
    assert int(followed[1]) > 0
    reached = set(OTPSession.objects.values_list("status", flat=True))
    assert {SessionStatus.OPEN, SessionStatus.APPROVED, SessionStatus.CANCELLED} <= reached
