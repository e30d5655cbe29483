"""Gateways for codes that carry no texts, or none that arrives."""

from __future__ import annotations

from typing import ClassVar

from django_d7verify import exceptions
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import Receipt


class CodesOnlyGateway(locmem.LocMemGateway):
    sends_texts: ClassVar[bool] = False


class MuteGateway(locmem.LocMemGateway):
    """Fails each text with *fault*, an error of ours by name."""

    def __init__(self, *, alias: str, fault: str) -> None:
        super().__init__(alias=alias)
        self.fault = getattr(exceptions, fault)

    def send_text(self, recipient: str, text: str) -> Receipt:
        raise self.fault("Not told.")
