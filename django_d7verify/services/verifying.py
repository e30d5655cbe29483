"""
Trying a code, and giving a session up.

No answer without a charge: our own codes are counted in the statement that lets the answer out,
provider-made ones are charged and committed before the provider is asked.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits, signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    InvalidCode,
    LockedOut,
    Refused,
    SessionClosed,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind, GatewayReason, Requester, SessionStatus, Verdict

from .states import (
    OTP,
    Snapshot,
    VerifyResult,
    get_otp,
    get_snapshot,
    make_otp,
    report_refusal,
)

logger = logging.getLogger("django_d7verify")

#: Looks at a session before a verify is given up. Each further one means that another attempt or
#: a resend came between, of which a session has few.
_LOOKS = 50
_NOT_ASKED = (GatewayRefused, GatewayUnreachable, ConfigurationError)


class _Overtaken(Exception):
    """The session changed between our look and our UPDATE; nothing was written."""


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One code tried in a session, at one instant."""

    snapshot: Snapshot
    requester: Requester
    now: datetime
    #: Attempts left after this one.
    left: int

    @property
    def session(self) -> OTPSession:
        return self.snapshot.session

    @property
    def number(self) -> str:
        return self.session.recipient_id

    @property
    def unanswered(self) -> str:
        """Digests of the attempts before this one whose answer is not known; "" for none."""
        is_any = self.session.attempts > self.snapshot.answered
        return self.session.unanswered if is_any else ""

    def make_wrong_event(self, *, reason: str = "") -> Event:
        """A code was compared and is wrong."""
        kind = EventKind.WRONG_CODE if self.left else EventKind.LOCKED
        return self.make_event(kind, reason=reason)

    def make_event(self, kind: EventKind, *, reason: str = "") -> Event:
        """Something that this attempt did, for the audit."""
        return Event(
            session=self.session,
            kind=kind,
            at=self.now,
            generation=self.session.generation,
            gateway=self.session.gateway,
            reason=reason,
            address=self.requester.address,
        )


def _make_attempt(snapshot: Snapshot, requester: Requester, now: datetime) -> _Attempt:
    left = snapshot.session.max_attempts - snapshot.session.attempts - 1
    return _Attempt(snapshot=snapshot, requester=requester, now=now, left=max(0, left))


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
        attempt = _make_attempt(snapshot, requester, now)
        try:
            return _try(attempt, code, purpose)
        except _Overtaken:
            continue
        except Refused as error:
            report_refusal(snapshot.session, error, requester)
            raise
    raise SessionClosed


@sensitive_variables()
def _try(attempt: _Attempt, code: str, purpose: str | None) -> VerifyResult:
    session = attempt.session
    if purpose not in (None, session.purpose):
        raise SessionClosed
    if session.status_at(attempt.now) != SessionStatus.OPEN:
        raise SessionClosed
    locked = limits.find_lock(session.recipient, now=attempt.now, owned=session.owned)
    if locked:
        raise locked
    pins = [pin for pin in attempt.snapshot.live_pins() if pin.expires_at > attempt.now]
    own = [pin for pin in pins if pin.digest]
    # A provider knows the newest code of its session; without a reference, none.
    made = next((pin for pin in pins if not pin.digest and pin.reference), None)
    if _is_own(code, own):
        return _try_own(attempt, is_right=True)
    if made is not None:
        return _try_provider(attempt, _parse(code, [made]), made)
    if own:
        _parse(code, own)
        return _try_own(attempt, is_right=False)
    raise SessionClosed("No code of this session can be checked; a new one is needed.")


@sensitive_variables()
def _parse(code: str, pins: list[Pin]) -> str:
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


def _try_own(attempt: _Attempt, *, is_right: bool) -> VerifyResult:
    if is_right:
        run_durably(_mark_right, attempt)
        return _report_approved(attempt)
    run_durably(_mark_wrong, attempt)
    return _report_wrong(attempt)


def _mark_right(attempt: _Attempt) -> None:
    session, now = attempt.session, attempt.now
    if not OTPSession.objects.mark_right(
        session.otp_id, now=now, generation=session.generation, attempts=session.attempts
    ):
        raise _Overtaken
    if not limits.mark_proven(attempt.number, now=now, owned=session.owned, charged=False):
        raise LockedOut(limits.shortest_lock_seconds())
    attempt.make_event(EventKind.APPROVED).save(force_insert=True)


def _mark_wrong(attempt: _Attempt) -> None:
    session = attempt.session
    if not OTPSession.objects.mark_wrong(
        session.otp_id,
        now=attempt.now,
        generation=session.generation,
        attempts=session.attempts,
        is_last=not attempt.left,
    ):
        raise _Overtaken
    _charge_failure(attempt)
    attempt.make_wrong_event().save(force_insert=True)


def _charge_failure(attempt: _Attempt) -> None:
    if not limits.charge_failure(attempt.number, now=attempt.now, owned=attempt.session.owned):
        raise LockedOut(limits.shortest_lock_seconds())


@sensitive_variables()
def _try_provider(attempt: _Attempt, code: str, pin: Pin) -> VerifyResult:
    digest = codes.make_digest(code, pin.make_binding(), secret=conf.SECRET_KEYS[0])
    charged = f"{attempt.unanswered} {digest}".strip()
    run_durably(_charge, attempt, charged)
    try:
        verdict = _ask(pin, code, was_asked=digest in attempt.unanswered)
    except _NOT_ASKED as error:
        run_durably(_release, attempt, charged, error)
        if getattr(error, "reason", "") == GatewayReason.UNKNOWN_REFERENCE:
            raise SessionClosed from None
        raise
    except GatewayUncertain as error:
        run_durably(attempt.make_event(EventKind.ANSWER_LOST).save, force_insert=True)
        error.otp_id = str(attempt.session.otp_id)
        raise
    if _is_approved(attempt, verdict, digest):
        return _report_approved(attempt)
    run_durably(_mark_answered_wrong, attempt, charged, verdict)
    if verdict == Verdict.EXPIRED:
        raise SessionClosed
    return _report_wrong(attempt)


def _charge(attempt: _Attempt, charged: str) -> None:
    session = attempt.session
    if not OTPSession.objects.charge_attempt(
        session.otp_id,
        now=attempt.now,
        generation=session.generation,
        attempts=session.attempts,
        read=session.unanswered,
        unanswered=charged,
    ):
        raise _Overtaken
    _charge_failure(attempt)


@sensitive_variables()
def _ask(pin: Pin, code: str, *, was_asked: bool) -> Verdict:
    gateway = get_gateway(pin.gateway)
    with gateway.breaker:
        verdict = gateway.verify(pin.reference, code)
    if verdict != Verdict.WRONG or not was_asked:
        return verdict
    # Its answer was lost, and some providers say "wrong" to a code that was used: ask what became
    # of it. The code has been compared by now, so no error here means that it was not.
    try:
        with gateway.breaker:
            report = gateway.get_verdict(pin.reference)
    except (GatewayError, ConfigurationError) as error:
        raise GatewayUncertain(f"No report on an attempt: {error}") from None
    return Verdict.ALREADY_APPROVED if report == Verdict.APPROVED else Verdict.WRONG


def _release(attempt: _Attempt, charged: str, error: Exception) -> None:
    otp_id = attempt.session.otp_id
    OTPSession.objects.mark_answered(otp_id, read=charged, left=attempt.unanswered)
    OTPSession.objects.release_attempt(otp_id)
    limits.release_failure(attempt.number, owned=attempt.session.owned)
    reason = getattr(error, "reason", "")
    attempt.make_event(EventKind.NOT_COMPARED, reason=reason).save(force_insert=True)


@sensitive_variables()
def _is_approved(attempt: _Attempt, verdict: Verdict, digest: str) -> bool:
    """Approve where the provider did; raises ``SessionClosed`` where it is open no longer."""
    if verdict == Verdict.APPROVED:
        run_durably(_mark_provider_approved, attempt, None)
        return True
    if verdict != Verdict.ALREADY_APPROVED:
        return False
    now_read = get_snapshot(attempt.session.otp_id)
    if now_read.session.status != SessionStatus.OPEN:
        raise SessionClosed
    unanswered = now_read.session.unanswered
    # Approved when it was asked before, if this very code was asked before without an answer,
    # and no other code was.
    others = now_read.session.attempts - now_read.answered - 1
    if others < 1 or set(unanswered.split()) != {digest}:
        return False
    run_durably(_mark_provider_approved, attempt, unanswered)
    return True


def _mark_provider_approved(attempt: _Attempt, only_unanswered: str | None) -> None:
    session, now = attempt.session, attempt.now
    if not OTPSession.objects.mark_provider_approved(
        session.otp_id, now=now, only_unanswered=only_unanswered
    ):
        raise SessionClosed
    limits.mark_proven(attempt.number, now=now, owned=session.owned, charged=True)
    attempt.make_event(EventKind.APPROVED).save(force_insert=True)


def _mark_answered_wrong(attempt: _Attempt, charged: str, verdict: Verdict) -> None:
    otp_id = attempt.session.otp_id
    if attempt.unanswered:
        OTPSession.objects.mark_answered(otp_id, read=charged, left=attempt.unanswered)
    elif not attempt.left:
        OTPSession.objects.mark_locked(otp_id, read=charged)
    reason = "" if verdict == Verdict.WRONG else verdict.value
    attempt.make_wrong_event(reason=reason).save(force_insert=True)


def _report_approved(attempt: _Attempt) -> VerifyResult:
    session = attempt.session
    session.status, session.approved_at = SessionStatus.APPROVED, attempt.now
    otp = _make_state(attempt)
    logger.info("%s approved (%s).", otp.masked_recipient, otp.purpose)
    signals.otp_approved.send_robust(sender=OTPSession, otp=otp, requester=attempt.requester)
    return VerifyResult(approved=True, attempts_left=0, status=otp.status, otp=otp)


def _report_wrong(attempt: _Attempt) -> VerifyResult:
    otp = _make_state(attempt)
    logger.info("Wrong code for %s, %d left.", otp.masked_recipient, attempt.left)
    signal = signals.otp_attempt_failed if attempt.left else signals.otp_locked
    signal.send_robust(sender=OTPSession, otp=otp, requester=attempt.requester)
    return VerifyResult(approved=False, attempts_left=attempt.left, status=otp.status, otp=otp)


def _make_state(attempt: _Attempt) -> OTP:
    session = attempt.session
    session.attempts += 1
    wait = limits.send_wait_seconds(session.recipient, now=attempt.now, owned=session.owned)
    pins = attempt.snapshot.live_pins()
    return make_otp(session, now=attempt.now, wait_seconds=wait, pins=pins)


def cancel_otp(
    otp_id: uuid.UUID | str,
    *,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> OTP:
    """
    Give a session up; a closed one is answered as it stands.

    Raises ``SessionClosed`` for an unknown id. Sends ``otp_cancelled`` where it was open.
    """
    now = now or timezone.now()
    snapshot = get_snapshot(otp_id)
    attempt = _make_attempt(snapshot, requester or Requester(), now)

    def cancel() -> bool:
        if not OTPSession.objects.mark_cancelled(snapshot.otp_id, now=now):
            return False
        attempt.make_event(EventKind.CANCELLED).save(force_insert=True)
        return True

    if not run_durably(cancel):
        return get_otp(otp_id, now=now)
    snapshot.session.status = SessionStatus.CANCELLED
    otp = make_otp(snapshot.session, now=now, wait_seconds=0)
    signals.otp_cancelled.send_robust(sender=OTPSession, otp=otp)
    return otp
