"""
What D7 answers, as values of ours: no provider's word leaves here but in ``answer``.

Source of all shapes: gateway-apis part A and E, read 2026-11-21.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus

from django_d7verify.clients.answers import (
    Answer,
    make_error,
    read_amount,
    read_reference,
    read_text,
    read_whole_number,
)
from django_d7verify.exceptions import ConfigurationError, GatewayError
from django_d7verify.words import Delivery, GatewayReason, Verdict

_VERDICTS = {
    "APPROVED": Verdict.APPROVED,
    "FAILED": Verdict.WRONG,
    "EXPIRED": Verdict.EXPIRED,
    "ALREADY_VERIFIED": Verdict.ALREADY_APPROVED,
}
#: Only OPEN is documented of the report (A.10); the others are the words of verify.
_REPORTED = {
    "OPEN": Verdict.OPEN,
    "APPROVED": Verdict.APPROVED,
    "FAILED": Verdict.WRONG,
    "EXPIRED": Verdict.EXPIRED,
}
_DELIVERIES = {
    "accepted": Delivery.QUEUED,
    "processed": Delivery.QUEUED,
    "scheduled": Delivery.QUEUED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
    "notreachable": Delivery.UNDELIVERED,
    "spamcontent": Delivery.UNDELIVERED,
    "insufficientcredit": Delivery.UNDELIVERED,
}
_REASONS_BY_CODE = {
    "INSUFFICIENT_CREDIT": GatewayReason.NO_CREDIT,
    "INVALID_PHONE_NUMBER": GatewayReason.INVALID_RECIPIENT,
    "MESSAGE_LOG_NOT_EXISTS": GatewayReason.UNKNOWN_REFERENCE,
}
#: D7 tells these two apart by their English text alone (A.8).
_REASONS_BY_WORDS = {
    "frequent resend request": GatewayReason.TOO_FREQUENT,
    "time limit expired": GatewayReason.EXPIRED,
}
_REASONS_BY_FIELD = {
    "recipient": GatewayReason.INVALID_RECIPIENT,
    "recipients": GatewayReason.INVALID_RECIPIENT,
    "otp_id": GatewayReason.UNKNOWN_REFERENCE,
}
_REASONS_BY_STATUS: dict[int, GatewayReason] = {
    HTTPStatus.PAYMENT_REQUIRED: GatewayReason.NO_CREDIT,
    HTTPStatus.NOT_FOUND: GatewayReason.UNKNOWN_REFERENCE,
}
#: A token's troubles that were seen with other statuses than 401 (A.1.2).
_TOKEN_CODES = {
    "ACCESS_TOKEN_SIGNATURE_VERIFICATION_FAILED",
    "ACCESS_TOKEN_EXPIRED",
    "APPLICATION_NOT_EXISTS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOTP:
    """A code that D7 made and took for sending."""

    otp_id: str
    #: Always "OPEN": any other is an exception.
    status: str
    #: From now until the code expires.
    expiry_seconds: int
    #: What D7 said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResentOTP:
    """A new code in D7's session. Its *otp_id* may differ from the one asked for: use this one."""

    otp_id: str
    #: Always "OPEN": any other is an exception.
    status: str
    #: From now until the new code expires.
    expiry_seconds: int
    #: As D7 counts; 0 where it does not say.
    resend_count: int
    #: What D7 said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessages:
    """Messages that D7 took for sending. One *request_id*, however many recipients."""

    request_id: str
    #: Always "accepted": "rejected" is an exception.
    status: str
    #: D7's text, as in "2001-08-05T12:52:38.393Z"; "" where it does not say.
    created_at: str
    #: What D7 said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMessage:
    """How the message to one recipient stands."""

    #: D7's id of this message, which delivery reports carry too.
    msg_id: str
    #: E.164 with the plus, or masked by D7.
    recipient: str = field(repr=False)
    #: ISO alpha-2 of the destination.
    country: str
    #: D7's own word.
    status: str
    delivery: Delivery
    #: Parts that D7 bills; None where it does not say.
    parts: int | None
    #: Of all parts, in a currency that D7 does not name; None where it does not say.
    cost: Decimal | None
    #: D7's text; "" if it was not scheduled.
    schedule_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLog:
    """How the messages of one request stand."""

    request_id: str
    total_recipients: int
    channel: str
    messages: tuple[LoggedMessage, ...]
    #: What D7 said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLookup:
    """What the networks know of a number. Fields that D7 leaves open are ""."""

    recipient: str = field(repr=False)
    request_id: str
    #: ISO alpha-2.
    country_code: str
    #: Mobile country and network code, digits.
    mcc: str
    mnc: str
    network: str
    #: None where D7 does not say.
    ported: bool | None
    #: "yes", "no" or "na".
    reachable: str
    #: As in "mobile".
    type: str
    status: str
    #: What D7 said, scrubbed, for the audit.
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """D7's words on an error: its code, its sentence, and what it says of single fields."""

    code: str | None = None
    message: str = ""
    #: Name as in the request and sentence: ``("body.recipient", "field required")``.
    field_errors: tuple[tuple[str, str], ...] = ()


def read_detail(data: object) -> Detail:
    """
    Read an error's body, which has four shapes (A.1.1); any other is an empty ``Detail``.

    ``{"detail": "text"}``, ``{"detail": {"code", "message"}}``, and lists of ``{"code",
    "message"}`` or of ``{"loc", "msg", "type"}``.
    """
    detail = data.get("detail") if isinstance(data, dict) else None
    if isinstance(detail, str):
        return Detail(message=detail)
    items = [
        item
        for item in (detail if isinstance(detail, list) else [detail])
        if isinstance(item, dict)
    ]
    if not items:
        return Detail()
    code = items[0].get("code")
    message = items[0].get("message", items[0].get("msg"))
    return Detail(
        code=code if isinstance(code, str) else None,
        message=message if isinstance(message, str) else "",
        field_errors=tuple(_read_field_error(item) for item in items if "loc" in item),
    )


def _read_field_error(item: dict[str, object]) -> tuple[str, str]:
    loc = item["loc"]
    # Names and positions: ["body", "messages", 0, "recipients"].
    steps = loc if isinstance(loc, list) else [loc]
    return ".".join(str(step) for step in steps), str(item.get("msg", ""))


def make_delivery(status: object) -> Delivery:
    """Make our word of D7's on a message, in any of its spellings, as ``un_delivered``."""
    word = re.sub(r"[_\- ]", "", status).lower() if isinstance(status, str) else ""
    return _DELIVERIES.get(word, Delivery.UNKNOWN)


def make_d7_error(answer: Answer, *, refused: bool = False) -> GatewayError | ConfigurationError:
    """Make the exception for an answer that is not a success; *refused* as in ``make_error``."""
    detail = read_detail(answer.data)
    if detail.code in _TOKEN_CODES and answer.status in range(400, 500):
        return ConfigurationError(f"{answer.name}: {answer.status} {detail.code}")
    reason = _find_reason(answer.status, detail)
    return make_error(answer, code=detail.code, reason=reason, refused=refused)


def _find_reason(status: int, detail: Detail) -> GatewayReason:
    if detail.code in _REASONS_BY_CODE:
        return _REASONS_BY_CODE[detail.code]
    for words, reason in _REASONS_BY_WORDS.items():
        if words in detail.message.lower():
            return reason
    for name, _ in detail.field_errors:
        for step in name.split("."):
            if step in _REASONS_BY_FIELD:
                return _REASONS_BY_FIELD[step]
    return _REASONS_BY_STATUS.get(status, GatewayReason.OTHER)


def read_fields(answer: Answer) -> dict[str, object]:
    """Read the JSON object of a 2xx; raise what any other answer means."""
    if answer.ok and isinstance(answer.data, dict):
        return answer.fields
    raise make_d7_error(answer)


def read_sent_otp(answer: Answer, *, expiry_seconds: int) -> SentOTP:
    """Read the answer to send-otp (A.7). *expiry_seconds*, as asked for, stands in for D7's."""
    fields = read_fields(answer)
    expiry = read_whole_number(fields.get("expiry"))
    return SentOTP(
        otp_id=_read_open_otp_id(answer),
        status="OPEN",
        # Once D7 has named its session, an odd expiry is no reason to lose it.
        expiry_seconds=expiry_seconds if expiry is None else expiry,
        answer=answer.text,
    )


def read_resent_otp(answer: Answer) -> ResentOTP:
    """Read the answer to resend-otp (A.8)."""
    fields = read_fields(answer)
    otp_id = _read_open_otp_id(answer)
    expiry = read_whole_number(fields.get("expiry"))
    if expiry is None:
        raise make_d7_error(answer)
    return ResentOTP(
        otp_id=otp_id,
        status="OPEN",
        expiry_seconds=expiry,
        resend_count=read_whole_number(fields.get("resend_count")) or 0,
        answer=answer.text,
    )


def _read_open_otp_id(answer: Answer) -> str:
    status, otp_id = answer.fields.get("status"), read_reference(answer.fields.get("otp_id"))
    if status != "OPEN" or not otp_id:
        raise make_d7_error(answer, refused=status == "FAILED")
    return otp_id


def read_verdict(answer: Answer) -> Verdict:
    """Read the answer to verify-otp, which has two ways of saying no (A.9, C9)."""
    code = read_detail(answer.data).code
    if answer.status == HTTPStatus.BAD_REQUEST and code == "INVALID_OTP_CODE":
        return Verdict.WRONG
    verdict = _VERDICTS.get(read_text(read_fields(answer).get("status")))
    if verdict is None:
        raise make_d7_error(answer)
    return verdict


def read_report(answer: Answer) -> Verdict:
    """Read the answer to report (A.10)."""
    return _REPORTED.get(read_text(read_fields(answer).get("status")), Verdict.UNKNOWN)


def read_sent_messages(answer: Answer) -> SentMessages:
    """Read the answer to send (A.4): 200 may also be "rejected"."""
    fields = read_fields(answer)
    request_id = read_reference(fields.get("request_id"))
    if fields.get("status") != "accepted" or not request_id:
        raise make_d7_error(answer, refused=fields.get("status") == "rejected")
    return SentMessages(
        request_id=request_id,
        status="accepted",
        created_at=read_text(fields.get("created_at")),
        answer=answer.text,
    )


def read_message_log(answer: Answer) -> MessageLog:
    """Read the answer to message-log (A.5)."""
    fields = read_fields(answer)
    entries = fields.get("messages")
    if not isinstance(entries, list):
        raise make_d7_error(answer)
    return MessageLog(
        request_id=read_reference(fields.get("request_id")),
        total_recipients=read_whole_number(fields.get("total_recipients")) or len(entries),
        channel=read_text(fields.get("channel")),
        messages=tuple(_read_logged_message(entry) for entry in entries if isinstance(entry, dict)),
        answer=answer.text,
    )


def _read_logged_message(entry: dict[str, object]) -> LoggedMessage:
    return LoggedMessage(
        msg_id=read_reference(entry.get("msg_id")),
        recipient=read_text(entry.get("recipient")),
        country=read_text(entry.get("country")),
        status=read_text(entry.get("status")),
        delivery=make_delivery(entry.get("status")),
        parts=read_whole_number(entry.get("number_of_sms")),
        cost=read_amount(entry.get("sms_cost")),
        schedule_time=read_text(entry.get("schedule_time")),
    )


def read_balance(answer: Answer) -> Decimal:
    """Read the answer to balance (A.3)."""
    balance = read_amount(read_fields(answer).get("balance"))
    if balance is None:
        raise make_d7_error(answer)
    return balance


def read_prices(answer: Answer) -> dict[str, Decimal]:
    """Read the answer to pricing (A.6)."""
    amounts = {country: read_amount(price) for country, price in read_fields(answer).items()}
    return {country: price for country, price in amounts.items() if price is not None}


def read_number_lookup(answer: Answer) -> NumberLookup:
    """Read the answer to lookup (A.12)."""
    fields = read_fields(answer)

    def text(key: str) -> str:
        value = fields.get(key)
        return str(value) if type(value) is int else read_text(value)

    ported = fields.get("ported")
    return NumberLookup(
        recipient=text("recipient"),
        request_id=read_reference(fields.get("request_id")),
        country_code=text("country_code"),
        mcc=text("mcc"),
        mnc=text("mnc"),
        network=text("network"),
        ported=ported if isinstance(ported, bool) else None,
        reachable=text("reachable"),
        # The report's own name for it (C21).
        type=text("type") or text("recipient_type"),
        status=text("status"),
        answer=answer.text,
    )
