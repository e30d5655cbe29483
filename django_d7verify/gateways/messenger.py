"""Codes by Direct Messenger. Sources: gateway-apis B.2, B.4, B.5, F.4 (read 2026-11-21)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.views.decorators.debug import sensitive_variables

from django_d7verify.clients.messenger import MessengerClient, check_sender, make_dlruri
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.texts import MESSENGER
from django_d7verify.words import Alphabet, Delivery, Verdict

from .base import CodeMessage, DeliveryReport, Gateway, Receipt

_LONGEST_WORD = 32

#: The provider does not document its values (F.4): words that such services use. Unknown ones
#: are kept as they are and decide nothing.
WORDS = {
    "delivered": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
    "rejected": Delivery.UNDELIVERED,
    "expired": Delivery.UNDELIVERED,
    "failed": Delivery.UNDELIVERED,
    "sent": Delivery.SENT,
    "accepted": Delivery.SENT,
    "queued": Delivery.QUEUED,
    "buffered": Delivery.QUEUED,
}
#: The numbers of Kannel's reports, which many gateways pass on. Set ``delivery_words="kannel"``
#: once they were seen on the account: elsewhere a 1 may mean anything.
KANNEL = {
    "1": Delivery.DELIVERED,
    "2": Delivery.UNDELIVERED,
    "4": Delivery.QUEUED,
    "8": Delivery.SENT,
    "16": Delivery.UNDELIVERED,
}
_TABLES = {"words": WORDS, "kannel": KANNEL}


class _MessengerGateway(Gateway):
    """What both have in common: the account's blacklist, where *blacklist_url* is set."""

    keeps_blacklist: ClassVar[bool] = True
    client: MessengerClient

    def get_blacklist(self) -> Iterable[str]:
        """``GET <blacklist_url>`` (B.3)."""
        return ["+" + entry.receiver.lstrip("+") for entry in self.client.blacklist()]

    def add_to_blacklist(self, number: str) -> None:
        """``POST <blacklist_url>/create`` (B.3)."""
        self.client.blacklist_add(number)


class Messenger2FAGateway(_MessengerGateway):
    """
    Direct Messenger makes the pin, in its own words, and checks it.

    Pins have upper-case letters and digits and live 300 seconds, whatever is asked for. There is
    no resend: a new pin is sent and the old one's id forgotten. Options are those of
    ``MessengerClient``.
    """

    makes_codes: ClassVar[bool] = True
    fixed_expiry_seconds: ClassVar[int | None] = 300
    fixed_alphabet: ClassVar[Alphabet | None] = "alphanumeric"

    def __init__(
        self,
        *,
        alias: str,
        api_token: str,
        pin_send_url: str,
        pin_authenticate_url: str,
        **client_options: Any,
    ) -> None:
        super().__init__(alias=alias)
        self.client = MessengerClient(
            api_token=api_token,
            pin_send_url=pin_send_url,
            pin_authenticate_url=pin_authenticate_url,
            **client_options,
        )

    def send(self, message: CodeMessage) -> Receipt:
        """Send a pin of the asked length."""
        sent = self.client.send_pin(receiver=message.recipient, pin_length=message.code_length)
        return Receipt(reference=sent.pin_id, answer=sent.answer)

    def verify(self, reference: str, code: str) -> Verdict:
        """Authenticate a pin against the id that it was sent with."""
        return self.client.authenticate_pin(pin=code, pin_id=reference)


class MessengerSMSGateway(_MessengerGateway):
    """
    Our own code in a text by Direct Messenger, always with an id of ours for its reports.

    *sender* as in ``check_sender``. *delivery_words* names the table in which the values of
    reports are read, "words" or "kannel". Other options are those of ``MessengerClient``.
    """

    report_method: ClassVar[str | None] = "GET"
    sends_texts: ClassVar[bool] = True
    text_limits = MESSENGER

    def __init__(
        self,
        *,
        alias: str,
        api_token: str,
        sms_url: str,
        sender: str,
        conversion: int | None = 0,
        delivery_words: str = "words",
        **client_options: Any,
    ) -> None:
        super().__init__(alias=alias)
        if delivery_words not in _TABLES:
            raise ConfigurationError(f"delivery_words must be one of {', '.join(_TABLES)}.")
        self.client = MessengerClient(api_token=api_token, sms_url=sms_url, **client_options)
        self.sender = check_sender(sender)
        self.conversion = conversion
        self.delivery_words = _TABLES[delivery_words]

    def make_reference(self) -> str:
        """The id that the message's delivery reports will carry, where there are any."""
        return str(uuid.uuid4()) if self.get_report_url() else ""

    def send(self, message: CodeMessage) -> Receipt:
        """Send the text, under its reference if it has one."""
        reference = message.reference or self.make_reference()
        return self._send(message.recipient, message.text, reference)

    def send_text(self, recipient: str, text: str) -> Receipt:
        """Send the text, under a reference of its own."""
        return self._send(recipient, text, self.make_reference())

    @sensitive_variables()
    def _send(self, recipient: str, text: str, reference: str) -> Receipt:
        size = self.measure(text)
        report_url = self.get_report_url() if reference else None
        sent = self.client.send_sms(
            receiver=recipient,
            smstext=text,
            sender=self.sender,
            conversion=self.conversion,
            dlruri=make_dlruri(report_url) if report_url else None,
            dlrid=reference if report_url else None,
        )
        return Receipt(
            reference=reference if report_url else "",
            parts=size.parts if size else None,
            answer=sent.answer,
        )

    def parse_report(self, fields: Mapping[str, str]) -> DeliveryReport | None:
        """``id`` and ``dlr``, as ``make_dlruri`` named them."""
        reference, word = fields.get("id", ""), fields.get("dlr", "")
        if not reference or not word:
            return None
        delivery = self.delivery_words.get(word.lower(), Delivery.UNKNOWN)
        return DeliveryReport(reference=reference, delivery=delivery, word=word[:_LONGEST_WORD])
