"""The example project, run as people run it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent
STORY = [
    "ok  page: 200, strict Content-Security-Policy, 3 static files",
    "ok  send: 201, +9715*****67, expires in 600 s",
    "ok  resend at once: 429, throttled, wait 60 s",
    "ok  inbox: one message from SignOTP, a code of 6 digits",
    "ok  wrong code: 400, invalid_code, 4 attempts left",
    "ok  right code: 200, APPROVED, with a verification token",
    "ok  same code again: 400, session_closed",
    "ok  log in by page: signed up as +9715*****21, with no script",
    "ok  second factor: asked for before a payout, and refused within the 60 seconds",
    "ok  log in by API: 202, then 200 with a fixed code and no message, as for reviewers",
    "The whole story went well.",
]


@pytest.fixture
def project(tmp_path):
    """A copy, so that whatever a command leaves behind is seen."""
    return shutil.copytree(
        ROOT / "example_project",
        tmp_path / "example_project",
        ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"),
    )


def make_environment(project, **more):
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("D7VERIFY_", "DJANGO_", "PYTEST_", "COV_"))
    }
    scratch = project.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return {**known, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), **more}


def make_command(*arguments):
    return [sys.executable, "-B", "-W", "error", "example_project/manage.py", *arguments]


def run(project, *arguments, **environment):
    return subprocess.run(
        make_command(*arguments),
        cwd=project.parent,
        env=make_environment(project, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def list_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_demo_check_plays_the_whole_story_and_leaves_nothing_behind(project):
    before = list_files(project)
    done = run(project, "demo", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == STORY
    assert list_files(project) == before
    assert list_files(project.parent / "scratch") == []


def test_a_demo_check_that_fails_names_the_step_and_exits_with_1(project):
    done = run(project, "demo", "--check", D7VERIFY_API_TOKEN="bad-token")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "FAIL  send: expected 201, got 503 gateway_unreachable"
    assert "bad-token" not in done.stdout + done.stderr
    assert list_files(project.parent / "scratch") == []


def test_the_demo_serves_site_and_inbox_until_ctrl_c(project):
    with subprocess.Popen(
        make_command("demo"),
        cwd=project.parent,
        env=make_environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            words = ""
            while "Ctrl-C" not in words:
                line = process.stdout.readline()
                assert line, f"It ended: {words}"
                words += line
            site, login, admin, inbox = re.findall(r"http://[0-9.:]+/[a-z]*/?", words)
            assert (login, admin) == (f"{site}login/", f"{site}admin/")
            assert "Verify a phone number" in requests.get(site, timeout=30).text
            assert f'href="{inbox.rstrip("/")}"' in requests.get(site, timeout=30).text
            assert requests.get(f"{inbox}_emulator/messages", timeout=30).json() == []
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60)[0] == "Stopped.\n"
        finally:
            process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize("debug", ["0", "1"])
def test_the_example_has_no_complaints_and_no_missing_migration(project, debug):
    checked = run(project, "check", "--fail-level", "WARNING", D7VERIFY_DEBUG=debug)
    assert (checked.returncode, checked.stderr) == (0, "")
    if debug == "1":
        missing = run(project, "makemigrations", "--check", "--dry-run")
        assert missing.returncode == 0, missing.stdout
