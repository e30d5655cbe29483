"""Errors as what a page says: one table from the app's errors to HTTP and to words."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import OperationalError
from django.utils.translation import gettext_lazy as _

from django_d7verify.exceptions import (
    DEFAULT_RETRY_AFTER_SECONDS,
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    InvalidCode,
    InvalidRecipient,
    LockedOut,
    RecipientRefused,
    Throttled,
)
from django_d7verify.words import ERROR_TEXTS

from .sentences import describe_attempts, describe_retry

logger = logging.getLogger("django_d7verify")

_STATUSES: dict[type[Exception], int] = {
    Throttled: 429,
    LockedOut: 429,
    GatewayRefused: 502,
    GatewayUnreachable: 503,
    GatewayUncertain: 504,
}
#: What was typed is wrong; for a wait or a failure of the provider it may be right.
_IN_FIELD = (InvalidRecipient, RecipientRefused, InvalidCode)

#: What a page says that somebody was led to, by the word that was left for it.
NOTES = {
    **ERROR_TEXTS,
    "resent": _("Another code is on its way."),
    "out_of_attempts": _(
        "That was not the right code, and the last try. Please ask for a new one."
    ),
    "other_tab": _(
        "That form was an older one, from another tab or page. This is the newest: please use it."
    ),
    "stale": _("That page had been open for too long. Nothing was done: please try again."),
}
#: Notes that are no errors.
GOOD_NOTES = frozenset({"resent"})

NO_COOKIES = _("This page needs cookies. Please allow them in your browser and try again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, as a page says it."""

    text: str
    status: int = 400
    #: What was typed is at fault, and not the moment.
    in_field: bool = False
    retry_after: int | None = None


def make_problem(error: Exception) -> Problem:
    """
    What a page says of *error*.

    The site's credentials and a busy database are its own affair: 503, without a word of why.
    """
    if isinstance(error, ConfigurationError | OperationalError):
        logger.error("%s", error, extra={"event": "page_failed", "reason": type(error).__name__})
        error = GatewayUnreachable("", retry_after_seconds=DEFAULT_RETRY_AFTER_SECONDS)
    if not isinstance(error, D7VerifyError):
        raise error
    text = str(ERROR_TEXTS[error.text_code])
    retry_after = getattr(error, "retry_after_seconds", None)
    if isinstance(error, Throttled | LockedOut) and retry_after:
        text = f"{text} {describe_retry(retry_after)}"
    return Problem(
        text=text,
        status=_STATUSES.get(type(error), 400),
        in_field=isinstance(error, _IN_FIELD),
        retry_after=retry_after,
    )


def make_wrong_code(attempts_left: int) -> Problem:
    """A code was compared, and is wrong."""
    text = f"{ERROR_TEXTS['invalid_code']} {describe_attempts(attempts_left)}"
    return Problem(text=text, in_field=True)
