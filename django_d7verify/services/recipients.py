"""What staff do to a number. Each act is an event of the number's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import router, transaction
from django.dispatch import Signal
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import limits, signals
from django_d7verify.models import Event, Recipient
from django_d7verify.phones import mask_phone
from django_d7verify.transactions import run_within
from django_d7verify.words import EventKind

from .states import parse_recipient

logger = logging.getLogger("django_d7verify")

_SIGNALS = {
    EventKind.STOPPED: signals.recipient_stopped,
    EventKind.ALLOWED: signals.recipient_allowed,
    EventKind.UNLOCKED: signals.recipient_unlocked,
}


@sensitive_variables()
def stop_recipient(
    recipient: str, *, reason: str = "", by: Any = None, now: datetime | None = None
) -> bool:
    """
    Put a number on the stop list, at once and for all purposes; False where it stands there.

    *by* is the user who does it. Raises ``InvalidRecipient``. The number need not have been seen
    before. May be called inside a transaction, and then holds with it.
    Sends ``recipient_stopped``.
    """
    number = parse_recipient(recipient).number
    now = now or timezone.now()

    def stop() -> bool:
        Recipient.objects.ensure(number)
        return bool(Recipient.objects.mark_stopped(number, now=now, reason=reason[:200]))

    return run_within(_act, stop, EventKind.STOPPED, number, by, now)


@sensitive_variables()
def allow_recipient(recipient: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """
    Take a number from the stop list; False where it is not there. As ``stop_recipient``.

    Sends ``recipient_allowed``.
    """
    number = parse_recipient(recipient).number
    allow = partial(Recipient.objects.mark_allowed, number)
    return run_within(_act, allow, EventKind.ALLOWED, number, by, now or timezone.now())


@sensitive_variables()
def unlock_recipient(recipient: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """
    Forget a number's wrong codes, and enable it where they disabled it; False if it is not known.

    Sessions that ran out of attempts stay closed, and the waits between sends stay.
    As ``stop_recipient``. Sends ``recipient_unlocked``.
    """
    number = parse_recipient(recipient).number
    unlock = partial(limits.mark_unlocked, number)
    return run_within(_act, unlock, EventKind.UNLOCKED, number, by, now or timezone.now())


@sensitive_variables()
def _act(change: Callable[[], bool], kind: EventKind, number: str, by: Any, now: datetime) -> bool:
    if not change():
        return False
    Event(recipient_id=number, by=by, kind=kind, at=now).insert()
    event = f"recipient_{kind}"
    transaction.on_commit(
        partial(report_act, _SIGNALS[kind], event, number, by),
        using=router.db_for_write(Recipient),
        robust=True,
    )
    return True


def report_act(signal: Signal, event: str, number: str, by: Any) -> None:
    """Say to the log and *signal* what staff did to *number*, after the commit."""
    masked = mask_phone(number)
    logger.info("%s: %s.", masked, event, extra={"event": event, "recipient": masked})
    signal.send_robust(sender=Recipient, recipient=masked, by=by)
