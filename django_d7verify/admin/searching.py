"""Finding a number by what people say of it. Each way is one look into an index."""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient
from django_d7verify.models import LAST_DIGITS

from .lists import may


@sensitive_variables()
def search_recipients(
    request: HttpRequest, rows: QuerySet[Any], term: str, *, path: str = ""
) -> QuerySet[Any]:
    """
    Those of *rows* whose number, at *path*, is *term* in any spelling, or ends with its digits.

    SECURITY: who may not see full numbers searches by the last four digits and no others: with
    each digit more, a masked number would be spelt out.
    """
    if not term:
        return rows
    try:
        number = services.parse_recipient(term).number
    except InvalidRecipient:
        number = ""
    if number:
        exact = rows.filter(**{f"{path}number": number})
        if exact.exists():
            return exact
    digits = _read_digits(term)
    longest = 15 if may(request, "view_full_number") else LAST_DIGITS
    if not LAST_DIGITS <= len(digits) <= longest:
        return rows.none()
    ending = {f"{path}last_digits": digits[-LAST_DIGITS:]}
    if len(digits) > LAST_DIGITS:
        ending[f"{path}number__endswith"] = digits
    return rows.filter(**ending)


def search_sessions(request: HttpRequest, sessions: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Those of *sessions* with the id *term*, or to the number that it means."""
    try:
        return sessions.filter(pk=uuid.UUID(term.strip()))
    except ValueError:
        return search_recipients(request, sessions, term, path="recipient__")


def _read_digits(term: str) -> str:
    """The digits of *term*; "" where there is anything else but separators in it."""
    text = "".join(
        letter for letter in unicodedata.normalize("NFKC", term) if letter not in " -()."
    )
    return text if text.isdecimal() and text.isascii() else ""
