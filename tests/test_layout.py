"""The shape of the package: what may import what, and what stands nowhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import django_d7verify
from django_d7verify import clients

PACKAGE = Path(django_d7verify.__file__).parent
#: Rows of modules; a row imports rows above it only.
ROWS = [
    {"exceptions", "words"},
    {"conf", "codes", "phones", "signals", "arrivals", "texts"},
    {"clients"},
    {"gateways"},
    {"models"},
    {"limits", "edge", "transactions", "dispatching", "phone_stores"},
    {"services"},
    {"token_strategies"},
    {
        "api",
        "web",
        "webhooks",
        "admin",
        "management",
        "backends",
        "dispatchers",
        "testing",
        "contrib",
        "signal_arguments",
    },
    {"checks", "apps"},
]
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
ALONE = {"emulator", "migrations"}
FORBIDDEN_NAMES = {"utils", "helpers", "constants", "managers", "mixins"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def get_part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def find_imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Each import of *path*, as an absolute dotted name."""
    package = ["django_d7verify", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(read(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{name}.{alias.name}", node) for alias in node.names)


def find_own_parts(path: Path) -> set[str]:
    names = [name for name, _ in find_imports(path) if name.startswith("django_d7verify.")]
    return {name.split(".")[1] for name in names} - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_rows_above_it(path: Path) -> None:
    part = get_part(path)
    if part in ALONE | {"__init__"}:
        return
    assert part in ROW_OF, f"{part} stands in no row"
    for imported in find_own_parts(path) - {part}:
        if part == "apps" and imported == "checks":
            continue
        if part == "management" and imported == "emulator":
            continue
        assert ROW_OF[imported] < ROW_OF[part], f"{part} imports {imported}"


def test_system_checks_import_settings_and_gateways_only() -> None:
    for path in (PACKAGE / "checks").glob("*.py"):
        assert {ROW_OF[name] for name in find_own_parts(path) - {"checks"}} <= {0, 1, 2, 3}


@pytest.mark.parametrize("folder", ["clients", "gateways"])
def test_providers_do_not_import_each_other(folder: str) -> None:
    for path in (PACKAGE / folder).glob("*.py"):
        names = [name for name, _ in find_imports(path)]
        others = {"d7", "messenger"} - {path.stem.split("_")[0]}
        for other in others if path.stem.split("_")[0] in {"d7", "messenger"} else ():
            assert not [name for name in names if f"{folder}.{other}" in name]


def test_the_emulator_imports_the_standard_library_only() -> None:
    for path in (PACKAGE / "emulator").rglob("*.py"):
        for name, _ in find_imports(path):
            root = name.split(".")[0]
            assert root not in {"django", "requests", "rest_framework", "phonenumbers"}, path
            assert root != "django_d7verify" or name.startswith("django_d7verify.emulator"), path


def test_requests_is_imported_by_one_module() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for name, _ in find_imports(path)
        if name.split(".")[0] in {"requests", "urllib3"}
    }
    assert users == {"clients/http.py"}


def test_djangos_settings_are_read_by_one_module() -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for name, _ in find_imports(path)
        if name == "django.conf.settings" and "migrations" not in path.parts
    }
    assert users == {"conf/django_settings.py"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [path for path in MODULES if path.stem in FORBIDDEN_NAMES]


def test_the_app_is_imported_inside_no_function() -> None:
    for path in MODULES:
        for function in ast.walk(read(path)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if path.name == "apps.py":
                    continue
                if isinstance(node, ast.ImportFrom):
                    own = node.level or (node.module or "").startswith("django_d7verify")
                    assert not own, f"{path.name}: {function.name}"


def test_modules_have_at_most_400_lines_and_functions_50() -> None:
    for path in MODULES:
        if "migrations" in path.parts:
            continue
        assert len(path.read_text().splitlines()) <= 400, path
        for node in ast.walk(read(path)):
            if isinstance(node, ast.FunctionDef):
                start = (
                    node.body[0].lineno
                    if ast.get_docstring(node) is None
                    else (node.body[1].lineno if len(node.body) > 1 else node.end_lineno)
                )
                assert (node.end_lineno or 0) - (start or 0) < 50, f"{path.name}: {node.name}"


def test_every_section_that_a_fact_is_cited_from_is_named_with_its_source() -> None:
    named = clients.__doc__ or ""
    for path in MODULES:
        for section in re.findall(r"gateway-apis ([A-H](?:\.\d+)?)", path.read_text()):
            letter = section[0]
            assert re.search(rf"^    .*\b({re.escape(section)}|{letter})\b", named, re.M), section
