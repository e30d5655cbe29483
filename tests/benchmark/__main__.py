"""
``python -m tests.benchmark [--quick]``: measure, print the table, write ``.bench/``.

On SQLite, and beside it on the PostgreSQL server of ``D7VERIFY_BENCH_DATABASE_URL``, where the
user may make databases. Each part is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .drawing import draw

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".bench"
#: Parts that are measured on each database, and the ones that need none or only PostgreSQL.
_EVERYWHERE = ("cpu", "served")
_URL = "D7VERIFY_BENCH_DATABASE_URL"


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Measure what a code costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer rows")
    quick = parser.parse_args().quick
    url = os.environ.get(_URL, "")
    rows: list[dict[str, Any]] = []
    for database in filter(None, ["sqlite", url]):
        for part in _EVERYWHERE:
            rows += _run(part, database, quick=quick)
    rows += _run("growth", url or "sqlite", quick=quick)
    rows += _run("pooling", "sqlite", quick=quick)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "bench.json").write_text(json.dumps(rows, indent=2))
    (FOLDER / "bench.svg").write_text(draw(rows))
    print(f"Written to {FOLDER.name}/bench.json and {FOLDER.name}/bench.svg.")


def _run(part: str, database: str, *, quick: bool) -> list[dict[str, Any]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.benchmark.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        _URL: "" if database == "sqlite" else database,
    }
    command = [sys.executable, "-m", "tests.benchmark.part", part, *(["--quick"] if quick else [])]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    # The last line: a part may say more.
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    for row in rows:
        print(f"{row.get('database', ''):11} {row['operation']:45} {_describe(row)}", flush=True)
    return rows


def _describe(row: dict[str, Any]) -> str:
    figures = {name: value for name, value in row.items() if name not in {"database", "operation"}}
    return ", ".join(f"{name} {_format(value)}" for name, value in figures.items())


def _format(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_format, value))
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
