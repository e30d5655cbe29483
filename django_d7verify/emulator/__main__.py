"""``python -m django_d7verify.emulator --port 8600``: the emulator without Django."""

from __future__ import annotations

import argparse
import sys

from .foreground import run_until_stopped


def main() -> int:
    """Run until stopped; 1 where the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m django_d7verify.emulator",
        description="Both providers' servers on this machine, with an inbox page.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8600, help="0 is any free port")
    options = parser.parse_args()
    try:
        run_until_stopped(options.host, options.port, _write_line)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"Cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    return 0


def _write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
