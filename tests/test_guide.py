"""The README's guide, as CI follows it with the wheel, but on the package that is tested here."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .guide import GUIDE, GuideError, check_database, find_ports, follow, make_environment
from .readme import ROOT, Piece, read_pieces

#: What makes an environment of the guide's own; the tests run in one that has everything.
INSTALLING = re.compile(r"^(python3 -m venv|\. venv/bin/activate|pip install).*\n", re.MULTILINE)


def follow_here(pieces: list[Piece], folder: Path) -> list[str]:
    path = f"{Path(sys.executable).parent}:{make_environment()['PATH']}"
    environment = make_environment(PATH=path, PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    steps = follow(
        pieces,
        folder=folder,
        environment=environment,
        change=lambda text: INSTALLING.sub("", text),
        ports=find_ports(0, 0),
    )
    return list(steps)


def test_who_follows_the_guide_has_phone_login(tmp_path: Path):
    steps = follow_here(GUIDE, tmp_path)
    check_database(tmp_path)
    assert len(steps) == len([piece for piece in GUIDE if piece.kind in {"block", "item"}]) > 20


def test_the_guide_installs_the_package_and_begins_in_an_empty_folder():
    first = next(piece for piece in GUIDE if piece.kind == "block")
    assert first.text.splitlines() == [
        "python3 -m venv venv",
        ". venv/bin/activate",
        "pip install django-d7verify",
        "django-admin startproject mysite .",
    ]


BROKEN = {
    "a block for no file": ("```python\n1\n```\n", "nothing says where this block goes"),
    "an unknown language": ("New file `a.py`:\n\n```html\n```\n", "nothing says where"),
    "no such file": ("At the end of `a.py`:\n\n```python\n1\n```\n", "a.py is not there"),
    "a file twice": ("New file `a.py`:\n\n```python\n1\n```\n" * 2, "a.py is there already"),
    "a command that fails": ("```sh\necho so\nfalse\n```\n", "ends with 1:\nso"),
    "other words": ("```sh\necho 1 two\n```\n\n```text\n… one\n```\n", "prints\n1 two"),
    "fewer words": ("```sh\necho 1\n```\n\n```text\n2\n1\n```\n", "should print\n2\n1\n"),
    "an unknown step": ("1. Think of a number.\n", "nobody knows how to do this: Think"),
    "a server that is not": ("1. Open <http://127.0.0.1:8000/>.\n", "refused"),
    "a page without a form": ("1. Type `+971 50 123 4567`.\n", "asks for []"),
    "a page without a link": ("1. Follow “Next”.\n", "has no link “Next”"),
    "a page without the words": ("1. It says “Yes”.\n", "does not say “Yes”"),
}


@pytest.mark.parametrize(("document", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_guide_that_does_not_work_is_said_to_be_so(document: str, problem: str, tmp_path: Path):
    with pytest.raises(GuideError, match=re.escape(problem)):
        follow_here(list(read_pieces(document)), tmp_path)


def test_a_terminal_keeps_what_is_exported_in_it(tmp_path: Path):
    document = "```sh\nexport WORD=kept\n```\n\n```sh\necho $WORD\n```\n\n```text\nkept\n```\n"
    assert len(follow_here(list(read_pieces(document)), tmp_path)) == 3


def test_a_site_without_verified_numbers_is_not_the_end_of_the_guide(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database:
        database.execute("CREATE TABLE django_d7verify_otpsession (purpose, status)")
        database.execute("CREATE TABLE django_d7verify_phonenumber (number, verified_at)")
    with pytest.raises(GuideError, match="0 numbers are users'"):
        check_database(tmp_path)
