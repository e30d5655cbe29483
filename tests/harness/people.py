"""Somebody at the site: a number nobody has seen before, and codes of one kind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.words import EventKind

from .answers import Answer
from .site import Site

_numbers = itertools.count(1_000_000)


@dataclass(frozen=True)
class Kind:
    """Who makes the codes, and where the provider is called for them."""

    #: A purpose of the site, and the gateway that it sends by.
    purpose: str
    send_path: str
    resend_path: str
    verify_path: str = ""

    @property
    def is_own(self) -> bool:
        """The site makes and compares them."""
        return not self.verify_path

    @property
    def hasty_purpose(self) -> str:
        """The same with short time-outs."""
        return f"{self.purpose}-hasty"


KINDS = {
    "own codes": Kind("own", "/messages/v1/send", "/messages/v1/send"),
    "provider-made codes": Kind(
        "made",
        "/verify/v1/otp/send-otp",
        "/verify/v1/otp/resend-otp",
        "/verify/v1/otp/verify-otp",
    ),
}


def make_number(prefix: str = "+97150") -> str:
    """A valid mobile number that no test has used; at home by default."""
    return f"{prefix}{next(_numbers)}"


def make_wrong(code: str, variant: int = 1) -> str:
    """A different wrong code for each *variant*, from 1 to 999,999."""
    return f"{(int(code) + variant) % 1_000_000:06}"


class Person:
    """One number; what they do by HTTP, what is on their phone and what the site has on them."""

    def __init__(self, site: Site, kind: Kind, number: str = "") -> None:
        self.site = site
        self.kind = kind
        self.number = number or make_number()
        self.purpose = kind.purpose

    # By HTTP.

    def send(self) -> Answer:
        return self.site.post("send/", recipient=self.number, purpose=self.purpose)

    def resend(self, otp_id: str) -> Answer:
        return self.site.post("resend/", otp_id=otp_id)

    def verify(self, otp_id: str, code: str) -> Answer:
        return self.site.post("verify/", otp_id=otp_id, otp_code=code)

    def get_otp_id(self) -> str:
        """Ask for a code; the session's id."""
        answer = self.send()
        assert answer.status == 201, answer
        return str(answer["otp_id"])

    # On the phone, and at the provider.

    def codes(self) -> list[str]:
        """Every code that came, the newest last."""
        return [str(message["code"]) for message in self.site.emulator.messages(self.number)]

    def newest_code(self) -> str:
        return self.codes()[-1]

    def count_asked(self) -> int:
        """How often the provider compared a code, of anybody's, in this test."""
        calls = self.site.emulator.calls(self.kind.verify_path) if self.kind.verify_path else []
        return len(calls)

    # In the database.

    def recipient(self) -> Recipient:
        found: Recipient = Recipient.objects.get(number=self.number)
        return found

    def sessions(self) -> list[OTPSession]:
        return list(OTPSession.objects.filter(recipient=self.number).order_by("created_at"))

    def session(self) -> OTPSession:
        """The newest."""
        return self.sessions()[-1]

    def pins(self) -> list[Pin]:
        return list(Pin.objects.filter(session__recipient=self.number).order_by("pk"))

    def kinds_of_events(self) -> list[str]:
        """What happened, but for delivery reports, which come when they like."""
        events = Event.objects.filter(session__recipient=self.number).order_by("pk")
        kinds = events.exclude(kind=EventKind.DELIVERY).values_list("kind", flat=True)
        return [str(kind) for kind in kinds]
