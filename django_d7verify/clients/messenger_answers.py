"""
What Direct Messenger answers, as values of ours: no provider's word leaves here but in ``answer``.

Source of all shapes: gateway-apis part B, read 2026-11-21. HTTP statuses are not documented there;
what is done with them is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

from django_d7verify.clients.answers import (
    Answer,
    make_error,
    read_reference,
    read_text,
    read_whole_number,
)
from django_d7verify.exceptions import ConfigurationError, GatewayError
from django_d7verify.words import GatewayReason, Verdict

_AUTHENTICATED = "user has been authenticated"

#: By the field complained of and words of the complaint (B.5).
_VERDICTS = {
    ("auth_status", "already been authenticated"): Verdict.ALREADY_APPROVED,
    ("pin", "not found"): Verdict.WRONG,
    ("pin_id", "not matching"): Verdict.WRONG,
    ("expire_time", "expired"): Verdict.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSMS:
    """A text that the provider took for sending."""

    #: What delivery reports will call it; "" without a dlruri: it can then not be followed.
    dlr_id: str
    #: The provider's words on a low balance; "" otherwise.
    warning: str
    #: What the provider said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPin:
    """A pin that the provider made and sent. The pin itself is nowhere."""

    #: Private, as the provider asks: it belongs with the pin.
    pin_id: str = field(repr=False)
    #: The provider's word; only "sent" is documented.
    sms: str
    #: What the provider said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistEntry:
    """A number on the customer's list."""

    id: int
    #: Digits.
    receiver: str = field(repr=False)
    #: Kept as text: the samples have the day before the month (B.3).
    created_at: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Personalized:
    """A text with its variables filled in."""

    id: str
    original_text: str = field(repr=False)
    formatted_text: str = field(repr=False)
    #: As given; "" if none was.
    receiver: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The provider's words on an error: its sentence, and what it says of single fields."""

    message: str = ""
    #: Name as in the request and sentence: ``("dlruri", "The dlruri format is invalid.")``.
    field_errors: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """All sentences in lower case."""
        return " ".join([self.message, *(words for _, words in self.field_errors)]).lower()


def read_complaint(data: object) -> Complaint:
    """
    Read an error's body, which has two shapes (B.1); any other is an empty ``Complaint``.

    ``{"message", "errors": {field: [sentence]}}`` and ``{"message", "error": sentence}``.
    """
    if not isinstance(data, dict):
        return Complaint()
    errors, error = data.get("errors"), data.get("error")
    pairs = [
        (str(name), str(sentence))
        for name, sentences in (errors.items() if isinstance(errors, dict) else ())
        for sentence in (sentences if isinstance(sentences, list) else [sentences])
    ]
    return Complaint(message=error if isinstance(error, str) else "", field_errors=tuple(pairs))


def make_messenger_error(answer: Answer) -> GatewayError | ConfigurationError:
    """Make the exception for an answer that is not a success."""
    complaint = read_complaint(answer.data)
    reason = GatewayReason.OTHER
    if "invalid number" in complaint.words:
        reason = GatewayReason.INVALID_RECIPIENT
    # The words are a guess, nothing is documented (G17).
    elif answer.status == HTTPStatus.PAYMENT_REQUIRED or "credit" in complaint.words:
        reason = GatewayReason.NO_CREDIT
    # A plain no may come with a 200.
    refused = answer.ok and not _is_success(answer) and complaint != Complaint()
    return make_error(answer, reason=reason, refused=refused)


def _is_success(answer: Answer) -> bool:
    # Each of the three is used by some endpoint (C11).
    markers = [answer.fields.get(key) for key in ("status", "message", "response")]
    return answer.ok and "Success" in markers


def read_success(answer: Answer) -> dict[str, object]:
    """Read the JSON object of a success; raise what any other answer means."""
    if _is_success(answer):
        return answer.fields
    raise make_messenger_error(answer)


def read_sent_sms(answer: Answer) -> SentSMS:
    """Read the answer to an SMS (B.2)."""
    fields = read_success(answer)
    return SentSMS(
        dlr_id=read_reference(fields.get("dlr_id")),
        warning=read_text(fields.get("warning"), max_length=500),
        answer=answer.text,
    )


def read_sent_pin(answer: Answer) -> SentPin:
    """Read the answer to a 2FA send (B.4), whose pin the transport has dropped."""
    response = read_success(answer).get("response")
    pin_id = read_reference(response.get("pin_id")) if isinstance(response, dict) else ""
    if not isinstance(response, dict) or not pin_id:
        raise make_messenger_error(answer)
    return SentPin(
        pin_id=pin_id,
        sms=read_text(response.get("sms")),
        answer=answer.text.replace(pin_id, "***"),
    )


def read_verdict(answer: Answer, *, pin_id: str) -> Verdict:
    """Read the answer to a 2FA authenticate for *pin_id* (B.5)."""
    if not _is_success(answer):
        return _read_refused_verdict(answer)
    response = answer.fields.get("response")
    if not isinstance(response, dict) or response.get("pin_id", pin_id) != pin_id:
        raise make_messenger_error(answer)
    # Word for word: "has not been authenticated" must never approve.
    if read_text(response.get("auth_status")).lower() != _AUTHENTICATED:
        raise make_messenger_error(answer)
    return Verdict.APPROVED


def _read_refused_verdict(answer: Answer) -> Verdict:
    error = make_messenger_error(answer)
    if answer.ok or answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        for name, sentence in read_complaint(answer.data).field_errors:
            for (field_name, words), verdict in _VERDICTS.items():
                if name == field_name and words in sentence.lower():
                    return verdict
    raise error


def read_blacklist(answer: Answer) -> list[BlacklistEntry]:
    """Read the answer to the blacklist (B.3)."""
    entries = read_success(answer).get("data")
    if not isinstance(entries, list):
        raise make_messenger_error(answer)
    return [_read_blacklist_entry(entry) for entry in entries if isinstance(entry, dict)]


def _read_blacklist_entry(entry: dict[str, object]) -> BlacklistEntry:
    return BlacklistEntry(
        id=read_whole_number(entry.get("id")) or 0,
        receiver=read_text(entry.get("receiver")),
        created_at=read_text(entry.get("created_at")),
        source=read_text(entry.get("source")),
    )


def read_personalized(answer: Answer) -> Personalized:
    """Read the answer to Personal (B.6)."""
    fields = read_success(answer)
    original, formatted = fields.get("original_text"), fields.get("formatted_text")
    if not isinstance(original, str) or not isinstance(formatted, str):
        raise make_messenger_error(answer)
    return Personalized(
        id=read_reference(fields.get("id")),
        original_text=original,
        formatted_text=formatted,
        receiver=read_text(fields.get("receiver")),
    )
