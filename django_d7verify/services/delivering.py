"""
What is claimed gets sent: by the caller itself, or by a worker.

No transaction is open while the gateway is called. What a killed process leaves is a claimed
pin: our own code may still be used, and the recipient's 60 seconds stay.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from typing import cast

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import limits, signals
from django_d7verify.conf import conf
from django_d7verify.dispatching import get_dispatcher
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.models import OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind, GatewayReason, PinStatus, Requester, SessionStatus

from .outgoing import Outgoing, find_successors, get_purpose, make_code, make_rerouted
from .states import OTP, Snapshot, describe, get_snapshot, make_otp

logger = logging.getLogger("django_d7verify")

#: Seconds to wait where the provider says "too soon" at the end of our own wait: giving the
#: whole wait back would loop.
PROVIDER_WAIT_SECONDS = 10

_NOT_SENT = (GatewayRefused, GatewayUnreachable, ConfigurationError)
#: Reasons that no other gateway would change.
_FINAL = {GatewayReason.TOO_FREQUENT, GatewayReason.INVALID_RECIPIENT}


class _Taken(Exception):
    """A worker has taken the code; nothing was written."""


def hand_over(outgoing: Outgoing, requester: Requester) -> OTP:
    """
    Send what is claimed, or have the dispatcher send it. Raises as ``send_otp``.

    A queue that does not take it gives the claim back, and is ``GatewayUnreachable``.
    """
    if outgoing.is_inline:
        return _deliver(outgoing, requester)
    session = outgoing.session
    try:
        outgoing.dispatcher.dispatch(str(session.otp_id), session.generation)
    except Exception as problem:  # noqa: BLE001 - each queue has errors of its own
        error = GatewayUnreachable(
            f"No queue took the code ({type(problem).__name__}).", reason=GatewayReason.QUEUE_DOWN
        )
        if _release(outgoing, error):
            _report_failure(outgoing, error)
            raise error from None
    return _make_state(outgoing)


def deliver_otp(otp_id: uuid.UUID | str, generation: int, *, now: datetime | None = None) -> None:
    """
    What a worker calls: make the code of *generation* that waits in a session, and send it.

    Of any number of calls one sends. What goes wrong with it is in the audit, the log and
    ``otp_send_failed``. Raises ``OperationalError`` where the database stays busy, and
    ``ConfigurationError`` or ``InvalidPurpose`` where what was asked for is not there any more.
    """
    now = now or timezone.now()
    try:
        snapshot = get_snapshot(otp_id)
    except SessionClosed:
        return  # Erased since.
    pin = next((pin for pin in snapshot.pins if pin.generation == generation), None)
    if pin is None or pin.status != PinStatus.QUEUED:
        return
    outgoing = _make_queued(snapshot, pin, now)
    is_late = pin.expires_at <= now or snapshot.session.status_at(now) != SessionStatus.OPEN
    if is_late or snapshot.session.generation != generation:
        run_durably(_mark_unsent, outgoing, EventKind.NOT_SENT, GatewayReason.OVERTAKEN)
        return
    if not _take(outgoing):
        return
    if snapshot.session.decoy:
        run_durably(_mark_unsent, outgoing, EventKind.DECOY)
        return
    with suppress(GatewayError, ConfigurationError, Throttled):  # Reported where it was marked.
        _deliver(outgoing, snapshot.session.make_requester())


def _take(outgoing: Outgoing) -> bool:
    """Make the code, and take it from all other workers."""
    pin = outgoing.pin
    try:
        make_code(outgoing)
    except ConfigurationError as error:
        _mark_failure(outgoing, error)
        return False
    pin.status = PinStatus.CLAIMED
    return run_durably(
        Pin.objects.claim_queued,
        pin.session_id,
        pin.generation,
        digest=pin.digest,
        code_length=pin.code_length,
        code_alphabet=pin.code_alphabet,
        reference=pin.reference,
    )


def _make_queued(snapshot: Snapshot, pin: Pin, now: datetime) -> Outgoing:
    session, gateway = snapshot.session, get_gateway(pin.gateway)
    pin.session = session
    before = [older.expires_at for older in snapshot.pins if older.generation < pin.generation]
    return Outgoing(
        session=session,
        rules=get_purpose(session.purpose),
        pin=pin,
        gateway=gateway,
        now=now,
        dispatcher=get_dispatcher(hidden=session.hidden),
        successors=find_successors(gateway, must_carry=session.hidden),
        reference=snapshot.find_reference(gateway.alias),
        expired_before=before[0] if before else None,
    )


@sensitive_variables()
def _deliver(outgoing: Outgoing, requester: Requester) -> OTP:
    try:
        receipt = _call_gateway(outgoing)
    except _NOT_SENT as error:
        if outgoing.successors and getattr(error, "reason", "") not in _FINAL:
            return _deliver(_reroute(outgoing, error), requester)
        _mark_failure(outgoing, error)
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
    alias = outgoing.gateway.alias
    extra = describe("otp_sent", otp, gateway=alias)
    logger.info("Code sent to %s through %s.", otp.masked_recipient, alias, extra=extra)
    signals.otp_sent.send_robust(sender=OTPSession, otp=otp, gateway=alias, requester=requester)
    return otp


def _call_gateway(outgoing: Outgoing) -> Receipt:
    message = cast("CodeMessage", outgoing.message)
    if outgoing.is_test:
        return Receipt(parts=0)
    with outgoing.gateway.breaker:
        if outgoing.reference:
            return outgoing.gateway.resend(outgoing.reference, message)
        return outgoing.gateway.send(message)


def _reroute(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> Outgoing:
    rerouted = make_rerouted(outgoing)
    run_durably(_mark_rerouted, outgoing, rerouted, error)
    before, after = outgoing.gateway.alias, rerouted.gateway.alias
    extra = describe(
        "otp_rerouted",
        _make_state(outgoing),
        gateway=before,
        reason=getattr(error, "reason", error.code),
    )
    logger.warning("%s did not send, %s is tried: %s", before, after, error, extra=extra)
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
        reference=pin.reference,
        code_alphabet=pin.code_alphabet,
        expires_at=pin.expires_at,
    )
    outgoing.make_event(
        EventKind.NOT_SENT,
        reason=getattr(error, "reason", error.code),
        answer=getattr(error, "answer", ""),
    ).insert()


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
    kind = EventKind.TEST_CODE if outgoing.is_test else EventKind.SENT
    outgoing.make_event(kind, answer=receipt.answer).insert()


def _mark_uncertain(outgoing: Outgoing, error: GatewayUncertain) -> None:
    Pin.objects.mark_uncertain(outgoing.pin.session_id, outgoing.pin.generation)
    outgoing.make_event(EventKind.SEND_UNCERTAIN, reason=error.reason, answer=error.answer).insert()


def _mark_failure(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> None:
    # Nothing of a hidden session changes that can be seen from outside: it stays open and keeps
    # its wait, as that of a number which nobody has.
    if outgoing.session.hidden:
        reason, answer = getattr(error, "reason", error.code), getattr(error, "answer", "")
        run_durably(_mark_unsent, outgoing, EventKind.NOT_SENT, reason, answer)
    else:
        _release(outgoing, error)
    _report_failure(outgoing, error)


def _mark_unsent(outgoing: Outgoing, kind: EventKind, reason: str = "", answer: str = "") -> None:
    if _mark_not_sent(outgoing.pin):
        outgoing.make_event(kind, reason=reason, answer=answer).insert()


def _mark_not_sent(pin: Pin) -> bool:
    # As we know it: one that a worker has taken from the queue since may be on its way.
    return Pin.objects.mark_not_sent(pin.session_id, pin.generation, before=PinStatus(pin.status))


def _release(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> bool:
    """Give back all that was claimed; False where a worker has taken the code meanwhile."""
    try:
        run_durably(_try_release, outgoing, error)
    except _Taken:
        return False
    return True


def _try_release(outgoing: Outgoing, error: GatewayError | ConfigurationError) -> None:
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
    if not _mark_not_sent(outgoing.pin):
        raise _Taken
    outgoing.make_event(
        EventKind.NOT_SENT, reason=reason, answer=getattr(error, "answer", "")
    ).insert()


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
    extra = describe(
        "otp_send_failed", otp, gateway=alias, reason=getattr(error, "reason", error.code)
    )
    logger.error("No code to %s through %s: %s", otp.masked_recipient, alias, error, extra=extra)
    signals.otp_send_failed.send_robust(sender=OTPSession, otp=otp, gateway=alias, error=error)
