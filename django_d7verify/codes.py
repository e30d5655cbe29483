"""
Codes: made, parsed strictly, and kept only as keyed digests.

A digest is ``HMAC-SHA256`` under a key that is not in the database, bound to the session, its
generation, purpose and recipient, and to a salt that stands on the session and is erased when
the session ends: from then on the digest says nothing, even to who holds the key.
An unkeyed or merely slow hash of a million values would fall to anyone with a dump.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

ALPHABETS = {
    "numeric": string.digits,
    "alpha": string.ascii_uppercase,
    "alphanumeric": string.ascii_uppercase + string.digits,
}
_CONFUSABLE = frozenset("IO01")
_IGNORED = str.maketrans("", "", " -")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a code is good for; the digest of the same code under any other is another."""

    otp_id: str
    generation: int
    purpose: str
    recipient: str = field(repr=False)
    salt: str = field(repr=False)


def make_code(length: int, alphabet: str) -> str:
    """
    A new random code of *length* letters of *alphabet* (a key of ``ALPHABETS``).

    Letters are upper case, and leave out those that people confuse (I, O, 0, 1).
    """
    letters = ALPHABETS[alphabet]
    if alphabet != "numeric":
        letters = "".join(letter for letter in letters if letter not in _CONFUSABLE)
    return "".join(secrets.choice(letters) for _ in range(length))


def make_salt() -> str:
    """A new random salt of 128 bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)


@sensitive_variables()
def parse_code(text: object, *, length: int, alphabet: str) -> str:
    """
    The code that a person meant by *text*: blanks and hyphens dropped, in upper case.

    Raises ``ValueError``, without the text in it, for anything but a ``str`` of *length* ASCII
    letters of *alphabet*: digits of other scripts are not taken, and a number has already lost
    its leading zeros.
    """
    if not isinstance(text, str):
        raise ValueError("A code is text.")
    typed = text.strip().translate(_IGNORED)
    # upper() makes ASCII of some letters that are not, as of the dotless i.
    code = typed.upper() if typed.isascii() else ""
    if len(code) != length or not set(code) <= set(ALPHABETS[alphabet]):
        raise ValueError(f"A code has {length} letters ({alphabet}).")
    return code


@sensitive_variables()
def make_digest(code: str, binding: Binding, *, secret: str) -> str:
    """The 64 hexadecimal digits under which *code* is kept."""
    key = hmac.digest(secret.encode(), b"django_d7verify code v1", hashlib.sha256)
    parts = (
        "1",
        binding.salt,
        binding.otp_id,
        str(binding.generation),
        binding.purpose,
        binding.recipient,
        code,
    )
    return hmac.digest(key, "|".join(parts).encode(), hashlib.sha256).hex()


@sensitive_variables()
def is_code_of(code: str, digest: str, binding: Binding, *, secret_keys: Iterable[str]) -> bool:
    """Whether *digest* was made from *code* under any of *secret_keys*; in constant time."""
    matches = [
        hmac.compare_digest(digest, make_digest(code, binding, secret=secret))
        for secret in secret_keys
    ]
    return any(matches)
