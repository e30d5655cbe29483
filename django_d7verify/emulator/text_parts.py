"""
How a text travels: its encoding and the number of parts.

Counted here by the standard's rules (gateway-apis D) and on purpose not shared with
the app, whose own count can so be compared with this one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

GSM = "GSM-7"
UCS2 = "UCS-2"

#: GSM 03.38 basic character set, without the escape. Greek capitals by code point,
#: since some look like Latin letters.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅå\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039eÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Reached through the escape: two septets each, never cut across parts.
_EXTENSION = frozenset("^{}\\[~]|€\f")

_FIRST_ASTRAL = 0x10000

#: What Messenger's default conversion level changes; the exact list is not documented.
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-",
     "\u2026": "...", "\u00a0": " "}
)  # fmt: skip

CONVERT_NOTHING, CONVERT_SOME, CONVERT_ALL = range(3)


@dataclass(frozen=True, slots=True)
class Profile:
    """How many units fit in a lone message and in one part of several."""

    gsm_single: int
    gsm_part: int
    ucs2_single: int
    ucs2_part: int


#: gateway-apis D. "documented" is S3's 158/72; that page gives no part size, so the
#: standard's is taken. 72 UCS-2 units cannot really fit: that error is the document's.
D7_PROFILES = {
    "standard": Profile(160, 153, 70, 67),
    "documented": Profile(158, 153, 72, 67),
    "153_63": Profile(160, 153, 70, 63),
}
MESSENGER_PROFILE = Profile(160, 157, 70, 67)
MESSENGER_MAX_PARTS = 3


def is_gsm(text: str) -> bool:
    """Whether every character of *text* is in GSM 03.38 or its extension."""
    return all(character in _BASIC or character in _EXTENSION for character in text)


def make_gsm(text: str) -> str:
    """*text* as a handset shows it when forced through GSM: unknown characters as ``?``."""
    return "".join(
        character if character in _BASIC or character in _EXTENSION else "?" for character in text
    )


def convert(text: str, level: int) -> str:
    """Messenger's ``conversion`` (gateway-apis B.2): 0 as is, 1 some characters, 2 all."""
    if level == CONVERT_NOTHING:
        return text
    text = text.translate(_PLAIN)
    if level == CONVERT_SOME:
        return text
    return "".join(_convert_character(character) for character in text)


def count_parts(text: str, encoding: str, profile: Profile) -> int:
    """How many messages *text* is billed as. An empty text is one."""
    if encoding == GSM:
        units = [2 if character in _EXTENSION else 1 for character in text]
        return _fill(units, profile.gsm_single, profile.gsm_part)
    # UTF-16 code units: an emoji is two, and is never cut across parts.
    units = [2 if ord(character) >= _FIRST_ASTRAL else 1 for character in text]
    return _fill(units, profile.ucs2_single, profile.ucs2_part)


def _fill(units: list[int], single: int, part: int) -> int:
    if sum(units) <= single:
        return 1
    parts, filled = 1, 0
    for unit in units:
        if filled + unit > part:
            parts, filled = parts + 1, 0
        filled += unit
    return parts


def _convert_character(character: str) -> str:
    if is_gsm(character):
        return character
    plain = unicodedata.normalize("NFKD", character)
    return "".join(piece for piece in plain if is_gsm(piece))
