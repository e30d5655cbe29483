"""``manage.py d7verify_send``: send a code by hand, to see that a gateway works."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import D7VerifyError
from django_d7verify.words import VERIFY


class Command(BaseCommand):
    """Sends one code; costs money. The number's limits hold for it as for any other."""

    help = "Send a code to a number."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whom to, what for, and through what."""
        parser.add_argument("recipient", help="a phone number with its country code")
        parser.add_argument("--purpose", default=VERIFY)
        parser.add_argument("--gateway", default=None, help="an alias of GATEWAYS")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, and print the session."""
        try:
            otp = services.send_otp(
                options["recipient"], purpose=options["purpose"], gateway=options["gateway"]
            )
        except (D7VerifyError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(
                json.dumps({"otp_id": otp.otp_id, "status": otp.status, "expiry": otp.expiry})
            )
        else:
            self.stdout.write(f"Sent to {otp.masked_recipient}: {otp.otp_id}")
