"""``check --deploy``: every trap of a careless site by name, and silence on the example's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_checks import find_ids

ROOT = Path(__file__).resolve().parent.parent
#: What the example's production settings take, and any site's that are made after them.
PRODUCTION = {
    "SECRET_KEY": "k" * 25 + "abcdefghijklmnopqrstuvwxyz0123456789",
    "HOST": "www.example.com",
    "DATABASE_URL": "postgresql://site:secret@127.0.0.1:5432/site",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "D7VERIFY_API_TOKEN": "a-token-of-d7",
    "D7VERIFY_SECRET_KEY": "another-" + "x" * 40,
    "D7VERIFY_REPORT_SECRET": "0123456789abcdef",
}
#: Said of the other database, or of no proxy where there is one.
EXCLUDED = {"W007", "I002"}


def check(settings: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``manage.py check --deploy`` in a process of its own, with no more environment."""
    known = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    command = ["example_project/manage.py", "check", "--deploy", "--fail-level", "INFO"]
    return subprocess.run(
        [sys.executable, "-B", "-W", "error", *command],
        cwd=ROOT,
        env={**known, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": settings, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def find_deployment_ids() -> set[str]:
    text = (ROOT / "django_d7verify" / "checks" / "deployment.py").read_text()
    return set(re.findall(r"d7verify\.(\w\d{3})", text))


def test_on_a_careless_site_every_trap_is_named():
    done = check("tests.careless")
    assert done.returncode == 1
    named = set(re.findall(r"d7verify\.(\w\d{3})", done.stderr))
    assert named == find_deployment_ids() - EXCLUDED
    assert named < find_ids().keys()


def test_on_the_examples_production_settings_it_is_silent():
    done = check("example_site.production", **PRODUCTION)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "System check identified no issues (0 silenced).\n"


@pytest.mark.parametrize("missing", sorted(PRODUCTION))
def test_production_does_not_start_without_what_only_the_site_can_choose(missing: str):
    given = {name: value for name, value in PRODUCTION.items() if name != missing}
    done = check("example_site.production", **given)
    assert done.returncode == 1
    assert f"Set {missing}." in done.stderr
    assert PRODUCTION["D7VERIFY_API_TOKEN"] not in done.stderr
