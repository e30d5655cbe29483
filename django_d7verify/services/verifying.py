"""
Trying a code, and giving a session up.

No answer without a charge: our own codes are counted in the statement that lets the answer out,
provider-made ones (``asking``) are charged and committed before the provider is asked.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits, signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    InvalidCode,
    LockedOut,
    Refused,
    SessionClosed,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.models import OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import (
    EventKind,
    PinStatus,
    Requester,
    SessionStatus,
)

from .asking import try_provider
from .attempts import (
    Attempt,
    Overtaken,
    charge_failure,
    make_attempt,
    release_budgets,
    report_approved,
    report_wrong,
)
from .outgoing import find_successors, get_purpose
from .states import OTP, VerifyResult, describe, get_otp, get_snapshot, make_otp, report_refusal

logger = logging.getLogger("django_d7verify")

#: Looks at a session before a verify is given up. Each further one means that another attempt or
#: a resend came between, of which a session has few.
_LOOKS = 50


@sensitive_variables()
def verify_otp(
    otp_id: uuid.UUID | str,
    code: str,
    *,
    purpose: str | None = None,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> VerifyResult:
    """
    Try *code* on a session. A wrong code is an answer (``approved`` False), not an error.

    *purpose*, where given, must be the session's. Where the provider made the code it is asked,
    which takes up to 10 s. Raises ``InvalidCode`` for what cannot be a code of the session (not
    counted), ``SessionClosed``, ``LockedOut``; ``GatewayRefused``, ``GatewayUnreachable`` or
    ``ConfigurationError`` where the code was not compared (not counted), and
    ``GatewayUncertain`` where the answer was lost (counted; the same code may be tried again).
    Sends ``otp_approved``, ``otp_attempt_failed`` or ``otp_locked``.
    """
    now = now or timezone.now()
    requester = requester or Requester()
    for _look in range(_LOOKS):
        snapshot = get_snapshot(otp_id)
        attempt = make_attempt(snapshot, requester, now)
        try:
            return _try(attempt, code, purpose)
        except Overtaken:
            continue
        except Refused as error:
            report_refusal(snapshot.session, error, requester)
            raise
    raise SessionClosed


@sensitive_variables()
def _try(attempt: Attempt, code: str, purpose: str | None) -> VerifyResult:
    session = attempt.session
    if purpose not in (None, session.purpose):
        raise SessionClosed
    if session.status_at(attempt.now) != SessionStatus.OPEN:
        raise SessionClosed
    locked = limits.find_lock(session.recipient, now=attempt.now, owned=session.owned)
    if locked:
        raise locked
    live = attempt.snapshot.live_pins()
    pins = [pin for pin in live if pin.expires_at > attempt.now]
    own = [pin for pin in pins if pin.digest]
    if _is_own(code, own) and not session.decoy:
        return _try_own(attempt, is_right=True)
    if session.hidden:
        return _try_hidden(attempt, code, live, own)
    # A provider knows the newest code of its session; without a reference, none.
    made = _find_made(pins)
    if made is not None:
        parsed = _parse(code, [made, *own])
        return try_provider(attempt, parsed, made, was_compared=bool(own))
    own = own or [pin for pin in pins if pin.status == PinStatus.QUEUED]
    if own:
        _parse(code, own)
        return _try_own(attempt, is_right=False)
    raise SessionClosed("No code of this session can be checked; a new one is needed.")


@sensitive_variables()
def _try_hidden(attempt: Attempt, code: str, live: list[Pin], own: list[Pin]) -> VerifyResult:
    """Take the same way with every code that is not right, whatever became of the messages."""
    session = attempt.session
    rules, gateway = get_purpose(session.purpose), get_gateway(session.gateway)
    shapes = [
        Pin(
            code_length=rules.code_length,
            code_alphabet=carrier.fixed_alphabet or rules.code_alphabet,
        )
        for carrier in [gateway, *find_successors(gateway, must_carry=True)]
    ]
    # Of a test number, a code of its own shape: it was compared.
    parsed = _parse(code, [*shapes, *own])
    if not gateway.makes_codes:
        return _try_own(attempt, is_right=False)
    # The provider is asked about decoys too, and where another gateway sent a code of ours.
    made = _find_made(live) or Pin(
        session=session,
        generation=session.generation,
        gateway=gateway.alias,
        reference=str(uuid.uuid4()),
    )
    return try_provider(attempt, parsed, made, was_compared=True)


def _find_made(pins: list[Pin]) -> Pin | None:
    return next((pin for pin in pins if not pin.digest and pin.reference), None)


@sensitive_variables()
def _parse(code: str, pins: list[Pin]) -> str:
    problem = ""
    for pin in pins:
        try:
            return codes.parse_code(code, length=pin.code_length, alphabet=pin.code_alphabet)
        except ValueError as error:
            problem = str(error)
    raise InvalidCode(problem)


@sensitive_variables()
def _is_own(code: str, pins: list[Pin]) -> bool:
    keys = conf.SECRET_KEYS
    for pin in pins:
        try:
            parsed = codes.parse_code(code, length=pin.code_length, alphabet=pin.code_alphabet)
        except ValueError:
            continue
        if codes.is_code_of(parsed, pin.digest, pin.make_binding(), secret_keys=keys):
            return True
    return False


def _try_own(attempt: Attempt, *, is_right: bool) -> VerifyResult:
    if is_right:
        run_durably(_mark_right, attempt)
        return report_approved(attempt)
    run_durably(_mark_wrong, attempt)
    return report_wrong(attempt)


def _mark_right(attempt: Attempt) -> None:
    session, now = attempt.session, attempt.now
    if not OTPSession.objects.mark_right(
        session.otp_id, now=now, generation=session.generation, attempts=session.attempts
    ):
        raise Overtaken
    if not limits.mark_proven(attempt.number, now=now, owned=session.owned, charged=False):
        raise LockedOut(limits.shortest_lock_seconds())
    release_budgets(attempt)
    attempt.make_event(EventKind.APPROVED).insert()


def _mark_wrong(attempt: Attempt) -> None:
    session = attempt.session
    if not OTPSession.objects.mark_wrong(
        session.otp_id,
        now=attempt.now,
        generation=session.generation,
        attempts=session.attempts,
        is_last=not attempt.left,
    ):
        raise Overtaken
    charge_failure(attempt)
    attempt.make_wrong_event().insert()


def cancel_otp(
    otp_id: uuid.UUID | str,
    *,
    by: Any = None,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> OTP:
    """
    Give a session up; a closed one is answered as it stands.

    *by* is the user of the staff who does it. Raises ``SessionClosed`` for an unknown id. Sends
    ``otp_cancelled`` where it was open.
    """
    now = now or timezone.now()
    snapshot = get_snapshot(otp_id)
    attempt = make_attempt(snapshot, requester or Requester(), now)

    def cancel() -> bool:
        if not OTPSession.objects.mark_cancelled(snapshot.otp_id, now=now):
            return False
        event = attempt.make_event(EventKind.CANCELLED)
        event.by = by
        event.insert()
        return True

    if not run_durably(cancel):
        return get_otp(otp_id, now=now)
    snapshot.session.status = SessionStatus.CANCELLED
    otp = make_otp(snapshot.session, now=now, wait_seconds=0)
    logger.info("%s cancelled.", otp.masked_recipient, extra=describe("otp_cancelled", otp))
    signals.otp_cancelled.send_robust(sender=OTPSession, otp=otp, requester=attempt.requester)
    return otp
