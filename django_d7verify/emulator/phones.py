"""Phone numbers, only as far as a provider's fake must know them."""

from __future__ import annotations

import re

#: gateway-apis C14: 8 to 15 digits, the plus is optional.
_NUMBER = re.compile(r"\+?([1-9][0-9]{7,14})")

#: Calling code to country, for ``country`` in D7's message log (gateway-apis A.5).
#: Not complete: an unlisted country reads as "" and has no lookup route (A.12).
COUNTRIES = {
    "1": "US", "7": "RU", "20": "EG", "27": "ZA", "30": "GR", "31": "NL", "32": "BE",
    "33": "FR", "34": "ES", "36": "HU", "39": "IT", "40": "RO", "41": "CH", "43": "AT",
    "44": "GB", "45": "DK", "46": "SE", "47": "NO", "48": "PL", "49": "DE", "52": "MX",
    "54": "AR", "55": "BR", "60": "MY", "61": "AU", "62": "ID", "63": "PH", "64": "NZ",
    "65": "SG", "66": "TH", "81": "JP", "82": "KR", "84": "VN", "86": "CN", "90": "TR",
    "91": "IN", "92": "PK", "94": "LK", "98": "IR", "212": "MA", "213": "DZ", "216": "TN",
    "234": "NG", "254": "KE", "351": "PT", "353": "IE", "354": "IS", "358": "FI",
    "359": "BG", "370": "LT", "371": "LV", "372": "EE", "380": "UA", "385": "HR",
    "386": "SI", "420": "CZ", "421": "SK", "852": "HK", "880": "BD", "961": "LB",
    "962": "JO", "965": "KW", "966": "SA", "968": "OM", "971": "AE", "972": "IL",
    "973": "BH", "974": "QA",
}  # fmt: skip


def find_number(text: str) -> str | None:
    """E.164 with the plus, or None where *text* is not a number."""
    match = _NUMBER.fullmatch(text.strip())
    return f"+{match[1]}" if match else None


def read_recipient(text: str) -> str:
    """*text* as E.164 where it is a number; a plus lost in a query comes as a space."""
    return find_number(text) or text


def find_country(number: str) -> str:
    """ISO alpha-2 country of an E.164 *number*, or "" where it is not listed."""
    digits = number.removeprefix("+")
    for length in (3, 2, 1):
        if country := COUNTRIES.get(digits[:length]):
            return country
    return ""
