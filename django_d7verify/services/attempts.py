"""An attempt: one code tried in a session, what it charges and what is said of it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django_d7verify import limits, signals
from django_d7verify.exceptions import (
    LockedOut,
)
from django_d7verify.models import Event, OTPSession
from django_d7verify.words import (
    EventKind,
    PinStatus,
    Requester,
    SessionStatus,
)

from .states import OTP, Snapshot, VerifyResult, describe, make_otp

logger = logging.getLogger("django_d7verify")


class Overtaken(Exception):
    """The session changed between our look and our UPDATE; nothing was written."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One code tried in a session, at one instant."""

    snapshot: Snapshot
    requester: Requester
    now: datetime
    #: Attempts left after this one.
    left: int

    @property
    def session(self) -> OTPSession:
        """As it was read."""
        return self.snapshot.session

    @property
    def number(self) -> str:
        """The recipient, E.164."""
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


def make_attempt(snapshot: Snapshot, requester: Requester, now: datetime) -> Attempt:
    """The next attempt in the session that was read."""
    left = snapshot.session.max_attempts - snapshot.session.attempts - 1
    return Attempt(snapshot=snapshot, requester=requester, now=now, left=max(0, left))


def charge_failure(attempt: Attempt) -> None:
    """
    Charge a wrong code, or one that a provider is asked about, to the number.

    Raises ``LockedOut``, so that what was written with it is undone. One UPDATE.
    """
    if not limits.charge_failure(attempt.number, now=attempt.now, owned=attempt.session.owned):
        raise LockedOut(limits.shortest_lock_seconds())


def release_budgets(attempt: Attempt) -> None:
    """Real people verify, and so take nothing from the budgets of those who never do."""
    taken = Counter(
        scope
        for pin in attempt.snapshot.pins
        if pin.status != PinStatus.NOT_SENT
        for scope in pin.budgets.split()
    )
    for scope, times in taken.items():
        if limits.is_given_back(scope):
            limits.release_budget(scope, times)


def report_approved(attempt: Attempt) -> VerifyResult:
    """Say that the code was right, after the commit."""
    session = attempt.session
    session.status, session.approved_at = SessionStatus.APPROVED, attempt.now
    otp = _make_state(attempt)
    extra = describe("otp_approved", otp)
    logger.info("%s approved (%s).", otp.masked_recipient, otp.purpose, extra=extra)
    signals.otp_approved.send_robust(sender=OTPSession, otp=otp, requester=attempt.requester)
    return VerifyResult(approved=True, attempts_left=0, status=otp.status, otp=otp)


def report_wrong(attempt: Attempt) -> VerifyResult:
    """Say that the code was wrong, after the commit."""
    otp = _make_state(attempt)
    extra = describe(
        "otp_attempt_failed" if attempt.left else "otp_locked", otp, attempts_left=attempt.left
    )
    logger.info("Wrong code for %s, %d left.", otp.masked_recipient, attempt.left, extra=extra)
    signal = signals.otp_attempt_failed if attempt.left else signals.otp_locked
    signal.send_robust(sender=OTPSession, otp=otp, requester=attempt.requester)
    return VerifyResult(approved=False, attempts_left=attempt.left, status=otp.status, otp=otp)


def _make_state(attempt: Attempt) -> OTP:
    session = attempt.session
    session.attempts += 1
    wait = limits.send_wait_seconds(session.recipient, now=attempt.now, owned=session.owned)
    pins = attempt.snapshot.live_pins()
    return make_otp(session, now=attempt.now, wait_seconds=wait, pins=pins)
