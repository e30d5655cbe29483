"""
Phone numbers: every spelling of a number becomes one canonical E.164 text, or none.

Limits, sessions and the stop list are kept by that text; a number that two spellings could
name twice would have every limit twice.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import PhoneNumberType

_MAX_LENGTH = 32
# After NFKC: digits of any script, one plus, and what people put between. No letters
# (vanity numbers, "ext.", "tel:"), so no two meanings; checked before the parser, which takes them.
_SPELLING = re.compile(r"\(?\+?[\d ().\-/\u2010-\u2015\u2212]+")
_TYPE_NAMES = {value: name for name, value in vars(PhoneNumberType).items() if name.isupper()}

#: Names of ``phonenumbers.PhoneNumberType``, as ``NUMBER_TYPES`` takes them.
NUMBER_TYPES = frozenset(_TYPE_NAMES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A valid number. Its ``repr`` shows it masked."""

    #: E.164 with the plus, in ASCII.
    number: str = field(repr=False)
    #: ISO 3166 alpha-2 of the country, "" where the number belongs to none.
    country: str
    #: One of ``NUMBER_TYPES``.
    number_type: str


def parse_phone(text: object, *, default_region: str | None = None) -> Phone:
    """
    The number that *text* means. *default_region* (ISO alpha-2) reads numbers without a plus.

    Raises ``ValueError``, without the text in it, for anything that is not a valid number: no
    extension, no letters, at most 32 characters.
    """
    spelling = _clean(text)
    try:
        parsed = phonenumbers.parse(spelling, default_region)
    except phonenumbers.NumberParseException:
        raise ValueError("Not a phone number.") from None
    if parsed.extension or not phonenumbers.is_valid_number(parsed):
        raise ValueError("Not a valid phone number.")
    return Phone(
        number=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        country=phonenumbers.region_code_for_number(parsed) or "",
        number_type=_TYPE_NAMES[phonenumbers.number_type(parsed)],
    )


def _clean(text: object) -> str:
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        raise ValueError("A phone number is text of at most 32 characters.")
    # Phones copy numbers with invisible direction marks around them (category Cf).
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    spelling = unicodedata.normalize("NFKC", visible).strip(" ")
    if not _SPELLING.fullmatch(spelling):
        raise ValueError("A phone number has digits and separators only.")
    return spelling


def mask_phone(number: str) -> str:
    """*number* (E.164) as people other than its owner may see it: ``+9715*****67``."""
    shown = max(2, min(5, len(number) - 8))
    return f"{number[:shown]}*****{number[-2:]}"
