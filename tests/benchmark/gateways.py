"""Gateways without a network: what is measured is ours."""

from __future__ import annotations

import threading
from typing import ClassVar

from django_d7verify.gateways.base import CodeMessage, Gateway, Receipt

#: By recipient, the last code of this process.
codes: dict[str, str] = {}
GATEWAY_SECONDS = 0.3


class QuietGateway(Gateway):
    """Keeps the code, at no cost."""

    for_development: ClassVar[bool] = True

    def send(self, message: CodeMessage) -> Receipt:
        codes[message.recipient] = message.code or ""
        return Receipt(reference="b2b6a5de-47a0-4f7c-a6b9-6e25f3f0a0b1")


class SlowGateway(QuietGateway):
    """Answers after 300 ms, in which a thread of the site does nothing else."""

    def send(self, message: CodeMessage) -> Receipt:
        threading.Event().wait(GATEWAY_SECONDS)
        return super().send(message)
