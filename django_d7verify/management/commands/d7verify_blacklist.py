"""``manage.py d7verify_blacklist``: our stop list, and the provider's beside it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from django_d7verify import services
from django_d7verify.exceptions import D7VerifyError
from django_d7verify.management.staff import find_user


class Command(BaseCommand):
    """Compares and copies what is missing; says how many, and no number."""

    help = "Put numbers on the stop list or take them off, compare it with a provider's list."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do; by default, compare."""
        parser.add_argument("--gateway", default="default", help="alias of a Messenger gateway")
        parser.add_argument("--stop", metavar="NUMBER", help="put a number on our list")
        parser.add_argument("--allow", metavar="NUMBER", help="take a number from our list")
        parser.add_argument("--reason", default="", help="why it is stopped")
        parser.add_argument("--by", metavar="USERNAME", help="who stops or allows, for the audit")
        parser.add_argument("--push", action="store_true", help="add ours to the provider's")
        parser.add_argument("--pull", action="store_true", help="add the provider's to ours")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and print what was done."""
        try:
            answer = self._act(options)
        except (D7VerifyError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in answer.items()))

    def _check(self, options: dict[str, Any]) -> None:
        acts = [options["stop"] is not None, options["allow"] is not None]
        if sum([*acts, options["push"] or options["pull"]]) > 1:
            raise CommandError("Give --stop, --allow, or --push and --pull: one at a time.")

    def _act(self, options: dict[str, Any]) -> dict[str, Any]:
        self._check(options)
        by = find_user(options["by"])
        if options["stop"] is not None:
            reason = options["reason"]
            return {"stopped": services.stop_recipient(options["stop"], reason=reason, by=by)}
        if options["allow"] is not None:
            return {"allowed": services.allow_recipient(options["allow"], by=by)}
        alias = options["gateway"]
        answer: dict[str, Any] = {}
        if options["push"]:
            answer["pushed"] = services.push_blacklist(alias)
        if options["pull"]:
            answer["pulled"] = services.pull_blacklist(alias)
        compared = services.compare_blacklist(alias)
        return {
            **answer,
            "both": len(compared.both),
            "only_ours": len(compared.only_ours),
            "only_theirs": len(compared.only_theirs),
        }
