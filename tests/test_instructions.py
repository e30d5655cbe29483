"""Every command that the README names: it is there, and takes what it is given."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandParser

from .guide import SECTION
from .readme import BLOCKS, PIECES, ROOT, read_table, read_words

COMMANDS = {path.stem for path in (ROOT / "django_d7verify/management/commands").glob("d7*.py")}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text()


def find_commands() -> list[tuple[str, str]]:
    """Each line of a shell, in a block or in back ticks, with where it stands."""
    found = []
    for piece in PIECES:
        if piece.kind != "block":
            words = [word for word in read_words(piece.text) if read_kind(word)]
            found += [(str(piece), word) for word in words]
        # The guide's own are run, all of them.
        elif piece.language == "sh" and piece.section != SECTION:
            lines = [line.partition("  #")[0].strip() for line in piece.text.splitlines()]
            found += [(str(piece), line) for line in lines if line]
    return found


def read_kind(line: str) -> str:
    """What runs *line*: make, pip, manage.py, a module; "" where it is no command of a shell."""
    kinds = {
        "make": r"make [a-z]",
        "pip": r"(\S+/python -m )?pip install ",
        "manage": r"((\S+/)?python )?(\S+/)?manage\.py [a-z]|d7verify_\w+( |$)|check --",
        "module": r"(\S+/)?python3? -m ",
        "gunicorn": r"gunicorn ",
        "file": r"\.ci/",
    }
    return next((kind for kind, start in kinds.items() if re.match(start, line)), "")


@pytest.mark.parametrize(("place", "line"), find_commands())
def test_a_command_is_there_and_takes_what_it_is_given(place: str, line: str):
    words = shlex.split(line)
    CHECKS[read_kind(line)](words)


def check_make(words: list[str]) -> None:
    _make, target, *variables = words
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert recipe, target
    for variable in variables:
        name, _, value = variable.partition("=")
        assert f"$({name})" in recipe[1] or f"$({name}:" in recipe[1], variable
        if name == "ARGS":
            check_manage(["manage.py", target, *shlex.split(value)])


def check_pip(words: list[str]) -> None:
    package = words[-1]
    name, _, extras = package.rstrip("]").partition("[")
    assert name in {".", "django-d7verify"}
    assert {*filter(None, extras.split(","))} <= EXTRAS.keys()
    assert set(words) <= {*words[: words.index("install") + 1], "--upgrade", "-e", package}


def check_manage(words: list[str]) -> None:
    start = next(place for place, word in enumerate(words) if word in {"demo", *get_commands()})
    name, *rest = words[start:]
    assert {word for word in rest if word.startswith("--")} <= find_options(name)


def find_options(name: str) -> set[str]:
    if name == "demo":  # Of the example, which is no app of the tests.
        path = ROOT / "example_project/demo/management/commands/demo.py"
        return set(re.findall(r'add_argument\("(--\w+)"', path.read_text()))
    return set(make_parser(name)._option_string_actions)


def make_parser(name: str) -> CommandParser:
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    return command.create_parser("manage.py", name)


def check_module(words: list[str]) -> None:
    name, *rest = words[words.index("-m") + 1 :]
    spec = importlib.util.find_spec(name)
    assert spec, name
    for option in (word for word in rest if word.startswith("--")):
        assert f'"{option}"' in Path(str(spec.origin)).read_text(), option


def check_gunicorn(words: list[str]) -> None:
    from gunicorn.config import Config

    options = Config().parser()._option_string_actions
    assert {word for word in words if word.startswith("--")} <= options.keys()


def check_file(words: list[str]) -> None:
    assert os.access(ROOT / words[0], os.X_OK)


CHECKS = {
    "make": check_make,
    "pip": check_pip,
    "manage": check_manage,
    "module": check_module,
    "gunicorn": check_gunicorn,
    "file": check_file,
}


def test_all_kinds_of_commands_are_found():
    assert {read_kind(line) for _, line in find_commands()} == CHECKS.keys()


def test_every_command_of_the_app_stands_in_its_table_with_options_that_it_has():
    rows = {}
    for call, does in read_table("`manage.py …`"):
        name, *arguments = read_words(call)[0].split()
        rows[name] = (arguments, does)
    assert rows.keys() == COMMANDS
    for name, (arguments, does) in rows.items():
        assert set(re.findall(r"--[a-z-]+", does)) <= find_options(name), name
        assert len(arguments) == len(make_parser(name)._get_positional_actions()), name
    takes = [name for name in rows if "--json" in find_options(name)]
    assert takes == [*rows][:-4], "All but the last four take --json."


def test_the_demo_that_a_newcomer_runs_is_what_ci_runs():
    [block] = [block for block in BLOCKS if block.name == "demo"]
    commands = [line.partition("  #")[0].strip() for line in block.text.splitlines()]
    assert commands == ["make demo", "make demo ARGS=--check"]
    assert '"demo: make demo ARGS=--check" make demo ARGS=--check' in (ROOT / ".ci/run").read_text()
