"""
Sending and resending: claim and commit, call the gateway, mark and commit.

No transaction is open while the gateway is called. What a killed process leaves is a claimed
pin: our own code may still be used, and the recipient's 60 seconds stay.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits, phones, signals
from django_d7verify.conf import Purpose, conf
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    InvalidPurpose,
    RecipientRefused,
    Refused,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import Receipt
from django_d7verify.models import OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind, GatewayReason, LimitName, Requester, SessionStatus

from .claiming import claim_first, claim_next
from .outgoing import Outgoing, make_lifetime, make_outgoing, make_rerouted
from .states import (
    OTP,
    Snapshot,
    get_snapshot,
    make_otp,
    parse_recipient,
    report_observed,
    report_refusal,
)

logger = logging.getLogger("django_d7verify")

#: Seconds to wait where the provider says "too soon" at the end of our own wait: giving the
#: whole wait back would loop.
PROVIDER_WAIT_SECONDS = 10

_NOT_SENT = (GatewayRefused, GatewayUnreachable, ConfigurationError)
#: Reasons that no other gateway would change.
_FINAL = {GatewayReason.TOO_FREQUENT, GatewayReason.INVALID_RECIPIENT}


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
    now = now or timezone.now()
    requester = requester or Requester()
    rules = _get_purpose(purpose)
    phone = _get_phone(recipient)
    carrier = get_gateway(gateway or rules.gateway)
    session = OTPSession(
        recipient_id=phone.number,
        country=phone.country,
        purpose=purpose,
        gateway=carrier.alias,
        user=user,
        owned=user is not None,
        created_at=now,
        expires_at=now + make_lifetime(rules, carrier),
        max_attempts=rules.max_attempts,
        max_resends=rules.max_resends,
        salt=codes.make_salt(),
        address=requester.address,
        user_agent=requester.user_agent,
        language=requester.language,
    )
    try:
        _ask_site(session, requester)
        outgoing = make_outgoing(session, rules, carrier, now=now)
        claim_first(outgoing)
    except Refused as error:
        report_refusal(session, error, requester)
        raise
    return _deliver(outgoing, requester)


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
    return _deliver(outgoing, requester)


def _ask_site(session: OTPSession, requester: Requester) -> None:
    """Let the site's receivers veto the code, by raising ``RecipientRefused``."""
    if signals.pre_send.has_listeners(OTPSession):
        signals.pre_send.send(
            sender=OTPSession,
            recipient=session.recipient_id,
            purpose=session.purpose,
            # A resend reads the user only where somebody listens.
            user=session.user,
            requester=requester,
        )


def _get_purpose(name: str) -> Purpose:
    try:
        return conf.get_purpose(name)
    except KeyError:
        raise InvalidPurpose("D7VERIFY['PURPOSES'] has no such purpose.") from None


@sensitive_variables()
def _get_phone(text: str) -> phones.Phone:
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
    rules = _get_purpose(session.purpose)
    gateway = get_gateway(session.gateway)
    before = session.expires_at
    references = [pin.reference for pin in snapshot.live_pins() if pin.gateway == gateway.alias]
    session.generation += 1
    session.resend_count += 1
    session.expires_at = now + make_lifetime(rules, gateway)
    return make_outgoing(
        session,
        rules,
        gateway,
        now=now,
        reference=next((reference for reference in references if reference), ""),
        expired_before=before,
    )


@sensitive_variables()
def _deliver(outgoing: Outgoing, requester: Requester) -> OTP:
    try:
        receipt = _call_gateway(outgoing)
    except _NOT_SENT as error:
        if outgoing.successors and getattr(error, "reason", "") not in _FINAL:
            return _deliver(_reroute(outgoing, error), requester)
        run_durably(_mark_not_sent, outgoing, error)
        _report_failure(outgoing, error)
        if getattr(error, "reason", "") == GatewayReason.TOO_FREQUENT:
            raise Throttled(PROVIDER_WAIT_SECONDS) from None
        raise
    except GatewayUncertain as error:
        run_durably(_mark_uncertain, outgoing, error)
        _report_failure(outgoing, error)
        error.otp_id = str(outgoing.session.otp_id)
        error.retry_after_seconds = conf.RESEND_WAIT_SECONDS
        raise
    _shorten(outgoing.pin, receipt, outgoing.now)
    run_durably(_mark_sent, outgoing, receipt)
    otp = _make_state(outgoing)
    logger.info("Code sent to %s through %s.", otp.masked_recipient, outgoing.gateway.alias)
    signals.otp_sent.send_robust(sender=OTPSession, otp=otp, requester=requester)
    return otp


def _call_gateway(outgoing: Outgoing) -> Receipt:
    with outgoing.gateway.breaker:
        if outgoing.reference:
            return outgoing.gateway.resend(outgoing.reference, outgoing.message)
        return outgoing.gateway.send(outgoing.message)


def _reroute(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> Outgoing:
    rerouted = make_rerouted(outgoing)
    run_durably(_mark_rerouted, outgoing, rerouted, error)
    before, after = outgoing.gateway.alias, rerouted.gateway.alias
    logger.warning("%s did not send, %s is tried: %s", before, after, error)
    return rerouted


def _mark_rerouted(
    outgoing: Outgoing, rerouted: Outgoing, error: GatewayError | ConfigurationError
) -> None:
    pin = rerouted.pin
    Pin.objects.mark_rerouted(
        pin.session_id,
        pin.generation,
        gateway=pin.gateway,
        digest=pin.digest,
        code_alphabet=pin.code_alphabet,
        expires_at=pin.expires_at,
    )
    outgoing.make_event(
        EventKind.NOT_SENT,
        reason=getattr(error, "reason", error.code),
        answer=getattr(error, "answer", ""),
    ).save(force_insert=True)


def _shorten(pin: Pin, receipt: Receipt, now: datetime) -> None:
    if receipt.expiry_seconds is not None:
        pin.expires_at = min(pin.expires_at, now + timedelta(seconds=receipt.expiry_seconds))


def _mark_sent(outgoing: Outgoing, receipt: Receipt) -> None:
    pin = outgoing.pin
    Pin.objects.mark_sent(
        pin.session_id,
        pin.generation,
        now=outgoing.now,
        reference=receipt.reference,
        expires_at=pin.expires_at,
        parts=receipt.parts,
    )
    outgoing.make_event(EventKind.SENT, answer=receipt.answer).save(force_insert=True)


def _mark_uncertain(outgoing: Outgoing, error: GatewayUncertain) -> None:
    Pin.objects.mark_uncertain(outgoing.pin.session_id, outgoing.pin.generation)
    outgoing.make_event(EventKind.SEND_UNCERTAIN, reason=error.reason, answer=error.answer).save(
        force_insert=True
    )


def _mark_not_sent(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> None:
    session = outgoing.session
    reason = getattr(error, "reason", error.code)
    if outgoing.expired_before is None:
        OTPSession.objects.mark_failed(session.otp_id)
    else:
        OTPSession.objects.release_resend(
            session.otp_id, generation=session.generation, expires_at=outgoing.expired_before
        )
    limits.release_send(
        session.recipient_id,
        claim=outgoing.claim,
        now=outgoing.now,
        owned=session.owned,
        wait_seconds=PROVIDER_WAIT_SECONDS if reason == GatewayReason.TOO_FREQUENT else 0,
    )
    for scope in outgoing.pin.budgets.split():
        limits.release_budget(scope)
    Pin.objects.mark_not_sent(session.otp_id, outgoing.pin.generation)
    outgoing.make_event(
        EventKind.NOT_SENT, reason=reason, answer=getattr(error, "answer", "")
    ).save(force_insert=True)


def _make_state(outgoing: Outgoing) -> OTP:
    return make_otp(
        outgoing.session,
        now=outgoing.now,
        wait_seconds=conf.RESEND_WAIT_SECONDS,
        pins=[outgoing.pin],
    )


def _report_failure(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> None:
    otp = _make_state(outgoing)
    alias = outgoing.gateway.alias
    logger.error("No code to %s through %s: %s", otp.masked_recipient, alias, error)
    signals.otp_send_failed.send_robust(sender=OTPSession, otp=otp, error=error)
