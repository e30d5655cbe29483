"""Codes by D7 Networks. Sources: gateway-apis A.4 to A.10, F.1 (read 2026-11-21)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.views.decorators.debug import sensitive_variables

from django_d7verify.clients.d7 import D7Client, D7Message
from django_d7verify.clients.d7_answers import make_delivery
from django_d7verify.exceptions import ConfigurationError, GatewayRefused
from django_d7verify.texts import D7, D7_DOCUMENTED, choose_data_coding
from django_d7verify.words import GatewayReason, Verdict

from .base import CodeMessage, DeliveryReport, Gateway, Receipt

_LONGEST_WORD = 32
_LONGEST_ID = 64
_PROFILES = {"standard": D7, "documented": D7_DOCUMENTED}

#: A refused resend after which D7's session is over. It has no documented words for "already
#: verified" and "no resend is left" (A.8), so any refusal in other words is taken for one of them.
_START_ANEW = {GatewayReason.EXPIRED, GatewayReason.UNKNOWN_REFERENCE, GatewayReason.OTHER}


class _D7Gateway(Gateway):
    """What both have in common: the account."""

    client: D7Client

    def get_balance(self) -> Decimal:
        """``GET /messages/v1/balance``."""
        return self.client.balance()


class D7VerifyGateway(_D7Gateway):
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

        Where D7's session is over or not known, nothing was sent, and a new one is begun.
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


class D7MessagesGateway(_D7Gateway):
    """
    Our own code in a text by D7 Messages, its delivery reported or asked for.

    *text_profile* is how D7 counts parts: "standard" (160 and 70) or "documented" (158 and 72,
    gateway-apis D). *num_lookup* has D7 look numbers up first, at a cost. Other options are those
    of ``D7Client`` and of D7's send.
    """

    report_method: ClassVar[str | None] = "POST"
    polls: ClassVar[bool] = True
    sends_texts: ClassVar[bool] = True

    def __init__(
        self,
        *,
        alias: str,
        api_token: str,
        originator: str,
        num_lookup: bool | None = None,
        tag: str | None = None,
        text_profile: str = "standard",
        **client_options: Any,
    ) -> None:
        super().__init__(alias=alias)
        if text_profile not in _PROFILES:
            raise ConfigurationError(f"text_profile must be one of {', '.join(_PROFILES)}.")
        self.client = D7Client(api_token=api_token, **client_options)
        self.text_limits = _PROFILES[text_profile]
        self.originator = originator
        self.num_lookup = num_lookup
        self.tag = tag

    def send(self, message: CodeMessage) -> Receipt:
        """As ``send_text``."""
        return self.send_text(message.recipient, message.text)

    @sensitive_variables()
    def send_text(self, recipient: str, text: str) -> Receipt:
        """``POST /messages/v1/send``. The reference is D7's ``request_id``."""
        size = self.measure(text)
        sms = D7Message(
            recipients=[recipient],
            content=text,
            data_coding=choose_data_coding(text),
            report_url=self.get_report_url(),
            num_lookup=self.num_lookup,
        )
        sent = self.client.send_messages([sms], originator=self.originator, tag=self.tag)
        return Receipt(
            reference=sent.request_id,
            parts=size.parts if size else None,
            answer=sent.answer,
        )

    def parse_report(self, fields: Mapping[str, str]) -> DeliveryReport | None:
        """D7's fields (F.1): ``request_id``, ``msg_id``, ``recipient``, ``status``."""
        reference, word = fields.get("request_id", ""), fields.get("status", "")
        recipient = fields.get("recipient", "").strip()
        message_id = fields.get("msg_id", "")
        if not reference or not word or not recipient:
            return None
        return DeliveryReport(
            reference=reference,
            delivery=make_delivery(word),
            word=word[:_LONGEST_WORD],
            recipient="+" + recipient.lstrip("+"),
            message_id=message_id if len(message_id) <= _LONGEST_ID else "",
        )

    def get_delivery(self, reference: str, recipient: str) -> DeliveryReport | None:
        """``GET /report/v1/message-log/<request_id>``; a log that does not exist yet is None."""
        try:
            log = self.client.message_log(reference)
        except GatewayRefused as error:
            if error.reason == GatewayReason.UNKNOWN_REFERENCE:
                return None
            raise
        # One recipient a request: D7 may mask the number, and need not be matched by it.
        for entry in log.messages[:1]:
            return DeliveryReport(
                reference=reference,
                delivery=entry.delivery,
                word=entry.status[:_LONGEST_WORD],
                recipient=recipient,
                message_id=entry.msg_id,
                parts=entry.parts,
                cost=entry.cost,
            )
        return None
