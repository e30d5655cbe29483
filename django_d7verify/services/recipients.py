"""What staff do to a number. Each act is an event of the number's own."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import router, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import limits
from django_d7verify.models import Event, Recipient
from django_d7verify.phones import mask_phone
from django_d7verify.words import EventKind

from .states import parse_recipient

logger = logging.getLogger("django_d7verify")


@sensitive_variables()
def stop_recipient(
    recipient: str, *, reason: str = "", by: Any = None, now: datetime | None = None
) -> bool:
    """
    Put a number on the stop list, at once and for all purposes; False where it stands there.

    *by* is the user who does it. Raises ``InvalidRecipient``. The number need not have been seen
    before. May be called inside a transaction, and then holds with it.
    """
    number = parse_recipient(recipient).number
    now = now or timezone.now()
    with transaction.atomic(using=router.db_for_write(Recipient)):
        Recipient.objects.bulk_create([Recipient(number=number)], ignore_conflicts=True)
        changed = Recipient.objects.mark_stopped(number, now=now, reason=reason[:200])
        return bool(changed and _record(EventKind.STOPPED, number, by, now))


@sensitive_variables()
def allow_recipient(recipient: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """Take a number from the stop list; False where it is not there. As ``stop_recipient``."""
    number = parse_recipient(recipient).number
    with transaction.atomic(using=router.db_for_write(Recipient)):
        changed = Recipient.objects.mark_allowed(number)
        return bool(changed and _record(EventKind.ALLOWED, number, by, now or timezone.now()))


@sensitive_variables()
def unlock_recipient(recipient: str, *, by: Any = None, now: datetime | None = None) -> bool:
    """
    Forget a number's wrong codes, and enable it where they disabled it; False if it is not known.

    Sessions that ran out of attempts stay closed, and the waits between sends stay.
    As ``stop_recipient``.
    """
    number = parse_recipient(recipient).number
    with transaction.atomic(using=router.db_for_write(Recipient)):
        changed = limits.mark_unlocked(number)
        return bool(changed and _record(EventKind.UNLOCKED, number, by, now or timezone.now()))


def _record(kind: EventKind, number: str, by: Any, now: datetime) -> bool:
    Event(recipient_id=number, by=by, kind=kind, at=now).save(force_insert=True)
    logger.info("%s: %s.", mask_phone(number), kind)
    return True
