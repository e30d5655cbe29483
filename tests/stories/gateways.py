"""Gateways that fail in ways of their own, for codes that we make."""

from __future__ import annotations

from typing import ClassVar

from django_d7verify.exceptions import GatewayRefused, GatewayUncertain
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.words import Verdict


class LossyGateway(locmem.LocMemGateway):
    """Sends each message, and loses the answers to those whose turn is in *lost*, from 1."""

    def __init__(self, *, alias: str, lost: tuple[int, ...]) -> None:
        super().__init__(alias=alias)
        self.lost = lost

    def send(self, message: CodeMessage) -> Receipt:
        receipt = super().send(message)
        if len(locmem.outbox) in self.lost:
            raise GatewayUncertain("The answer was lost.")
        return receipt


class RefusingGateway(locmem.LocMemGateway):
    """Refuses each message but the first; what it refused is in the outbox all the same."""

    def send(self, message: CodeMessage) -> Receipt:
        receipt = super().send(message)
        if len(locmem.outbox) > 1:
            raise GatewayRefused("Not sent.")
        return receipt


class BrokenGateway(locmem.LocMemGateway):
    """A gateway with a bug: it raises what no gateway may, after it has sent."""

    def send(self, message: CodeMessage) -> Receipt:
        super().send(message)
        raise LookupError("A bug in send.")


class BrokenCheckGateway(locmem.LocMemGateway):
    """Makes the codes, and has the bug in its check of them."""

    makes_codes: ClassVar[bool] = True

    def verify(self, reference: str, code: str) -> Verdict:
        raise LookupError("A bug in verify.")


class ReportingGateway(locmem.LocMemGateway):
    """Its provider calls the site with delivery reports."""

    report_method: ClassVar[str | None] = "POST"
    sends_texts: ClassVar[bool] = False
