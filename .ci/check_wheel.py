"""
The wheel and the sdist against the source tree.

The wheel: every file of the package and nothing else. The sdist: these, the tests and the example.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGE = "django_d7verify"
#: Named, so that a mistake in listing the tree is seen too.
MUST_HAVE = {
    f"{PACKAGE}/{name}"
    for name in (
        "py.typed",
        "migrations/0001_initial.py",
        "templates/d7verify/base.html",
        "templates/admin/django_d7verify/otpsession/statistics.html",
        "static/d7verify/d7verify.css",
        "static/d7verify/d7verify.js",
        "emulator/static/inbox.js",
        "locale/et/LC_MESSAGES/django.mo",
        "locale/ar/LC_MESSAGES/django.mo",
        "emulator/server.py",
        "management/commands/d7verify_emulator.py",
    )
}
BESIDE = {"README.md", "CHANGELOG.md", "LICENSE", "Makefile", "pyproject.toml"}
#: What hatchling adds.
BUILT = {"PKG-INFO", ".gitignore"}


def main(folder: Path) -> None:
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    package = list_tree(PACKAGE)
    source = package | list_tree("tests", "example_project") | BESIDE
    packed, kept = list_wheel(wheel), list_sdist(sdist)
    own = {name for name in packed if ".dist-info/" not in name}
    problems = [
        *(f"not in the wheel: {name}" for name in (package | MUST_HAVE) - own),
        *(f"in the wheel, and not of the package: {name}" for name in own - package),
        *(f"not in the sdist: {name}" for name in (source | MUST_HAVE) - kept),
        *(f"in the sdist, and of no use: {name}" for name in kept - source - BUILT),
    ]
    if not any(name.endswith("licenses/LICENSE") for name in packed):
        problems.append("no licence in the wheel")
    if problems:
        sys.exit("\n".join(sorted(problems)))
    print(f"{wheel.name}: the {len(own)} files of the package; {sdist.name}: {len(kept)} files")


def list_tree(*folders: str) -> set[str]:
    """What git has in *folders*, or would take."""
    options = ["--cached", "--others", "--exclude-standard"]
    command = ["git", "ls-files", *options, "--", *folders]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in names if Path(name).is_file()}


def list_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def list_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        names = [member.name for member in archive if member.isfile()]
    return {name.partition("/")[2] for name in names}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
