"""What a provider answered, read with suspicion, and the error that it means."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from django.views.decorators.debug import sensitive_variables

from django_d7verify.exceptions import (
    DEFAULT_RETRY_AFTER_SECONDS,
    ConfigurationError,
    GatewayError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
)
from django_d7verify.words import GatewayReason

MAX_WORDS_LENGTH = 500
MAX_RETRY_AFTER_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's whole answer, whatever its status."""

    #: What was called, without secrets: "POST /messages/v1/send".
    name: str
    status: int
    #: The body as JSON, fractions as ``Decimal``; None where it is not JSON.
    data: object = field(repr=False)
    #: The body as text, scrubbed and shortened, for the audit.
    text: str = field(repr=False)
    #: From Retry-After, 1 to 3600; None where it says nothing.
    retry_after_seconds: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx; no word on whether the body is what the API promises."""
        return self.status in range(200, 300)

    @property
    def fields(self) -> dict[str, object]:
        """The body where it is a JSON object, otherwise nothing."""
        return self.data if isinstance(self.data, dict) else {}


@sensitive_variables()
def make_answer(
    name: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Collection[str] = (),
    drop: Collection[str] = (),
) -> Answer:
    """
    Make an answer of what came over the wire.

    The text is without *secrets*. Keys named in *drop* are left out at any depth, of the text
    too; a text that cannot be read as JSON is then left out as a whole.
    """
    text, data = _read_body(body, drop)
    return Answer(
        name=name,
        status=status,
        data=data,
        text=scrub(text, *secrets),
        retry_after_seconds=_read_retry_after(headers.get("Retry-After", "")),
    )


def make_error(
    answer: Answer,
    *,
    code: str | None = None,
    reason: GatewayReason = GatewayReason.OTHER,
    refused: bool = False,
) -> GatewayError | ConfigurationError:
    """
    Make the exception for an answer that is not a success.

    401 and 403 are a ``ConfigurationError``, 429 is ``GatewayUnreachable``, any other 4xx is
    ``GatewayRefused``. All else is ``GatewayUncertain``, unless the caller read a plain
    *refused* in the body. Only *code*, the provider's word, goes into the message.
    """
    message = f"{answer.name}: {answer.status}"
    if code and re.fullmatch(r"[A-Za-z_]{1,64}", code):
        message += f" {code}"
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ConfigurationError(f"{message}: the provider does not take the api_token.")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return GatewayUnreachable(
            message,
            reason=GatewayReason.RATE_LIMITED,
            answer=answer.text,
            retry_after_seconds=answer.retry_after_seconds or DEFAULT_RETRY_AFTER_SECONDS,
        )
    if refused or answer.status in range(400, 500):
        return GatewayRefused(message, reason=reason, answer=answer.text)
    return GatewayUncertain(message, reason=reason, answer=answer.text)


@sensitive_variables()
def scrub(text: str, *secrets: str) -> str:
    """Make *text* fit to keep: no runs of 4 digits, no *secrets*, at most 500 characters."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = re.sub(r"\d{4,}", "***", text)
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_WORDS_LENGTH]


def read_text(value: object, *, max_length: int = 64) -> str:
    """Read a short printable text; "" for anything else."""
    if isinstance(value, str) and len(value) <= max_length and value.isprintable():
        return value
    return ""


def read_reference(value: object) -> str:
    """Read a provider's id, 1 to 64 visible ASCII characters; "" for anything else."""
    return value if isinstance(value, str) and re.fullmatch(r"[!-~]{1,64}", value) else ""


def read_whole_number(value: object) -> int | None:
    """Read 0 to 999,999,999, given as a number or in digits; None for anything else."""
    if isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,9}", str(value)):
        return int(value)
    return None


def read_amount(value: object) -> Decimal | None:
    """Read an amount of money below 10^12, a number or digits; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        amount = Decimal(value)
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and amount.adjusted() in range(-12, 12) else None


@sensitive_variables()
def _read_body(body: bytes, drop: Collection[str]) -> tuple[str, object]:
    def keep(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return {key: value for key, value in pairs if key not in drop}

    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text, parse_float=Decimal, object_pairs_hook=keep)
        return json.dumps(data, default=str, ensure_ascii=False) if drop else text, data
    # ArithmeticError is Decimal's, for an exponent out of its range.
    except (ValueError, ArithmeticError, RecursionError):
        return "" if drop else text, None


def _read_retry_after(value: str) -> int | None:
    """Read a Retry-After header: seconds, or a date to wait for."""
    try:
        if re.fullmatch(r" *[0-9]{1,9} *", value):
            seconds = int(value)
        else:
            seconds = int((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 1), MAX_RETRY_AFTER_SECONDS)
