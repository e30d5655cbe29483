"""
What a site calls. The only writer of the app's state.

Every function takes plain values, and ``now`` (aware, UTC; the clock by default). Each change is
committed when it returns or raises, so none may be called inside a transaction of the caller
(``ConfigurationError``). ``OperationalError`` comes through where the database stays busy.
"""

from __future__ import annotations

from .proofs import consume_verification_token, make_verification_token
from .sending import resend_otp, send_otp
from .states import OTP, VerifyResult, get_otp
from .verifying import cancel_otp, verify_otp

__all__ = [
    "OTP",
    "VerifyResult",
    "cancel_otp",
    "consume_verification_token",
    "get_otp",
    "make_verification_token",
    "resend_otp",
    "send_otp",
    "verify_otp",
]
