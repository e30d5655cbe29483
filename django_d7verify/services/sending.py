"""Sending and resending: asked for, claimed and committed, then handed over to be delivered."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits, phones, signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    RecipientRefused,
    Refused,
    SessionClosed,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.models import OTPSession
from django_d7verify.words import LimitName, Requester, SessionStatus

from .claiming import claim_first, claim_next
from .delivering import hand_over
from .outgoing import Outgoing, get_purpose, make_lifetime, make_outgoing
from .states import (
    OTP,
    Snapshot,
    get_snapshot,
    parse_recipient,
    report_observed,
    report_refusal,
)


@sensitive_variables()
def send_otp(
    recipient: str,
    *,
    purpose: str = "verify",
    gateway: str | None = None,
    user: Any = None,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> OTP:
    """
    Begin a session: send a code for *purpose* to *recipient*, a phone number as people write it.

    *gateway* is an alias, by default the purpose's. *user* is the number's known user, who is
    asking: already past a first factor or signed in. Such sessions are charged to limits of
    their own, so never pass a user whom the site merely looked up by the number.

    Costs money and takes up to 10 s. Raises ``Refused`` (``InvalidPurpose``,
    ``InvalidRecipient``, ``RecipientRefused``, ``Throttled``, ``LockedOut``): nothing was sent;
    ``GatewayRefused``, ``GatewayUnreachable`` or ``ConfigurationError``: not sent, and it may be
    tried again at once; ``GatewayUncertain`` with ``otp_id``: maybe sent.
    Sends ``pre_send``, then ``otp_sent`` or ``otp_send_failed``.
    """
    return begin(
        get_phone(recipient),
        purpose=purpose,
        gateway=gateway,
        user=user,
        owned=user is not None,
        requester=requester,
        now=now,
    )


def begin(
    phone: phones.Phone,
    *,
    purpose: str,
    gateway: str | None = None,
    requester: Requester | None,
    now: datetime | None,
    given_code: str = "",
    **facts: Any,
) -> OTP:
    """
    Begin a session of *phone*; *facts* are the columns ``user``, ``owned``, ``hidden``, ``decoy``.

    Raises as ``send_otp``.
    """
    now = now or timezone.now()
    requester = requester or Requester()
    rules = get_purpose(purpose)
    carrier = get_gateway(gateway or rules.gateway)
    session = OTPSession(
        recipient_id=phone.number,
        country=phone.country,
        purpose=purpose,
        gateway=carrier.alias,
        created_at=now,
        expires_at=now + make_lifetime(rules, carrier),
        max_attempts=rules.max_attempts,
        max_resends=rules.max_resends,
        salt=codes.make_salt(),
        address=requester.address,
        user_agent=requester.user_agent,
        language=requester.language,
        **facts,
    )
    try:
        _ask_site(session, requester)
        outgoing = make_outgoing(session, rules, carrier, now=now, given_code=given_code)
        claim_first(outgoing)
    except Refused as error:
        report_refusal(session, error, requester)
        raise
    return hand_over(outgoing, requester)


def resend_otp(
    otp_id: uuid.UUID | str, *, requester: Requester | None = None, now: datetime | None = None
) -> OTP:
    """
    Send the next code of a session; the one before stops working once this one is confirmed.

    Attempts and failures are not reset. Costs money and takes up to 10 s. Raises as ``send_otp``,
    and ``SessionClosed``; the session stays open and keeps its resend where nothing was sent.
    """
    now = now or timezone.now()
    requester = requester or Requester()
    snapshot = get_snapshot(otp_id)
    try:
        _check_resend(snapshot, now)
        _ask_site(snapshot.session, requester)
        outgoing = _make_resend(snapshot, now)
        claim_next(outgoing)
    except Refused as error:
        report_refusal(snapshot.session, error, requester)
        raise
    return hand_over(outgoing, requester)


def _ask_site(session: OTPSession, requester: Requester) -> None:
    """Let the site's receivers veto the code, by raising ``RecipientRefused``."""
    if signals.pre_send.has_listeners(OTPSession):
        signals.pre_send.send(
            sender=OTPSession,
            recipient=session.recipient_id,
            purpose=session.purpose,
            # A resend reads the user only where somebody listens. None where the person is not
            # known yet: a veto by user would tell that there is one.
            user=None if session.hidden else session.user,
            requester=requester,
        )


@sensitive_variables()
def get_phone(text: str) -> phones.Phone:
    """A number that the site sends to. Raises ``InvalidRecipient``, ``RecipientRefused``."""
    phone = parse_recipient(text)
    if phone.number_type not in conf.NUMBER_TYPES:
        _refuse(LimitName.NUMBER_TYPES, phone.number_type)
    if conf.ALLOWED_COUNTRIES is not None and phone.country not in conf.ALLOWED_COUNTRIES:
        _refuse(LimitName.ALLOWED_COUNTRIES, phone.country)
    return phone


def _refuse(limit: LimitName, scope: str) -> None:
    if conf.is_enforced(limit):
        raise RecipientRefused(f"{limit}: {scope} is not sent to.")
    report_observed(limit, scope)


def _check_resend(snapshot: Snapshot, now: datetime) -> None:
    # Decides nothing: the claim does. It says which refusal it would be, for one statement.
    session = snapshot.session
    if session.status_at(now) != SessionStatus.OPEN:
        raise SessionClosed
    if session.resend_count >= session.max_resends:
        raise SessionClosed("No resend is left in this session.")
    refusal = limits.find_refusal(session.recipient, now=now, owned=session.owned)
    if refusal:
        raise refusal


def _make_resend(snapshot: Snapshot, now: datetime) -> Outgoing:
    session = snapshot.session
    rules = get_purpose(session.purpose)
    gateway = get_gateway(session.gateway)
    before = session.expires_at
    reference = snapshot.find_reference(gateway.alias)
    session.generation += 1
    session.resend_count += 1
    session.expires_at = now + make_lifetime(rules, gateway)
    return make_outgoing(
        session,
        rules,
        gateway,
        now=now,
        reference=reference,
        expired_before=before,
    )
