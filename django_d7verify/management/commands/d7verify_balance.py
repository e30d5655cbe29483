"""``manage.py d7verify_balance``: what is left on the providers' accounts."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import D7VerifyError


class Command(BaseCommand):
    """Asks each gateway's provider that has a balance to tell; providers name no currency."""

    help = "Show the balance of each gateway's account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--json``."""
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line a gateway."""
        try:
            balances = services.get_balances()
        except (D7VerifyError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            known = {
                alias: None if value is None else str(value) for alias, value in balances.items()
            }
            self.stdout.write(json.dumps(known))
            return
        for alias, balance in balances.items():
            self.stdout.write(f"{alias}: {'not known' if balance is None else balance}")
