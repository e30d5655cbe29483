"""``manage.py d7verify_prune``: delete what was kept for long enough, as a daily job."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services


class Command(BaseCommand):
    """Deletes in small batches; may be interrupted at any time, and run beside itself."""

    help = "Delete sessions, events, numbers and budgets that are no longer needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--dry-run``, ``--batch-size``, ``--json``."""
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")
        parser.add_argument("--batch-size", type=int, default=500, help="rows a transaction")
        parser.add_argument("--json", action="store_true", help="for scripts; no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how much."""
        if options["batch_size"] < 1:
            raise CommandError("--batch-size must be 1 or more.")
        pruned = services.prune(
            dry_run=options["dry_run"],
            batch_size=options["batch_size"],
            report=None if options["json"] else self._show_progress,
        )
        if options["json"]:
            self.stdout.write(json.dumps(pruned))
            return
        for kind, rows in pruned.items():
            self.stdout.write(f"{kind}: {rows}")

    def _show_progress(self, kind: str, rows: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"{kind}: {rows}\r", ending="")
            self.stdout.flush()
