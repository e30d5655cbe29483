"""What D7 makes of a text and of a sender's name (gateway-apis A.4, A.7, D)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .d7_fields import Fields
from .text_parts import D7_PROFILES, GSM, UCS2, count_parts, is_gsm, make_gsm

MAX_NAME_LENGTH = 11
_NUMBER = re.compile(r"\+?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text as it travels and as the phone shows it."""

    text: str
    encoding: str
    parts: int


def make_d7_text(text: str, data_coding: str, profile: str) -> ShownText:
    """
    *text* under D7's ``data_coding``.

    What "text" does to characters that GSM 03.38 has not is documented nowhere; here the
    phone shows ``?``, so that nobody ships it unseen.
    """
    if data_coding == "text":
        text = make_gsm(text)
    is_plain = data_coding == "text" or (data_coding == "auto" and is_gsm(text))
    encoding = GSM if is_plain else UCS2
    return ShownText(text, encoding, count_parts(text, encoding, D7_PROFILES[profile]))


def read_originator(fields: Fields, default: str = "") -> str:
    """A name of up to 11 characters or a number; *default* where there is none."""
    originator = fields.text("originator") or default
    if len(originator) > MAX_NAME_LENGTH and not _NUMBER.fullmatch(originator):
        msg = f"ensure this value has at most {MAX_NAME_LENGTH} characters"
        fields.refuse("originator", msg, "value_error.any_str.max_length")
    return originator
