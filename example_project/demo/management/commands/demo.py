"""``demo``: the site and the emulator in one process."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from ...people import make_people
from ...serving import run_emulator, run_site
from ...story import Story, StoryError

SITE_PORT = 8000
EMULATOR_PORT = 8600

WELCOME = """
  Verify a number         {site}/
  Log in by phone         {site}/login/
  The admin               {site}/admin/   (ada, with the password ada)
  Phones and their codes  {inbox}/

  No message leaves this machine. Ctrl-C stops both.
"""


class Command(BaseCommand):
    """Run site and emulator until Ctrl-C; or, with ``--check``, play the story and end."""

    help = (
        "Runs the example site and the emulator of the provider until Ctrl-C. With --check: on "
        "free ports and in a database of its own, sends a code, verifies it, and exits 0 or 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="play the story and exit")

    def handle(self, *_args: object, **options: object) -> None:
        # Both by name: a shell that starts us in the background has SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            if options["check"]:
                self._check()
            else:
                self._serve()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _serve(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        make_people()
        with run_emulator(EMULATOR_PORT) as emulator, run_site(SITE_PORT) as site_url:
            self.stdout.write(WELCOME.format(site=site_url, inbox=emulator.url))
            self.stdout.flush()
            threading.Event().wait()

    def _check(self) -> None:
        with quiet(), temporary_database(), run_emulator() as emulator, run_site() as site_url:
            make_people()
            try:
                for line in Story(site_url, emulator.url).play():
                    self.stdout.write(line)
            except StoryError as error:
                self.stdout.write(f"FAIL  {error}")
                raise CommandError(f"The story ended at {error}.") from None
        self.stdout.write("The whole story went well.")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines of refusals that belong to the story; errors are still told."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def temporary_database() -> Iterator[None]:
    """A new database in place of the site's own, by the means of Django's test runner."""
    name = str(connection.settings_dict["NAME"])
    with tempfile.TemporaryDirectory(prefix="d7verify-demo-") as folder:
        new = f"demo_{os.getpid()}"
        if connection.vendor == "sqlite":
            new = os.path.join(folder, f"{new}.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = new
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)
