"""
Mutation test of the conditional UPDATEs: does a test fail for each clause that one has lost?

::

    python tests/mutations.py [WORD ...]

Finds every queryset method of ``django_d7verify/models`` that ends in an UPDATE, and every clause
of its WHERE, also of those that it gets from a helper as ``open_at``. Drops one clause at a time,
of one method, in a copy of the package in a temporary folder, and runs the tests of that method
in ``tests/test_transitions.py`` on that copy, on SQLite. Prints a table and exits with 1 if any
mutant is not caught. With words, only mutants whose line has one of them.
"""

from __future__ import annotations

import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = Path("django_d7verify", "models")
TESTS = "tests/test_transitions.py"
#: Compares the clauses with the cases, so it would fail of any mutant.
COMPLETENESS = f"{TESTS}::test_every_clause_of_every_conditional_update_has_a_case"
COPIED = [
    "pyproject.toml",
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/logging_in.py",
    "tests/settings.py",
    "tests/urls.py",
    "tests/mutations.py",
    TESTS,
]
JOBS = 2
TIMEOUT_SECONDS = 120
_TESTS_FAILED = 1


@dataclass(frozen=True)
class Clause:
    """One condition of the WHERE of one method, and where it is written."""

    module: str
    owner: str
    method: str
    #: Methods called one by the other, the last of which has the clause; () for the method itself.
    helpers: tuple[str, ...]
    #: Among the clauses of that function, in the order of ``find_in``.
    index: int
    words: str

    @property
    def where(self) -> str:
        """As ``OTPSession.claim_resend``."""
        return f"{self.owner.removesuffix('QuerySet')}.{self.method}"

    @property
    def text(self) -> str:
        """As ``open_at: expires_at__gt=now``."""
        return ": ".join([*self.helpers, self.words])


@dataclass
class Spot:
    """A clause in a tree: the list that it stands in, and what to leave of it."""

    words: str
    container: list[ast.AST]
    node: ast.AST
    rest: list[ast.AST]

    def drop(self) -> None:
        """Take it out."""
        place = next(i for i, node in enumerate(self.container) if node is self.node)
        self.container[place : place + 1] = self.rest


def find_clauses() -> list[Clause]:
    """Every clause of every conditional UPDATE, in the order of the source."""
    return [
        clause
        for path in find_modules()
        for clause in _find_in_module(path.name, ast.parse(path.read_text()))
    ]


def find_modules() -> list[Path]:
    """The modules that queryset methods may stand in."""
    return sorted((ROOT / MODELS).glob("*.py"))


def _find_in_module(module: str, tree: ast.Module) -> Iterator[Clause]:
    for owner in tree.body:
        if not isinstance(owner, ast.ClassDef) or not owner.name.endswith("QuerySet"):
            continue
        methods = _get_methods(owner)
        for name, method in methods.items():
            if not name.startswith("_") and _updates(method, methods):
                made = Clause(module, owner.name, name, (), 0, "")
                yield from _find_in_method(made, method, methods)


def _get_methods(owner: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in owner.body if isinstance(node, ast.FunctionDef)}


def _find_calls(function: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call of an attribute, with its name, in the order of the source."""
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    # The end: of calls in a chain, the first to be made ends first.
    for call in sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0)):
        assert isinstance(call.func, ast.Attribute)
        yield call.func.attr, call


def _updates(function: ast.FunctionDef, methods: dict[str, ast.FunctionDef]) -> bool:
    names = {name for name, _ in _find_calls(function)}
    return "update" in names or any(_updates(methods[name], methods) for name in names & {*methods})


def _find_in_method(
    made: Clause, function: ast.FunctionDef, methods: dict[str, ast.FunctionDef]
) -> Iterator[Clause]:
    for index, spot in enumerate(find_in(function, methods)):
        yield replace(made, index=index, words=spot.words)
    for name, _ in _find_calls(function):
        if name in methods:
            deeper = replace(made, helpers=(*made.helpers, name))
            yield from _find_in_method(deeper, methods[name], methods)


def find_in(function: ast.FunctionDef, methods: dict[str, ast.FunctionDef]) -> list[Spot]:
    """The clauses that *function* itself has, as spots that can be dropped."""
    spots: list[Spot] = []
    for name, call in _find_calls(function):
        if name in {"filter", "exclude"}:
            for argument in [*call.args, *call.keywords]:
                inside = call.args if argument in call.args else call.keywords
                spots.append(Spot(ast.unparse(argument), inside, argument, []))  # type: ignore[arg-type]
        elif name in methods:
            # Lists that are put together for a helper, as (*limits, *guards).
            for part in [arg for arg in call.args if isinstance(arg, ast.Tuple)]:
                spots += [Spot(ast.unparse(each), part.elts, each, []) for each in part.elts]  # type: ignore[arg-type]
    for node in ast.walk(function):
        if isinstance(node, ast.DictComp):
            spots += _find_in_comprehension(node)
    return spots


def _find_in_comprehension(made: ast.DictComp) -> list[Spot]:
    """``{... for limit in limits}`` is a clause for each limit: the first and the last go."""
    (loop,) = made.generators
    if not ast.unparse(made.key).endswith("__lte'"):
        return []
    spots = []
    for words, part in [("the first", "1:"), ("the last", ":-1")]:
        shorter = ast.parse(f"[*{ast.unparse(loop.iter)}][{part}]", mode="eval").body
        lesser = ast.comprehension(loop.target, shorter, loop.ifs, loop.is_async)
        spots.append(
            Spot(f"{words} of {ast.unparse(loop.iter)}", made.generators, loop, [lesser])  # type: ignore[arg-type]
        )
    return spots


def make_mutant(clause: Clause) -> str:
    """The source of the clause's module without it. Helpers are copied, for that method alone."""
    tree = ast.parse((ROOT / MODELS / clause.module).read_text())
    owner = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == clause.owner
    )
    methods = _get_methods(owner)
    function = methods[clause.method]
    for helper in clause.helpers:
        made = copy.deepcopy(methods[helper])
        made.name = f"{helper}_of_{clause.method}"
        owner.body.append(made)
        for name, call in _find_calls(function):
            if name == helper:
                assert isinstance(call.func, ast.Attribute)
                call.func.attr = made.name
        function = made
    find_in(function, methods)[clause.index].drop()
    return ast.unparse(ast.fix_missing_locations(tree))


def run_tests(sources: dict[str, str], *options: str) -> tuple[int, str]:
    """The exit code and output of the tests on a copy with these *sources* of modules."""
    with tempfile.TemporaryDirectory(prefix="d7verify-mutant-") as name:
        folder = Path(name)
        shutil.copytree(
            ROOT / "django_d7verify",
            folder / "django_d7verify",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (folder / "tests").mkdir()
        for path in COPIED:
            shutil.copy(ROOT / path, folder / path)
        for module, source in sources.items():
            (folder / MODELS / module).write_text(source)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("D7VERIFY_")
        }
        environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": name}
        command = [sys.executable, "-m", "pytest", TESTS, "-x", "-q", "--tb=line", *options]
        command += ["--no-migrations", "--deselect", COMPLETENESS]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def judge(clause: Clause) -> str:
    """What became of the mutant, in a word or two. Only tests of its own method count."""
    code, output = run_tests({clause.module: make_mutant(clause)}, "-k", f"{clause.where}-")
    if code == _TESTS_FAILED:
        return "caught"
    return "NOT CAUGHT" if code == 0 else f"BROKEN ({code}): {output[-400:]}"


def main(words: list[str]) -> int:
    """Run, print, and answer the exit code."""
    begun = time.monotonic()
    clauses = [
        clause
        for clause in find_clauses()
        if not words or any(word in f"{clause.where} {clause.text}" for word in words)
    ]
    # As a mutant is written, without a mutation: where these fail, nothing is caught by anything.
    untouched = {path.name: ast.unparse(ast.parse(path.read_text())) for path in find_modules()}
    code, output = run_tests(untouched)
    if code:
        print(f"The tests fail without any mutation:\n{output}")  # noqa: T201
        return 1
    escaped = 0
    with ThreadPoolExecutor(JOBS) as pool:
        for clause, outcome in zip(clauses, pool.map(judge, clauses), strict=True):
            escaped += outcome != "caught"
            print(f"{clause.where:34} | {clause.text:46} | {outcome}", flush=True)  # noqa: T201
    seconds = time.monotonic() - begun
    print(f"{len(clauses) - escaped} of {len(clauses)} caught, in {seconds:.0f} s")  # noqa: T201
    return 1 if escaped or not clauses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
