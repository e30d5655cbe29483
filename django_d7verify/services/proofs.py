"""
What an approval is good for, once: a signed proof, a login, a number that is bound.

Of all that try at once, one conditional UPDATE lets one through.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import SessionClosed
from django_d7verify.models import Event, OTPSession
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind

from .states import OTP, describe, get_snapshot, make_otp

logger = logging.getLogger("django_d7verify")

#: Seconds after an approval in which it can become a login, or a number be bound.
_USABLE_SECONDS = 300


def use_approval(
    session: OTPSession,
    *,
    purpose: str,
    now: datetime,
    within_seconds: int = _USABLE_SECONDS,
    **learnt: Any,
) -> None:
    """
    Use the approval of *session*, once; *learnt* are columns of it that this fills. One UPDATE.

    Raises ``SessionClosed`` where it is used, not fresh, or for another purpose.
    """
    if not OTPSession.objects.claim_proof(
        session.otp_id,
        purpose=purpose,
        now=now,
        max_age=timedelta(seconds=within_seconds),
        **learnt,
    ):
        raise SessionClosed


def make_event(session: OTPSession, kind: EventKind, *, now: datetime, **facts: Any) -> Event:
    """What became of *session* and its newest code, for the audit."""
    return Event(
        session=session,
        kind=kind,
        at=now,
        generation=session.generation,
        gateway=session.gateway,
        **facts,
    )


def make_verification_token(otp: OTP) -> str:
    """
    Proof that *otp* was approved, to be handed to the person and back; it shows no number.

    Whether it still holds is decided when it is used, by ``consume_verification_token``.
    """
    return _make_signer(otp.purpose, otp.recipient).sign(otp.otp_id)


@sensitive_variables()
def consume_verification_token(token: str, *, purpose: str, now: datetime | None = None) -> OTP:
    """
    Use a proof, once, within ``VERIFICATION_TOKEN_SECONDS`` of the approval.

    Raises ``SessionClosed`` for a forged, used, late or unapproved one, or one for another
    purpose. Answers what it proves. Sends ``otp_consumed``.
    """
    now = now or timezone.now()
    # A lone surrogate, which JSON can carry, is not even to be compared.
    if not isinstance(token, str) or not token.isascii():
        raise SessionClosed
    snapshot = get_snapshot(token.partition(":")[0])
    session = snapshot.session
    try:
        _make_signer(purpose, session.recipient_id).unsign(token)
    except BadSignature:
        raise SessionClosed from None

    run_durably(_consume, session, purpose, now)
    otp = make_otp(session, now=now, wait_seconds=0)
    extra = describe("otp_consumed", otp)
    logger.info("The proof of %s was used.", otp.masked_recipient, extra=extra)
    signals.otp_consumed.send_robust(sender=OTPSession, otp=otp)
    return otp


def _consume(session: OTPSession, purpose: str, now: datetime) -> None:
    seconds = conf.VERIFICATION_TOKEN_SECONDS
    use_approval(session, purpose=purpose, now=now, within_seconds=seconds)
    make_event(session, EventKind.CONSUMED, now=now).insert()


def _make_signer(purpose: str, recipient: str) -> Signer:
    key, *fallbacks = conf.SECRET_KEYS
    salt = f"django_d7verify.proof|{purpose}|{recipient}"
    return Signer(key=key, fallback_keys=[*fallbacks], salt=salt)
