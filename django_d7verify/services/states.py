"""What the services answer with, and how a session is read."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import limits, signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import InvalidRecipient, Refused, SessionClosed
from django_d7verify.models import OTPSession, Pin
from django_d7verify.phones import Phone, mask_phone, parse_phone
from django_d7verify.words import Delivery, LimitName, PinStatus, Requester, SessionStatus

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class OTP:
    """A session as it stood at one instant: what a screen may show, and the proven number."""

    otp_id: str
    status: SessionStatus
    #: E.164; not in the ``repr``.
    recipient: str = field(repr=False)
    masked_recipient: str
    purpose: str
    #: Primary key of the user it belongs to, or None.
    user_id: object = field(repr=False)
    #: Seconds until the newest code expires; 0 where it has.
    expiry: int
    resend_count: int
    #: Seconds until a resend is allowed; None where none is left or the session is over.
    resend_after: int | None
    attempts_left: int
    #: What the network said of the newest code; "" where it said nothing.
    delivery: Delivery
    #: Seconds since it was said; None where nothing was.
    delivery_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """The answer to one code."""

    approved: bool
    attempts_left: int
    status: SessionStatus
    otp: OTP


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A session, its pins (newest first) and its recipient, read by one statement."""

    session: OTPSession
    pins: Sequence[Pin]
    #: Attempts that had their answer.
    answered: int

    @property
    def otp_id(self) -> uuid.UUID:
        """Its id."""
        return self.session.otp_id

    def live_pins(self) -> list[Pin]:
        """
        Newest first: those of which it is not known whether they left, and the confirmed one.

        In a hidden session one that could not be sent is live too: it must not be told from others.
        """
        live = []
        for pin in self.pins:
            if pin.status == PinStatus.NOT_SENT and not self.session.hidden:
                continue
            live.append(pin)
            if pin.status == PinStatus.SENT:
                break
        return live

    def find_reference(self, gateway: str) -> str:
        """The newest that the gateway of this alias gave, or ""."""
        references = [pin.reference for pin in self.pins if _is_sent_by(pin, gateway)]
        return next((reference for reference in references if reference), "")


def _is_sent_by(pin: Pin, gateway: str) -> bool:
    return pin.status == PinStatus.SENT and pin.gateway == gateway


@sensitive_variables()
def parse_recipient(text: str) -> Phone:
    """The valid number that *text* means, of whatever type. Raises ``InvalidRecipient``."""
    try:
        return parse_phone(text, default_region=conf.DEFAULT_REGION)
    except ValueError as error:
        raise InvalidRecipient(str(error)) from None


def get_snapshot(otp_id: uuid.UUID | str) -> Snapshot:
    """Read a session. Raises ``SessionClosed`` for an unknown or malformed id. One SELECT."""
    try:
        key = otp_id if isinstance(otp_id, uuid.UUID) else uuid.UUID(otp_id)
    except (ValueError, TypeError, AttributeError):
        raise SessionClosed from None
    # UUID also takes braces, "urn:uuid:", no hyphens, underscores and digits of other scripts.
    if str(key) != str(otp_id).lower():
        raise SessionClosed
    pins: list[Pin] = Pin.objects.of_session(key)
    if not pins:
        raise SessionClosed
    return Snapshot(session=pins[0].session, pins=pins, answered=pins[0].answered)


def get_otp(otp_id: uuid.UUID | str, *, now: datetime | None = None) -> OTP:
    """What a screen may show of a session. Raises ``SessionClosed`` for an unknown id."""
    now = now or timezone.now()
    snapshot = get_snapshot(otp_id)
    session = snapshot.session
    wait = limits.send_wait_seconds(session.recipient, now=now, owned=session.owned)
    return make_otp(session, now=now, wait_seconds=wait, pins=snapshot.live_pins())


def make_otp(
    session: OTPSession, *, now: datetime, wait_seconds: int, pins: Sequence[Pin] = ()
) -> OTP:
    """*session* as a value; *wait_seconds* is when its recipient may be sent to again."""
    status = session.status_at(now)
    if session.hidden:
        pins = ()  # What became of a message would tell that there is one.
    is_open = status == SessionStatus.OPEN
    resends_left = is_open and session.resend_count < session.max_resends
    return OTP(
        otp_id=str(session.otp_id),
        status=status,
        recipient=session.recipient_id,
        masked_recipient=mask_phone(session.recipient_id),
        purpose=session.purpose,
        user_id=session.user_id,
        expiry=_seconds_left(session, pins, now) if is_open else 0,
        resend_count=session.resend_count,
        resend_after=wait_seconds if resends_left else None,
        attempts_left=max(0, session.max_attempts - session.attempts) if is_open else 0,
        delivery=Delivery(pins[0].delivery) if pins else Delivery.UNKNOWN,
        delivery_seconds=_seconds_since(pins[0].delivery_at, now) if pins else None,
    )


def _seconds_since(instant: datetime | None, now: datetime) -> int | None:
    # A report may bear the network's time, which is not ours.
    return None if instant is None else max(0, int((now - instant).total_seconds()))


def _seconds_left(session: OTPSession, pins: Sequence[Pin], now: datetime) -> int:
    # A provider may have answered with a shorter life than it was asked for.
    ends = min([session.expires_at, *(pin.expires_at for pin in pins[:1])])
    return max(0, -int((now - ends).total_seconds() // 1))


def describe(event: str, otp: OTP, **more: object) -> dict[str, object]:
    """The ``extra`` of a log line about *otp*: what happened, and to what, in stable words."""
    return {
        "event": event,
        "otp_id": otp.otp_id,
        "purpose": otp.purpose,
        "recipient": otp.masked_recipient,
        **more,
    }


def report_refusal(session: OTPSession, error: Refused, requester: Requester) -> None:
    """Say to the log and the signal what was refused; no row, which an attacker could fill."""
    masked = mask_phone(session.recipient_id)
    extra = {
        "event": "otp_refused",
        "otp_id": str(session.otp_id),
        "purpose": session.purpose,
        "recipient": masked,
        "reason": error.code,
    }
    logger.warning("%s for %s (%s).", error.code, masked, session.purpose, extra=extra)
    signals.otp_refused.send_robust(
        sender=OTPSession,
        recipient=masked,
        purpose=session.purpose,
        error=error,
        requester=requester,
    )


def report_observed(limit: LimitName, scope: str) -> None:
    """Say to the log and the signal that a limit was passed which is only observed."""
    extra = {"event": "limit_observed", "limit": str(limit), "scope": scope}
    logger.warning("%s passed by %s.", limit, scope, extra=extra)
    signals.limit_observed.send_robust(sender=OTPSession, limit=limit, scope=scope)
