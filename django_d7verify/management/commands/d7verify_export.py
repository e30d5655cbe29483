"""``manage.py d7verify_export``: everything that is kept on one number, for that person."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient


class Command(BaseCommand):
    """Prints JSON with the number in it, in full: it is for the person whose number it is."""

    help = "Print everything that is kept on a number, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which."""
        parser.add_argument("recipient", help="a phone number with its country code")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        try:
            exported = services.export_recipient(options["recipient"])
        except InvalidRecipient as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(exported, indent=2, ensure_ascii=False))
