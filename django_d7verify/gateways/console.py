"""For development: codes are written to the terminal."""

from __future__ import annotations

import sys
from typing import ClassVar

from .base import CodeMessage, Gateway, Receipt


class ConsoleGateway(Gateway):
    """Writes each message to standard output; sends nothing."""

    for_development: ClassVar[bool] = True

    def send(self, message: CodeMessage) -> Receipt:
        """Write *message*, code and all."""
        sys.stdout.write(f"To {message.recipient}: {message.text}\n")
        sys.stdout.flush()
        return Receipt()
