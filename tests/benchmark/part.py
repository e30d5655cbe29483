"""One part of a run, in a process of its own: ``python -m tests.benchmark.part cpu``."""

from __future__ import annotations

import importlib
import json
import sys

import django


def main() -> None:
    """Measure the part that the command line names; rows as JSON on standard output."""
    name, *flags = sys.argv[1:]
    django.setup()
    part = importlib.import_module(f"tests.benchmark.{name}")
    print(json.dumps(part.measure(quick="--quick" in flags)))


if __name__ == "__main__":
    main()
