"""For development: codes are written to the terminal."""

from __future__ import annotations

import sys
from typing import ClassVar

from .base import CodeMessage, Gateway, Receipt


class ConsoleGateway(Gateway):
    """Writes each message to standard output; sends nothing."""

    for_development: ClassVar[bool] = True
    sends_texts: ClassVar[bool] = True

    def send(self, message: CodeMessage) -> Receipt:
        """Write *message*, code and all."""
        return self.send_text(message.recipient, message.text)

    def send_text(self, recipient: str, text: str) -> Receipt:
        """Write *text*."""
        sys.stdout.write(f"To {recipient}: {text}\n")
        sys.stdout.flush()
        return Receipt()
