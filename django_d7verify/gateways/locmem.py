"""For tests: codes are kept in ``outbox``, as Django's locmem mail backend does."""

from __future__ import annotations

from typing import ClassVar

from .base import CodeMessage, Gateway, Receipt

#: Messages of this process, newest last; tests empty it with ``outbox.clear()``.
outbox: list[CodeMessage] = []
#: Texts without a code, as number and text.
notices: list[tuple[str, str]] = []


class LocMemGateway(Gateway):
    """Appends each message to ``outbox``; sends nothing."""

    for_development: ClassVar[bool] = True
    sends_texts: ClassVar[bool] = True

    def send(self, message: CodeMessage) -> Receipt:
        """Keep *message*."""
        outbox.append(message)
        return Receipt(reference=f"locmem-{len(outbox)}")

    def send_text(self, recipient: str, text: str) -> Receipt:
        """Keep *text* among the ``notices``."""
        notices.append((recipient, text))
        return Receipt()
