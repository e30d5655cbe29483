"""
The tables, and every change of state as a queryset method.

Each ``claim_``, ``charge_``, ``release_`` and ``mark_`` method is one conditional UPDATE that
returns whether it happened, so of any number of callers at once exactly one is told yes. They
are called by ``services`` and ``limits`` only, in one lock order: session, recipient, pin, event.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models, router
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from .arrivals import Limit
from .codes import Binding
from .conf import conf
from .phones import mask_phone
from .words import EventKind, PinStatus, SessionStatus

#: Events that answer an attempt: what they do not count was charged and never answered.
_ANSWERS = (EventKind.WRONG_CODE, EventKind.LOCKED, EventKind.APPROVED)


def _big(number: int) -> Value:
    # Typed, because psycopg with server-side binding casts a bare int to int4, where it wraps
    # and lets every claim pass.
    return Value(number, output_field=models.BigIntegerField())


class PrimaryManager(models.Manager[Any]):
    """Reads from the database that is written to: a replica that lags would show old limits."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """All rows, on the write database."""
        return super().get_queryset().using(router.db_for_write(self.model))


class RecipientQuerySet(models.QuerySet["Recipient"]):
    """The limits of a phone number. Instants are integers, microseconds since 1970."""

    def claim_send(
        self,
        number: str,
        *,
        claim: str,
        limits: Sequence[Limit],
        guards: Sequence[Limit],
        now: int,
        owned: bool,
    ) -> bool:
        """
        Take one send from each of *limits*, where each of *guards* still has room.

        *claim* names the taker, for ``release_send``. A disabled number's *owned* sends, those of
        its known user, are refused.
        """
        rows = self._where_room(number, (*limits, *guards), now=now, owned=owned)
        return rows.update(claim=claim, **_take(limits, now)) == 1

    def release_send(
        self, number: str, *, claim: str, gap: Limit, limits: Sequence[Limit], next_send: int
    ) -> bool:
        """Give back what *claim* took; the next send is allowed at *next_send*. Never twice."""
        rows = self.filter(number=number, claim=claim)
        return rows.update(claim="", **{gap.column: _big(next_send)}, **_give_back(limits)) == 1

    def charge_failure(
        self, number: str, *, limits: Sequence[Limit], now: int, owned: bool, disable_at: int
    ) -> bool:
        """
        Take one failure from each of *limits*.

        In an *owned* session it is also counted in a row, and the *disable_at*-th disables the
        number.
        """
        rows = self._where_room(number, limits, now=now, owned=owned)
        changes: dict[str, Any] = _take(limits, now)
        if owned:
            # First in SET: MariaDB evaluates from left to right, on values already set.
            disabled = Case(
                When(failures_in_a_row__gte=disable_at - 1, then=Value(True)),
                default=F("disabled"),
            )
            changes = {
                "disabled": disabled,
                "failures_in_a_row": F("failures_in_a_row") + _big(1),
                **changes,
            }
        return rows.update(**changes) == 1

    def release_failure(self, number: str, *, limits: Sequence[Limit], owned: bool) -> bool:
        """Give back one failure that was charged for a code which was never compared."""
        changes: dict[str, Any] = _give_back(limits)
        if owned:
            # Only a charge disables, and none passes after it: with one less, it is not the time.
            changes["disabled"] = False
            changes["failures_in_a_row"] = Greatest(F("failures_in_a_row") - _big(1), _big(0))
        return self.filter(number=number).update(**changes) == 1

    def mark_proven(
        self,
        number: str,
        *,
        reset: Sequence[Limit],
        give_back: Sequence[Limit],
        guards: Sequence[Limit],
        now: int,
        owned: bool,
    ) -> bool:
        """
        The right code was given: empty the buckets of *reset*, return one each to *give_back*.

        Refused where *guards* have no room: a right code does not open a locked number. Without
        guards the code was charged before it was compared, and its charge is undone.
        """
        rows = self.filter(number=number)
        if guards:
            rows = self._where_room(number, guards, now=now, owned=owned)
        changes: dict[str, Any] = {limit.column: _big(0) for limit in reset}
        if owned:
            changes.update(disabled=False, failures_in_a_row=_big(0))
        return rows.update(**changes, **_give_back(give_back)) == 1

    def _where_room(
        self, number: str, limits: Sequence[Limit], *, now: int, owned: bool
    ) -> RecipientQuerySet:
        room = {f"{limit.column}__lte": now + limit.tolerance for limit in limits}
        rows = self.filter(number=number, **room)
        return rows.filter(disabled=False) if owned else rows


def _take(limits: Sequence[Limit], now: int) -> dict[str, Any]:
    return {
        limit.column: Greatest(F(limit.column), _big(now)) + _big(limit.interval)
        for limit in limits
    }


def _give_back(limits: Sequence[Limit]) -> dict[str, Any]:
    return {limit.column: F(limit.column) - _big(limit.interval) for limit in limits}


class Recipient(models.Model):
    """
    A phone number and its limits: arrival times (see ``arrivals``) in microseconds since 1970.

    ``owned_`` columns are the buckets of sessions that belong to the number's known user, which
    strangers cannot spend. Signed and NOT NULL, or MariaDB's unsigned subtraction fails (1690)
    and ``Greatest`` differs between databases.
    """

    number = models.CharField(_("number"), max_length=16, unique=True)
    created_at = models.DateTimeField(_("first seen"), auto_now_add=True)
    next_send = models.BigIntegerField(default=0, editable=False)
    sends_hour = models.BigIntegerField(default=0, editable=False)
    sends_day = models.BigIntegerField(default=0, editable=False)
    failures_hour = models.BigIntegerField(default=0, editable=False)
    failures_day = models.BigIntegerField(default=0, editable=False)
    owned_sends_hour = models.BigIntegerField(default=0, editable=False)
    owned_sends_day = models.BigIntegerField(default=0, editable=False)
    owned_failures_hour = models.BigIntegerField(default=0, editable=False)
    owned_failures_day = models.BigIntegerField(default=0, editable=False)
    #: Wrong codes in a row in owned sessions; only these can disable a number.
    failures_in_a_row = models.BigIntegerField(_("failures in a row"), default=0)
    disabled = models.BooleanField(_("disabled"), default=False)
    #: Who took the last send: "<otp_id>:<generation>".
    claim = models.CharField(max_length=64, default="", blank=True, editable=False)

    objects = PrimaryManager.from_queryset(RecipientQuerySet)()

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")

    def __str__(self) -> str:
        return mask_phone(self.number)


class OTPSessionQuerySet(models.QuerySet["OTPSession"]):
    """Every change of a session."""

    def open_at(self, now: datetime) -> OTPSessionQuerySet:
        """Sessions in which a code can still be tried or resent."""
        return self.filter(
            status=SessionStatus.OPEN, expires_at__gt=now, attempts__lt=F("max_attempts")
        )

    def claim_resend(
        self, otp_id: uuid.UUID, *, now: datetime, generation: int, expires_at: datetime
    ) -> bool:
        """Take one resend; the new code's generation is *generation* + 1."""
        rows = self.open_at(now).filter(
            pk=otp_id, generation=generation, resend_count__lt=F("max_resends")
        )
        changed = rows.update(
            resend_count=F("resend_count") + 1,
            generation=generation + 1,
            expires_at=expires_at,
        )
        return changed == 1

    def release_resend(self, otp_id: uuid.UUID, *, generation: int, expires_at: datetime) -> bool:
        """Return a resend that was surely not sent; its generation stays used."""
        rows = self.filter(pk=otp_id, generation=generation, status=SessionStatus.OPEN)
        return rows.update(resend_count=F("resend_count") - 1, expires_at=expires_at) == 1

    def mark_failed(self, otp_id: uuid.UUID) -> bool:
        """The first code was surely not sent."""
        rows = self.filter(pk=otp_id, status=SessionStatus.OPEN)
        return rows.update(status=SessionStatus.FAILED, salt="") == 1

    def mark_cancelled(self, otp_id: uuid.UUID, *, now: datetime) -> bool:
        """Given up."""
        rows = self.filter(pk=otp_id, status=SessionStatus.OPEN, expires_at__gt=now)
        return rows.update(status=SessionStatus.CANCELLED, salt="", unanswered="") == 1

    def mark_right(
        self, otp_id: uuid.UUID, *, now: datetime, generation: int, attempts: int
    ) -> bool:
        """Count the attempt after *attempts* others and approve: it was compared and is right."""
        rows = self.open_at(now).filter(pk=otp_id, generation=generation, attempts=attempts)
        changed = rows.update(
            status=SessionStatus.APPROVED,
            approved_at=now,
            attempts=attempts + 1,
            salt="",
            unanswered="",
        )
        return changed == 1

    def mark_wrong(
        self, otp_id: uuid.UUID, *, now: datetime, generation: int, attempts: int, is_last: bool
    ) -> bool:
        """Count the attempt after *attempts* others, and lock where it *is_last*: it is wrong."""
        rows = self.open_at(now).filter(pk=otp_id, generation=generation, attempts=attempts)
        end = {"status": SessionStatus.LOCKED, "salt": "", "unanswered": ""} if is_last else {}
        return rows.update(attempts=attempts + 1, **end) == 1

    def charge_attempt(
        self,
        otp_id: uuid.UUID,
        *,
        now: datetime,
        generation: int,
        attempts: int,
        read: str,
        unanswered: str,
    ) -> bool:
        """
        Count the attempt after *attempts* others, before the provider is asked about it.

        ``unanswered`` becomes what it was when *read*, with this attempt's digest in it.
        """
        rows = self.open_at(now).filter(
            pk=otp_id, generation=generation, attempts=attempts, unanswered=read
        )
        return rows.update(attempts=attempts + 1, unanswered=unanswered) == 1

    def mark_provider_approved(
        self, otp_id: uuid.UUID, *, now: datetime, only_unanswered: str | None = None
    ) -> bool:
        """
        The provider approved a charged attempt.

        *only_unanswered*: it said so after an answer was lost, which proves a code right only
        while ``unanswered`` is still what it was when all of it was that code.
        """
        rows = self.filter(pk=otp_id, status=SessionStatus.OPEN, expires_at__gt=now)
        if only_unanswered is not None:
            rows = rows.filter(unanswered=only_unanswered)
        changed = rows.update(
            status=SessionStatus.APPROVED, approved_at=now, salt="", unanswered=""
        )
        return changed == 1

    def mark_locked(self, otp_id: uuid.UUID, *, read: str) -> bool:
        """The provider refused the last attempt, and no other is still without an answer."""
        rows = self.filter(
            pk=otp_id,
            status=SessionStatus.OPEN,
            attempts__gte=F("max_attempts"),
            unanswered=read,
        )
        return rows.update(status=SessionStatus.LOCKED, salt="", unanswered="") == 1

    def mark_answered(self, otp_id: uuid.UUID, *, read: str, left: str) -> bool:
        """An attempt beside unanswered ones got its answer: ``unanswered`` becomes *left*."""
        return self.filter(pk=otp_id, unanswered=read).update(unanswered=left) == 1

    def release_attempt(self, otp_id: uuid.UUID) -> bool:
        """Return an attempt about which the provider surely was not asked."""
        rows = self.filter(pk=otp_id, status=SessionStatus.OPEN, attempts__gt=0)
        return rows.update(attempts=F("attempts") - 1) == 1

    def claim_proof(
        self, otp_id: uuid.UUID, *, purpose: str, now: datetime, max_age: timedelta
    ) -> bool:
        """Use the approval, once, while it is fresh."""
        rows = self.filter(
            pk=otp_id,
            purpose=purpose,
            status=SessionStatus.APPROVED,
            approved_at__gt=now - max_age,
            consumed_at=None,
        )
        return rows.update(consumed_at=now) == 1


class OTPSession(models.Model):
    """One person proving one recipient for one purpose, from the first send to the end."""

    otp_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(
        Recipient, models.CASCADE, to_field="number", verbose_name=_("recipient")
    )
    country = models.CharField(_("country"), max_length=2, blank=True)
    purpose = models.CharField(_("purpose"), max_length=32)
    gateway = models.CharField(_("gateway"), max_length=64)
    user = models.ForeignKey(
        conf.user_model, models.SET_NULL, null=True, blank=True, verbose_name=_("user")
    )
    #: Begun by the number's known user: charged to the owned buckets.
    owned = models.BooleanField(_("begun by the known user"), default=False)
    status = models.CharField(
        _("status"), max_length=10, choices=SessionStatus, default=SessionStatus.OPEN
    )
    created_at = models.DateTimeField(_("created"), db_index=True)
    expires_at = models.DateTimeField(_("expires"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    consumed_at = models.DateTimeField(_("proof used"), null=True, blank=True)
    generation = models.PositiveSmallIntegerField(default=1)
    attempts = models.IntegerField(_("attempts"), default=0)
    max_attempts = models.IntegerField()
    resend_count = models.IntegerField(_("resends"), default=0)
    max_resends = models.IntegerField()
    #: Part of every digest of this session; erased with its end, and with it what they say.
    salt = models.CharField(max_length=32, editable=False)
    #: Digests of provider-made codes that were tried and not answered for, separated by blanks.
    unanswered = models.TextField(default="", blank=True, editable=False)
    address = models.CharField(_("address"), max_length=45, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)

    objects = PrimaryManager.from_queryset(OTPSessionQuerySet)()

    class Meta:
        verbose_name = _("OTP session")
        verbose_name_plural = _("OTP sessions")

    def __str__(self) -> str:
        return f"{self.otp_id} {mask_phone(self.recipient_id)} {self.purpose} {self.status}"

    def status_at(self, now: datetime) -> SessionStatus:
        """The status, with the clock and the attempts looked at."""
        if self.status != SessionStatus.OPEN:
            return SessionStatus(self.status)
        if self.attempts >= self.max_attempts:
            return SessionStatus.LOCKED
        return SessionStatus.OPEN if now < self.expires_at else SessionStatus.EXPIRED


class PinQuerySet(models.QuerySet["Pin"]):
    """The codes of sessions, and what became of the messages that carried them."""

    def of_session(self, otp_id: uuid.UUID) -> PinQuerySet:
        """
        Its pins, newest first, each with the session and the recipient: one statement.

        ``answered`` counts the attempts that have had an answer, where any may not have.
        """
        counted = (
            Event.objects.filter(session=OuterRef("session"), kind__in=_ANSWERS)
            .order_by()
            .values("session")
            .annotate(number=Count("pk"))
            .values("number")
        )
        answered = Case(
            When(~Q(session__unanswered=""), then=Coalesce(Subquery(counted), 0)),
            default=F("session__attempts"),
            output_field=models.IntegerField(),
        )
        return (
            self.filter(session=otp_id)
            .select_related("session__recipient")
            .annotate(answered=answered)
            .order_by("-generation")
        )

    def mark_sent(
        self, session: uuid.UUID, generation: int, *, now: datetime, **learnt: Any
    ) -> bool:
        """The provider took it; *learnt* are the columns that its answer fills."""
        return self._mark(session, generation, PinStatus.SENT, sent_at=now, **learnt)

    def mark_uncertain(self, session: uuid.UUID, generation: int) -> bool:
        """No whole answer came: it may be on its way."""
        return self._mark(session, generation, PinStatus.UNCERTAIN)

    def mark_not_sent(self, session: uuid.UUID, generation: int) -> bool:
        """It surely did not leave."""
        return self._mark(session, generation, PinStatus.NOT_SENT)

    def _mark(self, session: uuid.UUID, generation: int, status: PinStatus, **changes: Any) -> bool:
        rows = self.filter(session=session, generation=generation, status=PinStatus.CLAIMED)
        return rows.update(status=status, **changes) == 1


class Pin(models.Model):
    """
    One code issued in a session.

    The newest one that was confirmed is live, and any newer one of which it is not known whether
    it was sent; so nobody is stranded, and older ones need no UPDATE to stop working.
    """

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(OTPSession, models.CASCADE, related_name="pins")
    generation = models.PositiveSmallIntegerField(_("generation"))
    gateway = models.CharField(_("gateway"), max_length=64)
    code_length = models.PositiveSmallIntegerField()
    code_alphabet = models.CharField(max_length=16)
    #: "" where the provider made the code.
    digest = models.CharField(max_length=64, blank=True, editable=False)
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=PinStatus, default=PinStatus.CLAIMED
    )
    created_at = models.DateTimeField(_("claimed"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"))

    objects = PrimaryManager.from_queryset(PinQuerySet)()

    class Meta:
        verbose_name = _("pin")
        verbose_name_plural = _("pins")
        constraints = [
            models.UniqueConstraint(fields=["session", "generation"], name="d7verify_pin_once")
        ]

    def __str__(self) -> str:
        return f"{self.session_id} no. {self.generation} {self.status}"

    def make_binding(self) -> Binding:
        """What its code is good for; needs the session's salt, so nothing once that is erased."""
        return Binding(
            otp_id=str(self.session.otp_id),
            generation=self.generation,
            purpose=self.session.purpose,
            recipient=self.session.recipient_id,
            salt=self.session.salt,
        )


class Event(models.Model):
    """
    One thing that happened in a session; appended, never changed.

    Refusals are not kept here: rows that an attacker can write would be an attack of their own.
    """

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(OTPSession, models.CASCADE, related_name="events")
    kind = models.CharField(_("what happened"), max_length=16, choices=EventKind)
    at = models.DateTimeField(_("when"))
    generation = models.PositiveSmallIntegerField(_("generation"))
    gateway = models.CharField(_("gateway"), max_length=64, blank=True)
    #: A word of ours: why a provider did not do what was asked.
    reason = models.CharField(_("reason"), max_length=24, blank=True)
    #: The provider's words, scrubbed of numbers.
    answer = models.TextField(_("provider's answer"), blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.session_id} {self.kind}"
