"""Who may call, which ids and codes are made, and how secrets are compared."""

from __future__ import annotations

import hmac
import secrets
import string
import uuid

#: The SDK without a token sends ``Bearer None`` (gateway-apis A.14).
BAD_TOKENS = ("", "None", "bad-token")
POOR_TOKEN = "poor-token"  # noqa: S105 - a documented word, not a secret

#: Letters of a code by D7's ``otp_type`` (gateway-apis A.7). Upper case only: G8.
CODE_LETTERS = {
    "numeric": string.digits,
    "alpha": string.ascii_uppercase,
    "alphanumeric": string.ascii_uppercase + string.digits,
}


def is_same(given: str, expected: str) -> bool:
    """Compare two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )


def is_refused(token: str) -> bool:
    """Whether *token* is missing or one that the emulator never takes."""
    return True in [is_same(token, bad) for bad in BAD_TOKENS]


def is_poor(token: str) -> bool:
    """Whether *token* belongs to the account that has no credit."""
    return is_same(token, POOR_TOKEN)


def make_code(otp_type: str, length: int) -> str:
    """A new code of *length* letters of D7's *otp_type*."""
    letters = CODE_LETTERS[otp_type]
    return "".join(secrets.choice(letters) for _ in range(length))


def make_id() -> str:
    """A new random UUID as text."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
