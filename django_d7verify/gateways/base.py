"""
The contract between the services and whatever carries a code.

A gateway maps it onto one provider's client. It knows no models and keeps no state of a session:
what it needs is handed in, what it learns goes back in a ``Receipt`` or a ``Verdict``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from django.core.checks import CheckMessage

from django_d7verify.words import Alphabet, Verdict

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

    @property
    def text(self) -> str:
        """What the person reads. Raises ``ValueError`` where the provider makes the code."""
        if self.code is None:
            raise ValueError("The code of this message is the provider's.")
        return self.content.replace(PLACEHOLDER, self.code, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took a message."""

    #: The provider's id for it, at most 64 characters; "" where it gives none.
    reference: str = ""
    #: Seconds that the code lives by the provider's word; None where it does not say.
    expiry_seconds: int | None = None
    #: The provider's words, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


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

    def __init__(self, *, alias: str) -> None:
        self.alias = alias

    @abstractmethod
    def send(self, message: CodeMessage) -> Receipt:
        """Send a code. Costs money and is not idempotent: never again after an uncertain end."""

    def resend(self, reference: str, message: CodeMessage) -> Receipt:
        """Send the next code of the session that *reference* named; by default, send anew."""
        return self.send(message)

    def verify(self, reference: str, code: str) -> Verdict:
        """The provider's word on *code*. Only where ``makes_codes``."""
        raise NotImplementedError(f"{type(self).__name__} does not check codes.")

    def get_verdict(self, reference: str) -> Verdict:
        """What became of the code that *reference* names, without trying one."""
        return Verdict.UNKNOWN

    def check(self) -> Iterable[CheckMessage]:
        """What is wrong with its options, for Django's system checks; asks no network."""
        return []
