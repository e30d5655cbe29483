"""``manage.py d7verify_doctor``: whether the site is fit to send codes."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services


class Command(BaseCommand):
    """Looks at settings, providers, cache, clock and report URL; exits with 1 on a failure."""

    help = "Look at everything that codes depend on, a line each."
    # It says what the checks say, as findings of its own.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--send``, ``--json``."""
        parser.add_argument("--send", metavar="NUMBER", help="send a code too; costs money")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each finding, as it is found."""
        findings = []
        for finding in services.examine(send_to=options["send"]):
            findings.append(finding)
            if not options["json"]:
                self.stdout.write(f"{finding.level:<4}  {finding.subject}: {finding.text}")
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        failed = sum(finding.level == "fail" for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} failed.")
