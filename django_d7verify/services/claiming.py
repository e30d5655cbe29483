"""
Claiming a send before anything leaves: the session, the number, the budgets, the pin.

One transaction, in that order of locks, committed before the gateway is called.
"""

from __future__ import annotations

from collections.abc import Callable

from django_d7verify import limits
from django_d7verify.conf import conf
from django_d7verify.exceptions import Refused, Throttled
from django_d7verify.models import OTPSession, Recipient
from django_d7verify.transactions import run_durably

from .outgoing import Outgoing
from .states import report_observed


class _BudgetRefused(Exception):
    """A budget gave no claim; nothing was written."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


def _claim(outgoing: Outgoing, work: Callable[[Outgoing], bool]) -> bool:
    """Do *work* in one transaction, again for each budget that was missing or is only observed."""
    while True:
        try:
            return run_durably(work, outgoing)
        except _BudgetRefused as error:
            _meet_refusal(outgoing, error.scope)


def _meet_refusal(outgoing: Outgoing, scope: str) -> None:
    refusal = limits.find_budget_refusal(scope, now=outgoing.now)
    name = limits.get_budget_name(scope)
    if refusal is None:
        return
    if conf.is_enforced(name):
        raise refusal
    outgoing.scopes.remove(scope)
    report_observed(name, scope)


def _claim_limits(outgoing: Outgoing) -> bool:
    session = outgoing.session
    if not limits.claim_send(
        session.recipient_id, claim=outgoing.claim, now=outgoing.now, owned=session.owned
    ):
        return False
    for scope in outgoing.scopes:
        if not limits.claim_budget(scope, now=outgoing.now):
            raise _BudgetRefused(scope)
    outgoing.pin.budgets = " ".join(outgoing.scopes)
    return True


def claim_first(outgoing: Outgoing) -> None:
    """
    Take what a new session's first code takes, and write the session.

    Raises ``Throttled``, ``LockedOut`` or ``RecipientRefused``, with nothing written.
    """
    if _claim(outgoing, _try_first):
        return
    number = outgoing.session.recipient_id
    recipient = Recipient.objects.filter(number=number).first()
    if recipient is None:
        # Never seen. Of several at once one row stands, and the same UPDATE decides.
        run_durably(
            Recipient.objects.bulk_create, [Recipient(number=number)], ignore_conflicts=True
        )
        if _claim(outgoing, _try_first):
            return
    raise _make_refusal(recipient, outgoing)


def _try_first(outgoing: Outgoing) -> bool:
    if outgoing.session.hidden:
        # A number that logged in before was seen before: who was never seen must not take longer.
        Recipient.objects.ensure(outgoing.session.recipient_id)
    if not _claim_limits(outgoing):
        return False
    outgoing.session.insert()
    outgoing.pin.insert()
    return True


def _make_refusal(recipient: Recipient | None, outgoing: Outgoing) -> Refused:
    owned = outgoing.session.owned
    refusal = recipient and limits.find_refusal(recipient, now=outgoing.now, owned=owned)
    # None: somebody else sent between our look and our claim.
    return refusal or Throttled(conf.RESEND_WAIT_SECONDS)


def claim_next(outgoing: Outgoing) -> None:
    """Take what a resend takes. Raises ``Throttled``, with nothing written."""
    if not _claim(outgoing, _try_next):
        # The look before allowed it: lost to another call of this very moment.
        raise Throttled(conf.RESEND_WAIT_SECONDS)


def _try_next(outgoing: Outgoing) -> bool:
    session = outgoing.session
    if not OTPSession.objects.claim_resend(
        session.otp_id,
        now=outgoing.now,
        generation=session.generation - 1,
        expires_at=session.expires_at,
    ):
        return False
    if not _claim_limits(outgoing):
        # Raised, so that the session's claim is undone with it.
        raise Throttled(conf.RESEND_WAIT_SECONDS)
    outgoing.pin.insert()
    return True
