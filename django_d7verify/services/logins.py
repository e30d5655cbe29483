"""
Logging in by phone: the person is not known until the code is right.

Whether a number is anybody's shows in nothing: both kinds take the same way, are charged the same
limits, and send, or do not send, after the answer.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import NumberTaken, SessionClosed
from django_d7verify.models import OTPSession
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.transactions import run_durably
from django_d7verify.words import LOGIN, EventKind, Requester, SessionStatus

from .proofs import make_event, use_approval
from .sending import begin, get_phone
from .states import OTP, describe, get_snapshot
from .verifying import verify_otp

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginResult:
    """The answer to one code for a login."""

    approved: bool
    attempts_left: int
    status: SessionStatus
    otp: OTP
    #: Who is to be logged in; None unless approved.
    user: Any = field(repr=False)
    #: They were signed up by this very login.
    created: bool


@sensitive_variables()
def send_login_otp(
    recipient: str, *, requester: Requester | None = None, now: datetime | None = None
) -> OTP:
    """
    Send a code for a login to *recipient*, if it is the number of an active user.

    A number that nobody has, or an inactive user, gets nothing, and an answer like any other;
    with ``SIGN_UP`` a number that nobody has gets a code too. The message leaves after this
    returns. Raises ``Refused`` as ``send_otp``, and ``GatewayUnreachable`` where too many codes
    wait to be sent.
    """
    phone = get_phone(recipient)
    user = get_phone_store().find_user(phone.number)
    is_known = user is not None and user.is_active
    return begin(
        phone,
        purpose=LOGIN,
        requester=requester,
        now=now,
        # The session gets its user with the login: a column more would take time to check.
        owned=False,
        hidden=True,
        decoy=not is_known and (user is not None or not conf.SIGN_UP),
    )


@sensitive_variables()
def verify_login(
    otp_id: uuid.UUID | str,
    code: str,
    *,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> LoginResult:
    """
    Try *code*; where it is right, the session is used up and ``user`` may be logged in, once.

    Raises as ``verify_otp``, and ``SessionClosed`` for a user who is not active. With ``SIGN_UP``
    a number that nobody has becomes a new user. Sends ``logged_in``.
    """
    now = now or timezone.now()
    requester = requester or Requester()
    result = verify_otp(otp_id, code, purpose=LOGIN, requester=requester, now=now)
    user, created = None, False
    if result.approved:
        user, created = _log_in(result.otp, now)
        signals.logged_in.send_robust(
            sender=OTPSession, user=user, otp=result.otp, requester=requester, created=created
        )
    return LoginResult(
        approved=result.approved,
        attempts_left=result.attempts_left,
        status=result.status,
        otp=result.otp,
        user=user,
        created=created,
    )


def _log_in(otp: OTP, now: datetime) -> tuple[Any, bool]:
    """The user that an approved session logs in, and whether they are new; uses it up."""
    session = get_snapshot(otp.otp_id).session
    user, created = _find_user(session, now)
    if user is None or not user.is_active:
        raise SessionClosed("No active user has the number.")
    run_durably(_consume, session, user, now)
    logger.info("%s logged in.", otp.masked_recipient, extra=describe("logged_in", otp))
    return user, created


def _consume(session: OTPSession, user: Any, now: datetime) -> None:
    use_approval(session, purpose=LOGIN, now=now, user=user)
    make_event(session, EventKind.LOGGED_IN, now=now).insert()


def _find_user(session: OTPSession, now: datetime) -> tuple[Any, bool]:
    # Whose number it is now, not when the code was sent. A site that asks for codes itself, with
    # ``send_otp``, may know a user whom the store does not.
    store = get_phone_store()
    user = store.find_user(session.recipient_id)
    if user is not None:
        return user, False
    if not session.hidden:
        return session.user, False
    if not conf.SIGN_UP:
        return None, False
    try:
        return store.create_user(session.recipient_id, now=now), True
    except NumberTaken:
        return store.find_user(session.recipient_id), False
