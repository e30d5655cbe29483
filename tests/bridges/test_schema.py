"""The API against its schema: described whole, and true of what is answered to anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from django_d7verify.api.urls import urlpatterns
from django_d7verify.words import ERROR_TEXTS

from .conftest import ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")
#: What each call answers where all is well.
GOOD = {
    "POST /api/otp/send/": 201,
    "POST /api/otp/resend/": 200,
    "POST /api/otp/verify/": 200,
    "POST /api/otp/cancel/": 200,
    "GET /api/otp/{otp_id}/": 200,
    "POST /api/otp/login/send/": 202,
    "POST /api/otp/login/verify/": 200,
}
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


def test_a_process_answers_the_same_schema_each_time(schema: dict[str, Any]):
    for _ in range(2):
        assert Client().get("/api/schema/?format=json").json() == schema


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


@pytest.fixture
def example(tmp_path: Path) -> Iterator[str]:
    """The address of the example site, with its API described, as ``demo`` serves it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.bridges.example_settings",
        "D7VERIFY_BRIDGES_FOLDER": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "example_project/manage.py", "demo"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            lines = iter(process.stdout or [])
            yield next(found[0] for line in lines if (found := re.search(r"http://\S+[0-9]", line)))
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_the_api_of_the_example_answers_whatever_is_sent_as_its_schema_says(
    example: str, tmp_path: Path
):
    url = f"{example}/api/schema/?format=json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", url]
    command += ["--include-path-regex", "^/api/otp/"]
    outcomes = tmp_path / "outcomes"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.bridges.schemathesis_hooks",
        "D7VERIFY_BRIDGES_OUTCOMES": str(outcomes),
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
    happened = set(outcomes.read_text().splitlines())
    assert {f"{call} {status}" for call, status in GOOD.items()} <= happened
    assert {f"link {call}" for call in GOOD if not call.endswith("/send/")} <= happened
