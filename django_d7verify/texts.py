"""
How long a text message is, and where it is cut: GSM 03.38 and UCS-2.

A text whose characters are all in GSM 03.38 is counted in septets, where those of the extension
table take two. Any other character makes the whole text UCS-2, counted in UTF-16 code units, where
what is outside the basic plane, such as emoji, takes two. A text over the limit of a single message
is cut into parts, which hold less, for each says which part it is. No pair is cut in two, so parts
may be shorter than they could be. The provider's own count is the truth for what is billed.

And what the text of a code is: the site's own, or a template in the person's language.

Sources: 3GPP TS 23.038 6.2.1; the providers' limits as in gateway-apis D, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _

Encoding = Literal["gsm", "ucs2"]

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€\f")
_GSM = _BASIC | _EXTENSION

_LAST_OF_BASIC_PLANE = 0xFFFF
_FIRST_PRINTABLE = 0x20


def render_content(
    content: str | Promise | None, *, purpose: str, language: str, expiry_seconds: int
) -> str:
    """
    The text of a code for *purpose*, with ``{}`` where the code stands.

    *content* as it is, translated where it is lazy; without it the template
    ``d7verify/<purpose>/code.txt`` or ``d7verify/code.txt``, which gets ``code``, ``purpose`` and
    ``minutes``. *language* is a tag, "" for the active one.
    """
    with translation.override(language or translation.get_language()):
        if content is not None:
            return str(content)
        templates = [f"d7verify/{purpose}/code.txt", "d7verify/code.txt"]
        context = {"code": "{}", "purpose": purpose, "minutes": expiry_seconds // 60}
        try:
            return render_to_string(templates, context).strip()
        except TemplateDoesNotExist:
            # A site without TEMPLATES, or without APP_DIRS in them, has an API all the same.
            return _("Your verification code is {}")


def render_notice(name: str, *, language: str) -> str:
    """The text ``d7verify/<name>.txt``, which has no code in it. *language* as above."""
    with translation.override(language or translation.get_language()):
        try:
            return render_to_string(f"d7verify/{name}.txt").strip()
        except TemplateDoesNotExist:
            # As above. There is one notice so far.
            return _(
                "Your account has a new phone number. If that was not you, please contact us at "
                "once."
            )


class TextRefused(ValueError):
    """A text that cannot be sent: empty, too long, or with characters that no message can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLimits:
    """What a message holds: septets of GSM 03.38, UTF-16 code units of UCS-2; 2 at the least."""

    gsm_single: int = 160
    gsm_part: int = 153
    ucs2_single: int = 70
    ucs2_part: int = 67
    #: None for as many as it takes.
    max_parts: int | None = None


#: The standard's own; D7 bills by the part.
D7 = TextLimits()
#: As D7's page on message status has it: split over 158 characters, or 72 of unicode. It gives no
#: size of parts, so those are the standard's. 72 would not fit in a message: use with care.
D7_DOCUMENTED = TextLimits(gsm_single=158, ucs2_single=72)
#: The provider documents parts of 157 and three of them; 157 does not fit, 153 is safe.
MESSENGER = TextLimits(max_parts=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSize:
    """How long a text is, by our count."""

    encoding: Encoding
    #: Septets for gsm, UTF-16 code units for ucs2.
    units: int
    parts: int


def measure(text: str, limits: TextLimits) -> TextSize:
    """Measure *text*. Raises ``TextRefused`` if it cannot be sent or takes too many parts."""
    encoding = get_encoding(text)
    parts = len(split(text, limits))
    return TextSize(encoding=encoding, units=_count_units(text, encoding), parts=parts)


def split(text: str, limits: TextLimits) -> list[str]:
    """
    Cut *text* into its parts, each as full as it can be without cutting a character in two.

    Raises ``TextRefused`` if it cannot be sent or takes too many parts.
    """
    encoding = get_encoding(text)
    gsm = encoding == "gsm"
    if _count_units(text, encoding) <= (limits.gsm_single if gsm else limits.ucs2_single):
        return [text]
    parts = list(_fill_parts(text, encoding, limits.gsm_part if gsm else limits.ucs2_part))
    if limits.max_parts is not None and len(parts) > limits.max_parts:
        raise TextRefused(f"The text takes {len(parts)} parts of {limits.max_parts} at most.")
    return parts


def get_encoding(text: str) -> Encoding:
    """Say how *text* is sent. Raises ``TextRefused`` if it cannot be."""
    if not text:
        raise TextRefused("The text is empty.")
    if set(text) <= _GSM:
        return "gsm"
    for character in text:
        if not _can_be_sent(character):
            raise TextRefused(f"The text has U+{ord(character):04X}, which cannot be sent.")
    return "ucs2"


def choose_data_coding(text: str) -> Literal["text", "unicode"]:
    """Choose D7's word for how *text* is sent. Raises ``TextRefused`` if it cannot be."""
    return "text" if get_encoding(text) == "gsm" else "unicode"


def _can_be_sent(character: str) -> bool:
    if character in _GSM:
        return True
    # Control characters, among them NUL, and halves of a surrogate pair.
    return not (
        ord(character) < _FIRST_PRINTABLE
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
    )


def _fill_parts(text: str, encoding: Encoding, part_units: int) -> Iterator[str]:
    start = used = 0
    for position, character in enumerate(text):
        units = _count_units(character, encoding)
        if used + units > part_units:
            yield text[start:position]
            start, used = position, 0
        used += units
    yield text[start:]


def _count_units(text: str, encoding: Encoding) -> int:
    if encoding == "gsm":
        return len(text) + sum(character in _EXTENSION for character in text)
    return len(text) + sum(ord(character) > _LAST_OF_BASIC_PLANE for character in text)
