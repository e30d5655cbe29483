"""
The contract between the services and whatever carries a code.

A gateway maps it onto one provider's client. It knows no models and keeps no state of a session:
what it needs is handed in, what it learns goes back in a ``Receipt`` or a ``Verdict``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from django.core.checks import CheckMessage

from django_d7verify.conf import conf
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.texts import TextLimits, TextRefused, TextSize, measure
from django_d7verify.words import Alphabet, Delivery, Verdict

from .breaker import Breaker

PLACEHOLDER = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMessage:
    """One code to be sent: to whom, in what words, for how long. Durations in seconds."""

    recipient: str = field(repr=False)
    #: Text; the code stands where the first ``{}`` is.
    content: str
    #: Ours, or None where the provider makes it.
    code: str | None = field(repr=False)
    code_length: int
    code_alphabet: Alphabet
    expiry_seconds: int
    resend_wait_seconds: int
    max_resends: int
    #: Host that the code is for; browsers then offer the code to that host's pages only.
    origin_host: str = ""
    #: By ``Gateway.make_reference``, and stored already: reports may be quicker than the answer.
    reference: str = ""

    @property
    def text(self) -> str:
        """
        What the person reads. Raises ``ValueError`` where the provider makes the code.

        The last line is the origin-bound one (WICG sms-one-time-codes, read 2026-11-21): nothing
        before the at sign, one blank, nothing after.
        """
        if self.code is None:
            raise ValueError("The code of this message is the provider's.")
        text = self.content.replace(PLACEHOLDER, self.code, 1)
        return f"{text}\n\n@{self.origin_host} #{self.code}" if self.origin_host else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took a message."""

    #: The provider's id for it, at most 64 characters; "" where it gives none.
    reference: str = ""
    #: Seconds that the code lives by the provider's word; None where it does not say.
    expiry_seconds: int | None = None
    #: By our count; the provider's own comes with its report. None where it makes the text.
    parts: int | None = None
    #: The provider's words, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """The provider's later word on a message."""

    reference: str
    delivery: Delivery
    #: The provider's own word, at most 32 characters.
    word: str
    #: E.164 with the plus; "" where the report does not say.
    recipient: str = field(default="", repr=False)
    #: The provider's id of this one message; "" where it has none.
    message_id: str = ""
    #: As billed; None where the report does not say.
    parts: int | None = None
    #: In the account's currency; None where the report does not say.
    cost: Decimal | None = None


class Gateway(ABC):
    """
    How this site sends codes, made once per process and alias; shared by threads.

    Options are keyword arguments with types, so a misspelt one fails in Python's own words.
    ``send``, ``resend`` and ``verify`` wait for the network (10 s at the most) and raise a
    ``GatewayError`` or, where the provider refuses the credentials, ``ConfigurationError``.
    """

    #: The provider makes and checks the code; ours never leaves this side otherwise.
    makes_codes: ClassVar[bool] = False
    #: Only for development and tests: codes do not go to phones.
    for_development: ClassVar[bool] = False
    #: Seconds that a code lives whatever is asked for; None where the caller chooses.
    fixed_expiry_seconds: ClassVar[int | None] = None
    #: Alphabet of the codes whatever is asked for; None where the caller chooses.
    fixed_alphabet: ClassVar[Alphabet | None] = None
    #: How the provider calls with its reports, "POST" or "GET"; None where it does not.
    report_method: ClassVar[str | None] = None
    #: The provider can be asked how a message stands.
    polls: ClassVar[bool] = False
    #: The provider keeps a list of numbers for the account, which does not block by itself.
    keeps_blacklist: ClassVar[bool] = False
    #: It carries texts of ours, and not only codes: ``send_text``.
    sends_texts: ClassVar[bool] = False
    #: What a message of this provider holds; None where it is not ours to count.
    text_limits: TextLimits | None = None

    def __init__(self, *, alias: str) -> None:
        self.alias = alias
        self.breaker = Breaker(alias)

    def make_reference(self) -> str:
        """
        An id of ours for a message with a code of ours; "" where the provider makes its own.

        Under it a report is known that comes before the answer, or in place of a lost one.
        """
        return ""

    @abstractmethod
    def send(self, message: CodeMessage) -> Receipt:
        """Send a code. Costs money and is not idempotent: never again after an uncertain end."""

    def send_text(self, recipient: str, text: str) -> Receipt:
        """Send a text that has no code in it. Only where ``sends_texts``; as ``send``."""
        raise NotImplementedError(f"{type(self).__name__} carries no texts of ours.")

    def resend(self, reference: str, message: CodeMessage) -> Receipt:
        """Send the next code of the session that *reference* named; by default, send anew."""
        return self.send(message)

    def verify(self, reference: str, code: str) -> Verdict:
        """The provider's word on *code*. Only where ``makes_codes``."""
        raise NotImplementedError(f"{type(self).__name__} does not check codes.")

    def get_verdict(self, reference: str) -> Verdict:
        """What became of the code that *reference* names, without trying one."""
        return Verdict.UNKNOWN

    def parse_report(self, fields: Mapping[str, str]) -> DeliveryReport | None:
        """The delivery report in *fields*, which come from anywhere; None where they hold none."""
        return None

    def get_delivery(self, reference: str, recipient: str) -> DeliveryReport | None:
        """Ask how a message stands. Only where ``polls``; None where it is not known yet."""
        return None

    def get_balance(self) -> Decimal | None:
        """What is left on the account, in its currency; None where the provider does not tell."""
        return None

    def get_blacklist(self) -> Iterable[str]:
        """The provider's list, E.164 with the plus. Only where ``keeps_blacklist``."""
        raise NotImplementedError(f"{type(self).__name__} keeps no blacklist.")

    def add_to_blacklist(self, number: str) -> None:
        """Put *number*, E.164, on the provider's list. Only where ``keeps_blacklist``."""
        raise NotImplementedError(f"{type(self).__name__} keeps no blacklist.")

    def measure(self, text: str) -> TextSize | None:
        """
        How long *text* is on this provider's wire; None where it is not ours to count.

        Raises ``ConfigurationError`` for a text that cannot be sent.
        """
        if self.text_limits is None:
            return None
        try:
            return measure(text, self.text_limits)
        except TextRefused as error:
            raise ConfigurationError(f"The text of codes: {error}") from None

    def get_report_url(self) -> str | None:
        """Where this provider is to send its reports: ``REPORT_URL``, the alias, the secret."""
        if not conf.REPORT_URL or not conf.REPORT_SECRETS:
            return None
        return f"{conf.REPORT_URL.rstrip('/')}/{self.alias}/{conf.REPORT_SECRETS[0]}/"

    def check(self) -> Iterable[CheckMessage]:
        """What is wrong with its options, for Django's system checks; asks no network."""
        return []
