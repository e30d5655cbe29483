"""``manage.py d7verify_unlock``: forget a number's wrong codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient
from django_d7verify.management.staff import find_user
from django_d7verify.phones import mask_phone


class Command(BaseCommand):
    """Unlocks a number, and enables one that too many wrong codes in a row disabled."""

    help = "Forget a number's wrong codes, and enable it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which, and who does it."""
        parser.add_argument("recipient", help="a phone number with its country code")
        parser.add_argument("--by", metavar="USERNAME", help="who does it, for the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Unlock, and say so."""
        try:
            number = services.parse_recipient(options["recipient"]).number
        except InvalidRecipient as error:
            raise CommandError(str(error)) from None
        if not services.unlock_recipient(number, by=find_user(options["by"])):
            raise CommandError("That number was never seen.")
        self.stdout.write(f"{mask_phone(number)} is unlocked.")
