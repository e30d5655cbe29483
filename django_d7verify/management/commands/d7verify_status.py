"""``manage.py d7verify_status``: how sessions and messages stand."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import SessionClosed


class Command(BaseCommand):
    """Shows one session, or asks providers about messages that no last word came of."""

    help = "Show a session, or poll the delivery of messages (for cron)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A session's id, or ``--poll``."""
        parser.add_argument("otp_id", nargs="?", help="the session to show")
        parser.add_argument("--poll", action="store_true", help="ask providers about deliveries")
        parser.add_argument("--limit", type=int, default=500, help="messages to ask about at most")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was asked for."""
        if options["poll"] == bool(options["otp_id"]):
            raise CommandError("Name a session, or give --poll.")
        if options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.")
        if options["poll"]:
            answer: dict[str, Any] = dict(services.poll_deliveries(limit=options["limit"]))
        else:
            answer = self._describe(options["otp_id"])
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in answer.items()))

    def _describe(self, otp_id: str) -> dict[str, Any]:
        try:
            state = asdict(services.get_otp(otp_id))
        except SessionClosed:
            raise CommandError("No session of that id.") from None
        state["recipient"] = state.pop("masked_recipient")
        del state["user_id"]
        return {
            name: str(value) if isinstance(value, str) else value for name, value in state.items()
        }
