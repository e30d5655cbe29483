"""
What each signal of ``signals`` carries, as a type for its receivers::

    @receiver(signals.otp_sent)
    def count(**arguments: Unpack[OTPSent]) -> None: ...

Named as the signal is. ``sender`` is a model: whose row it is about.
"""

from __future__ import annotations

from typing import Any, TypedDict

from django.dispatch import Signal

from .exceptions import ConfigurationError, GatewayError, Refused
from .gateways.base import DeliveryReport
from .services import OTP
from .words import LimitName, Requester


class _Sent(TypedDict):
    sender: Any
    signal: Signal


class PreSend(_Sent):
    """Before each code; ``recipient`` is E.164. Raise ``RecipientRefused`` to veto."""

    recipient: str
    purpose: str
    user: Any
    requester: Requester


class OTPSent(_Sent):
    """The provider took a code, first or resent."""

    otp: OTP
    gateway: str
    requester: Requester


class OTPSendFailed(_Sent):
    """A code was not sent, or maybe sent."""

    otp: OTP
    gateway: str
    error: GatewayError | ConfigurationError


class OTPAttemptFailed(_Sent):
    """A code was compared and was wrong."""

    otp: OTP
    requester: Requester


class OTPLocked(_Sent):
    """The wrong code was the last that the session takes."""

    otp: OTP
    requester: Requester


class OTPApproved(_Sent):
    """The recipient is proven."""

    otp: OTP
    requester: Requester


class OTPCancelled(_Sent):
    """A session was given up by the person or the site."""

    otp: OTP
    requester: Requester


class OTPConsumed(_Sent):
    """The proof of an approval was used, once."""

    otp: OTP


class OTPDeliveryReported(_Sent):
    """The network's word on a message went forward."""

    otp: OTP
    gateway: str
    report: DeliveryReport


class OTPRefused(_Sent):
    """Nothing was done; ``recipient`` is masked."""

    recipient: str
    purpose: str
    error: Refused
    requester: Requester


class LimitObserved(_Sent):
    """A limit that is only observed was passed, or a watched rate."""

    limit: LimitName
    scope: str


class LoggedIn(_Sent):
    """A user logged in by phone; ``created`` by this very login."""

    user: Any
    otp: OTP
    requester: Requester
    created: bool


class PhoneChanged(_Sent):
    """A user's number was bound; ``old`` and ``new`` are masked, ``old`` is "" for the first."""

    user: Any
    old: str
    new: str
    otp: OTP


class NumbersReset(_Sent):
    """Staff took a user's numbers away."""

    user: Any
    by: Any


class RecipientStopped(_Sent):
    """A number was put on the stop list; ``recipient`` is masked."""

    recipient: str
    by: Any


class RecipientAllowed(_Sent):
    """A number was taken from the stop list; ``recipient`` is masked."""

    recipient: str
    by: Any


class RecipientUnlocked(_Sent):
    """A number's wrong codes were forgotten; ``recipient`` is masked."""

    recipient: str
    by: Any


class RecipientErased(_Sent):
    """Everything that was kept on a number was erased; ``recipient`` is masked."""

    recipient: str
    by: Any
