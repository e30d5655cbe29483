"""``d7verify_emulator``: both providers' servers on this machine, with an inbox page."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_d7verify.emulator.foreground import run_until_stopped


class Command(BaseCommand):
    """Run the emulator until Ctrl-C. It needs no settings of the app and no database."""

    help = "Run both providers' servers on this machine, with an inbox page at their address."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8600, help="0 is any free port")

    def handle(self, *_args: object, **options: object) -> None:
        """Serve; the first line printed is the URL."""
        host, port = str(options["host"]), int(str(options["port"]))
        try:
            run_until_stopped(host, port, self._write_line)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error}") from error

    def _write_line(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
