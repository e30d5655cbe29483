"""What the emulator remembers, as plain rows, and how much of it."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from .clock import make_timestamp

#: The newest rows of each kind are kept.
KEPT_ROWS = 10_000

#: Shapes of a code in a text that carries one, the likeliest first.
_CODE_SHAPES = (
    re.compile(r"(?<![\w+])[0-9]{4,10}(?!\w)"),
    re.compile(r"(?<!\w)(?=[A-Z0-9]*[0-9])[A-Z0-9]{4,20}(?!\w)"),
    re.compile(r"(?<!\w)[A-Z]{4,20}(?!\w)"),
)

Row = TypeVar("Row")


class Newest(Generic[Row]):
    """Rows by id; past *size* the oldest are forgotten."""

    def __init__(self, size: int = KEPT_ROWS) -> None:
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._size = size

    def put(self, reference: str, row: Row) -> None:
        """Keep *row* under *reference*."""
        self._rows[reference] = row
        while len(self._rows) > self._size:
            self._rows.popitem(last=False)

    def find(self, reference: str) -> Row | None:
        """The row of *reference*, or None."""
        return self._rows.get(reference)

    def remove(self, reference: str) -> Row | None:
        """Forget and return the row of *reference*, or None."""
        return self._rows.pop(reference, None)

    def all(self) -> list[Row]:
        """Every row, the oldest first."""
        return list(self._rows.values())

    def clear(self) -> None:
        """Forget every row."""
        self._rows.clear()


@dataclass(slots=True, kw_only=True)
class Message:
    """One text on one phone."""

    id: int
    provider: str
    recipient: str
    originator: str
    text: str
    code: str | None
    reference: str
    encoding: str
    parts: int
    status: str
    at: datetime
    #: The call that sent it; faults of reports are matched against it.
    path: str
    #: D7's id of one message among those of a request (gateway-apis A.5).
    msg_id: str = ""
    report_url: str = ""
    schedule_time: datetime | None = None

    def as_dict(self) -> dict[str, object]:
        """What ``GET /_emulator/messages`` shows."""
        return {
            "id": self.id,
            "provider": self.provider,
            "recipient": self.recipient,
            "originator": self.originator,
            "text": self.text,
            "code": self.code,
            "reference": self.reference,
            "encoding": self.encoding,
            "parts": self.parts,
            "status": self.status,
            "at": make_timestamp(self.at),
        }


@dataclass(slots=True, kw_only=True)
class OneTimeCode:
    """A code that D7 made (gateway-apis A.7)."""

    otp_id: str
    recipient: str
    originator: str
    content: str
    data_coding: str
    otp_type: str
    length: int
    expiry: int
    retry_delay: int
    retry_count: int
    success_url: str
    failure_url: str
    sent_at: datetime
    expires_at: datetime
    #: The newest last; more than one only under ``resend_keeps_old_code``.
    codes: list[str] = field(default_factory=list)
    resends: int = 0
    approved: bool = False


@dataclass(slots=True, kw_only=True)
class SentRequest:
    """One call of ``/messages/v1/send`` or of another channel, for its log (A.5)."""

    request_id: str
    path: str
    channel: str
    accepted_at: datetime
    messages: list[Message] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Pin:
    """A code that Direct Messenger made (B.4)."""

    pin: str
    pin_id: str
    recipient: str
    expires_at: datetime
    authenticated: bool = False


@dataclass(slots=True, kw_only=True)
class BlacklistEntry:
    """A number on the customer's list; it blocks nothing (B.3)."""

    id: int
    receiver: str
    created_at: str
    source: str


def find_code(text: str) -> str | None:
    """
    The likeliest code in *text*, for messages whose code the provider does not know.

    A guess for people and tests: digits first, then capitals with a digit, then the last
    word in capitals.
    """
    for shape in _CODE_SHAPES:
        if found := shape.findall(text):
            return str(found[0] if shape is not _CODE_SHAPES[-1] else found[-1])
    return None
