"""
Mutants of the conditional UPDATEs: each has lost one clause, and a test must fail for it.

Finds every queryset method of ``django_d7verify/models`` that ends in an UPDATE, and every clause
of its WHERE, also of those that it gets from a helper as ``open_at``. Makes the method anew from
its source, without one of them; ``test_transitions.py`` puts it in the place of the real one, and
runs that method's cases.
"""

from __future__ import annotations

import ast
import copy
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django_d7verify import models

FOLDER = Path(models.__file__).parent


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
    container: list[Any]
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
    return sorted(FOLDER.glob("*.py"))


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
                spots.append(Spot(ast.unparse(argument), inside, argument, []))
        elif name in methods:
            # Lists that are put together for a helper, as (*limits, *guards).
            for part in [arg for arg in call.args if isinstance(arg, ast.Tuple)]:
                spots += [Spot(ast.unparse(each), part.elts, each, []) for each in part.elts]
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
        spots.append(Spot(f"{words} of {ast.unparse(loop.iter)}", made.generators, loop, [lesser]))
    return spots


def find_queryset(clause: Clause) -> type:
    """The class that has the clause's method."""
    module = importlib.import_module(f"{models.__name__}.{Path(clause.module).stem}")
    found: type = getattr(module, clause.owner)
    return found


def make_mutant(clause: Clause, *, drop: bool = True) -> dict[str, Callable[..., Any]]:
    """The method without the clause, by name, and copies of the helpers that it calls."""
    tree = ast.parse((FOLDER / clause.module).read_text())
    owner = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == clause.owner
    )
    methods = _get_methods(owner)
    function = methods[clause.method]
    mutant: list[ast.stmt] = [function]
    for helper in clause.helpers:
        made = copy.deepcopy(methods[helper])
        made.name = f"{helper}_of_{clause.method}"
        mutant.append(made)
        for name, call in _find_calls(function):
            if name == helper:
                assert isinstance(call.func, ast.Attribute)
                call.func.attr = made.name
        function = made
    if drop:
        find_in(function, methods)[clause.index].drop()
    code = compile(ast.fix_missing_locations(ast.Module(mutant, [])), clause.module, "exec")
    functions: dict[str, Callable[..., Any]] = {}
    names = vars(importlib.import_module(find_queryset(clause).__module__))
    exec(code, names, functions)  # noqa: S102 - the package's own source
    return functions
