"""``manage.py d7verify_erase``: erase everything that is kept on one number."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient
from django_d7verify.management.staff import find_user
from django_d7verify.phones import mask_phone


class Command(BaseCommand):
    """Erases a number, but for its place on the stop list; asks before it does."""

    help = "Erase everything that is kept on a number. It cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which, who does it, and whether to ask."""
        parser.add_argument("recipient", help="a phone number with its country code")
        parser.add_argument("--by", metavar="USERNAME", help="who does it, for the audit")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, erase, and say how much it was."""
        try:
            number = services.parse_recipient(options["recipient"]).number
        except InvalidRecipient as error:
            raise CommandError(str(error)) from None
        by = find_user(options["by"])
        if not options["noinput"] and not self._is_meant(mask_phone(number)):
            raise CommandError("Nothing was erased.")
        erased = services.erase_recipient(number, by=by)
        for kind, rows in erased.items():
            self.stdout.write(f"{kind}: {rows}")

    def _is_meant(self, masked: str) -> bool:
        question = f"Erase everything that is kept on {masked}? It cannot be undone. [yes/no] "
        try:
            return input(question).strip().lower() == "yes"
        except EOFError:  # Nobody is there to ask, as in cron.
            return False
