"""A wheel against the source tree: every file of the package, and nothing else."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKAGE = "django_d7verify"
#: Named, so that a mistake in listing the tree is seen too.
MUST_HAVE = {
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/migrations/0001_initial.py",
    f"{PACKAGE}/emulator/server.py",
    f"{PACKAGE}/management/commands/d7verify_emulator.py",
}


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.endswith("/")}
    own = {name for name in packed if ".dist-info/" not in name}
    tree = list_tree()
    problems = [f"missing: {name}" for name in sorted((tree | MUST_HAVE) - own)]
    problems += [f"not of the package: {name}" for name in sorted(own - tree)]
    if not any(name.endswith("licenses/LICENSE") for name in packed):
        problems.append("no licence")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{Path(wheel).name}: all {len(own)} files of the package")


def list_tree() -> set[str]:
    files = (path for path in Path(PACKAGE).rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


if __name__ == "__main__":
    main(sys.argv[1])
