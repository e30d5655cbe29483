"""Codes by D7 Networks. Sources: gateway-apis A.7 to A.10 (read 2026-11-21)."""

from __future__ import annotations

from typing import Any, ClassVar

from django_d7verify.clients.d7 import D7Client
from django_d7verify.exceptions import GatewayRefused
from django_d7verify.words import GatewayReason, Verdict

from .base import CodeMessage, Gateway, Receipt

_START_ANEW = {GatewayReason.EXPIRED, GatewayReason.UNKNOWN_REFERENCE}


class D7VerifyGateway(Gateway):
    """
    D7 Verify makes the code, puts it where ``{}`` stands in our text, sends and checks it.

    D7 counts its ``retry_delay`` from its own acceptance, later than our claim by at most
    *total_timeout_seconds*. It is told ours less that, so that a resend asked for at the end of
    our countdown is never too early there; *retry_delay_seconds* sets another. Other options are
    those of ``D7Client`` and of D7's send-otp. Durations in seconds.
    """

    makes_codes: ClassVar[bool] = True

    def __init__(
        self,
        *,
        alias: str,
        api_token: str,
        originator: str,
        data_coding: str = "auto",
        template_id: int | None = None,
        channel: str | None = None,
        retry_delay_seconds: int | None = None,
        success_url: str | None = None,
        failure_url: str | None = None,
        total_timeout_seconds: float = 10,
        **client_options: Any,
    ) -> None:
        super().__init__(alias=alias)
        self.client = D7Client(
            api_token=api_token, total_timeout_seconds=total_timeout_seconds, **client_options
        )
        self.retry_delay_seconds = retry_delay_seconds
        self.total_timeout_seconds = total_timeout_seconds
        self.send_options: dict[str, Any] = {
            "originator": originator,
            "data_coding": data_coding,
            "channel": channel,
            "success_url": success_url,
            "failure_url": failure_url,
        }
        self.template_id = template_id

    def send(self, message: CodeMessage) -> Receipt:
        """``POST /verify/v1/otp/send-otp`` with every limit of ours in it."""
        sent = self.client.send_otp(
            recipient=message.recipient,
            content=message.content if self.template_id is None else None,
            template_id=self.template_id,
            expiry_seconds=message.expiry_seconds,
            retry_delay_seconds=self._retry_delay(message),
            retry_count=message.max_resends + 1,
            otp_code_length=message.code_length,
            otp_type=message.code_alphabet,
            **self.send_options,
        )
        return Receipt(
            reference=sent.otp_id, expiry_seconds=sent.expiry_seconds, answer=sent.answer
        )

    def resend(self, reference: str, message: CodeMessage) -> Receipt:
        """
        ``POST /verify/v1/otp/resend-otp``; its ``otp_id``, which may be another, is kept.

        Where D7 no longer knows the session, nothing was sent, and a new one is begun.
        """
        try:
            sent = self.client.resend_otp(reference)
        except GatewayRefused as error:
            if error.reason in _START_ANEW:
                return self.send(message)
            raise
        return Receipt(
            reference=sent.otp_id, expiry_seconds=sent.expiry_seconds, answer=sent.answer
        )

    def verify(self, reference: str, code: str) -> Verdict:
        """``POST /verify/v1/otp/verify-otp``."""
        return self.client.verify_otp(otp_id=reference, otp_code=code)

    def get_verdict(self, reference: str) -> Verdict:
        """``GET /verify/v1/report/<otp_id>``."""
        return self.client.report(reference)

    def _retry_delay(self, message: CodeMessage) -> int:
        if self.retry_delay_seconds is not None:
            return self.retry_delay_seconds
        return max(1, message.resend_wait_seconds - int(self.total_timeout_seconds))
