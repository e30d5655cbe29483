"""Users' own numbers: bound, changed, used as a second factor, and reset by staff."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import signals
from django_d7verify.exceptions import NoNumber, SessionClosed
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.phones import mask_phone, parse_phone
from django_d7verify.transactions import run_durably
from django_d7verify.words import CHANGE_PHONE, SECOND_FACTOR, EventKind, Requester

from .notices import tell_number
from .proofs import make_event, use_approval
from .sending import begin, get_phone, send_otp
from .states import OTP, describe, get_snapshot

logger = logging.getLogger("django_d7verify")


@sensitive_variables()
def send_number_otp(
    recipient: str,
    *,
    user: Any,
    code: str = "",
    requester: Requester | None = None,
    now: datetime | None = None,
) -> OTP:
    """
    Send a code to a number that *user*, who is signed in, says is theirs.

    It is not theirs yet, so it is charged as a stranger's. *code* is one that another package made
    for them, by no guessable rule, of the shape that codes of this site have: it is sent at once,
    whatever ``DISPATCHER`` is, and only by gateways that carry codes of ours
    (``ConfigurationError``). Raises as ``send_otp``.
    """
    return begin(
        get_phone(recipient),
        purpose=CHANGE_PHONE,
        requester=requester,
        now=now,
        given_code=code,
        user=user,
        owned=False,
    )


@sensitive_variables()
def bind_number(
    otp: OTP, *, user: Any, requester: Requester | None = None, now: datetime | None = None
) -> None:
    """
    Make the number that *otp* proves the primary one of *user*, once; the one before is nobody's.

    *otp* is an approved session of the purpose ``change_phone``. Raises ``SessionClosed`` where it
    is not *user*'s own, not fresh or used, and ``NumberTaken``. The number before is told, with
    ``TELL_OLD_NUMBER``, which costs a message. Sends ``phone_changed``.
    """
    now = now or timezone.now()
    session = get_snapshot(otp.otp_id).session
    if session.user_id is None or session.user_id != user.pk:
        raise SessionClosed
    run_durably(use_approval, session, purpose=CHANGE_PHONE, now=now)
    old = _canonical(get_phone_store().bind(user, session.recipient_id, now=now))
    address = requester.address if requester else ""
    run_durably(_record_change, session, old, user, address, now)
    masked_old = mask_phone(old) if old else ""
    logger.info(
        "%s bound in place of %s.",
        otp.masked_recipient,
        masked_old or "none",
        extra=describe("phone_changed", otp),
    )
    signals.phone_changed.send_robust(
        sender=OTPSession,
        user=user,
        old=masked_old,
        new=otp.masked_recipient,
        otp=otp,
    )
    if old:
        tell_number(old, session.language, now=now)


def _record_change(session: OTPSession, old: str, user: Any, address: str, now: datetime) -> None:
    make_event(
        session,
        EventKind.BOUND,
        now=now,
        recipient_id=session.recipient_id,
        by=user,
        address=address,
    ).insert()
    if old:
        _record(EventKind.UNBOUND, old, user, now)


@sensitive_variables()
def send_second_factor_otp(
    user: Any,
    *,
    purpose: str = SECOND_FACTOR,
    requester: Requester | None = None,
    now: datetime | None = None,
) -> OTP:
    """
    Send a code to the number of *user*, who is past the first factor. Raises as ``send_otp``.

    Raises ``NoNumber`` where they have none. Verify it with the same *purpose*.
    """
    number = get_phone_store().find_number(user)
    if not number:
        raise NoNumber("The user has no number.")
    return send_otp(number, purpose=purpose, user=user, requester=requester, now=now)


def is_verified(
    user: Any, *, within_seconds: int, purpose: str = SECOND_FACTOR, now: datetime | None = None
) -> bool:
    """Whether *user* gave a right code for *purpose* in the last *within_seconds*. One SELECT."""
    since = (now or timezone.now()) - timedelta(seconds=within_seconds)
    # Nobody's key is None, which in a filter means the sessions that are nobody's.
    rows = OTPSession.objects.filter(
        user__isnull=False, user=user.pk, purpose=purpose, approved_at__gt=since
    )
    return bool(rows.exists())


def reset_numbers(user: Any, *, by: Any, now: datetime | None = None) -> int:
    """
    Staff: forget every number of *user*, as after a lost phone; answers how many there were.

    *by* is the member of staff, for the audit. Sends ``numbers_reset``.
    """
    now = now or timezone.now()
    numbers = get_phone_store().remove_all(user)
    for number in numbers:
        run_durably(_record, EventKind.FACTOR_RESET, _canonical(number), by, now)
    logger.info("%d numbers reset by staff.", len(numbers), extra={"event": "numbers_reset"})
    signals.numbers_reset.send_robust(sender=OTPSession, user=user, by=by)
    return len(numbers)


@sensitive_variables()
def _record(kind: EventKind, number: str, by: Any, now: datetime) -> None:
    if number:  # Maybe never sent to.
        Recipient.objects.ensure(number)
    Event(recipient_id=number or None, by=by, kind=kind, at=now).insert()


@sensitive_variables()
def _canonical(number: str) -> str:
    # A store of the site's own may spell numbers otherwise, and keep what is none.
    try:
        return parse_phone(number).number
    except ValueError:
        return ""
