"""
Codes that the provider made: charged and committed, then asked about, then marked by its word.

An answer may be lost. The digests of attempts without one are kept till it comes, so that a later
"already approved" proves a code right: if that very code is the only one it can be about.
"""

from __future__ import annotations

from collections.abc import Callable

from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    DEFAULT_RETRY_AFTER_SECONDS,
    ConfigurationError,
    GatewayError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    SessionClosed,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import Gateway
from django_d7verify.models import OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import (
    EventKind,
    GatewayReason,
    SessionStatus,
    Verdict,
)

from .attempts import (
    Attempt,
    Overtaken,
    charge_failure,
    release_budgets,
    report_approved,
    report_wrong,
)
from .states import VerifyResult, get_snapshot

_NOT_ASKED = (GatewayRefused, GatewayUnreachable, ConfigurationError)
#: Why a provider does not compare a code whose reference is made up, or was too old.
_UNKNOWN = {GatewayReason.UNKNOWN_REFERENCE, GatewayReason.EXPIRED, GatewayReason.OTHER}


@sensitive_variables()
def try_provider(
    attempt: Attempt, code: str, pin: Pin, *, was_compared: bool = False
) -> VerifyResult:
    """
    Ask the provider that made *pin* about *code*; charged and committed first.

    *was_compared*: with a code of ours before, so the charge stays even where the provider cannot
    be asked. Raises as ``verify_otp``.
    """
    digest = codes.make_digest(code, pin.make_binding(), secret=conf.SECRET_KEYS[0])
    tried = f"{pin.generation}:{digest}"
    charged = f"{attempt.unanswered} {tried}".strip()
    run_durably(_charge, attempt, charged)
    try:
        was_asked = tried in attempt.unanswered.split()
        verdict = _ask(pin, code, was_asked=was_asked, hidden=attempt.session.hidden)
    except _NOT_ASKED as error:
        reason = getattr(error, "reason", ConfigurationError.code)
        if attempt.session.hidden and isinstance(error, GatewayUnreachable):
            # The breaker's wait would tell of codes that could not be sent.
            error.retry_after_seconds = DEFAULT_RETRY_AFTER_SECONDS
        if was_compared:
            run_durably(_mark_answered_wrong, attempt, charged, reason)
            raise
        run_durably(_release, attempt, charged, reason)
        if reason == GatewayReason.UNKNOWN_REFERENCE:
            raise SessionClosed from None
        raise
    except GatewayUncertain as error:
        run_durably(attempt.make_event(EventKind.ANSWER_LOST).insert)
        error.otp_id, error.of_attempt = str(attempt.session.otp_id), True
        raise
    if _is_approved(attempt, verdict, tried):
        return report_approved(attempt)
    reason = "" if verdict == Verdict.WRONG else verdict.value
    run_durably(_mark_answered_wrong, attempt, charged, reason)
    if verdict == Verdict.EXPIRED:
        raise SessionClosed
    return report_wrong(attempt)


def _charge(attempt: Attempt, charged: str) -> None:
    session = attempt.session
    if not OTPSession.objects.charge_attempt(
        session.otp_id,
        now=attempt.now,
        generation=session.generation,
        attempts=session.attempts,
        read=session.unanswered,
        unanswered=charged,
    ):
        raise Overtaken
    charge_failure(attempt)


@sensitive_variables()
def _ask(pin: Pin, code: str, *, was_asked: bool, hidden: bool) -> Verdict:
    gateway = get_gateway(pin.gateway)
    verdict = _hear(gateway, lambda: gateway.verify(pin.reference, code), hidden=hidden)
    if verdict != Verdict.WRONG or not was_asked:
        return verdict
    # Its answer was lost, and some providers say "wrong" to a code that was used: ask what became
    # of it. The code has been compared by now, so no error here means that it was not.
    try:
        report = _hear(gateway, lambda: gateway.get_verdict(pin.reference), hidden=hidden)
    except (GatewayError, ConfigurationError) as error:
        raise GatewayUncertain(f"No report on an attempt: {error}") from None
    return Verdict.ALREADY_APPROVED if report == Verdict.APPROVED else Verdict.WRONG


def _hear(gateway: Gateway, call: Callable[[], Verdict], *, hidden: bool) -> Verdict:
    # Of a hidden session, nothing that tells whether the provider knows of it: a decoy's
    # reference it never gave.
    try:
        with gateway.breaker:
            verdict = call()
    except GatewayRefused as error:
        if hidden and error.reason in _UNKNOWN:
            return Verdict.WRONG
        raise
    return Verdict.WRONG if hidden and verdict == Verdict.EXPIRED else verdict


def _release(attempt: Attempt, charged: str, reason: str) -> None:
    otp_id = attempt.session.otp_id
    OTPSession.objects.mark_answered(otp_id, read=charged, left=attempt.unanswered)
    OTPSession.objects.release_attempt(otp_id)
    limits.release_failure(attempt.number, owned=attempt.session.owned)
    attempt.make_event(EventKind.NOT_COMPARED, reason=reason).insert()


@sensitive_variables()
def _is_approved(attempt: Attempt, verdict: Verdict, tried: str) -> bool:
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
    # The provider means an earlier try. That was this code, if it was tried before without an
    # answer, and no other code of its generation was: those before it ended with the resend.
    generation = tried.partition(":")[0]
    of_generation = [one for one in unanswered.split() if one.partition(":")[0] == generation]
    was_lost = now_read.session.attempts - now_read.answered > 1 and len(of_generation) > 1
    if not was_lost or set(of_generation) != {tried}:
        return False
    run_durably(_mark_provider_approved, attempt, unanswered)
    return True


def _mark_provider_approved(attempt: Attempt, only_unanswered: str | None) -> None:
    session, now = attempt.session, attempt.now
    if not OTPSession.objects.mark_provider_approved(
        session.otp_id, now=now, only_unanswered=only_unanswered
    ):
        raise SessionClosed
    limits.mark_proven(attempt.number, now=now, owned=session.owned, charged=True)
    release_budgets(attempt)
    attempt.make_event(EventKind.APPROVED).insert()


def _mark_answered_wrong(attempt: Attempt, charged: str, reason: str) -> None:
    otp_id = attempt.session.otp_id
    if attempt.unanswered:
        OTPSession.objects.mark_answered(otp_id, read=charged, left=attempt.unanswered)
    elif not attempt.left:
        OTPSession.objects.mark_locked(otp_id, read=charged)
    attempt.make_wrong_event(reason=reason).insert()
