"""Sessions: one person proving one number."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from django_d7verify.conf import conf
from django_d7verify.phones import mask_phone
from django_d7verify.words import Requester, SessionStatus

from .primary import PrimaryManager
from .recipients import Recipient
from .statements import Row, written_once

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from .pins import Event, Pin


class OTPSessionQuerySet(models.QuerySet["OTPSession"]):
    """Every change of a session."""

    def open_at(self, now: datetime) -> OTPSessionQuerySet:
        """Sessions in which a code can still be tried or resent."""
        return self.filter(
            status=SessionStatus.OPEN, expires_at__gt=now, attempts__lt=F("max_attempts")
        )

    def of_status(self, status: SessionStatus, *, now: datetime) -> OTPSessionQuerySet:
        """Sessions whose ``status_at`` *now* is *status*."""
        is_open, is_spent = Q(status=SessionStatus.OPEN), Q(attempts__gte=F("max_attempts"))
        if status == SessionStatus.OPEN:
            return self.open_at(now)
        if status == SessionStatus.EXPIRED:
            return self.filter(is_open & ~is_spent, expires_at__lte=now)
        if status == SessionStatus.LOCKED:
            return self.filter(Q(status=SessionStatus.LOCKED) | is_open & is_spent)
        return self.filter(status=status)

    def closed_at(self, now: datetime) -> OTPSessionQuerySet:
        """Sessions that have ended, if only by the clock."""
        return self.exclude(status=SessionStatus.OPEN, expires_at__gt=now)

    @written_once
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

    @written_once
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

    @written_once
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

    @written_once
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
        self, otp_id: uuid.UUID, *, purpose: str, now: datetime, max_age: timedelta, **learnt: Any
    ) -> bool:
        """Use the approval, once, while it is fresh; *learnt* are columns that it fills."""
        rows = self.filter(
            pk=otp_id,
            purpose=purpose,
            status=SessionStatus.APPROVED,
            approved_at__gt=now - max_age,
            consumed_at=None,
        )
        return rows.update(consumed_at=now, **learnt) == 1


class OTPSession(Row):
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
    #: The person is not known yet: nothing is shown that tells whether the number is anybody's.
    hidden = models.BooleanField(_("begun before the person was known"), default=False)
    #: The number is nobody's: no message is sent, and no code is right.
    decoy = models.BooleanField(_("nobody's number"), default=False)
    status = models.CharField(
        _("status"), max_length=10, choices=SessionStatus, default=SessionStatus.OPEN
    )
    created_at = models.DateTimeField(_("created"))
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
    #: Provider-made codes that were tried and not answered for, as "<generation>:<digest>",
    #: separated by blanks.
    unanswered = models.TextField(default="", blank=True, editable=False)
    address = models.CharField(_("address"), max_length=45, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)

    # What Django adds, for type checkers that do not know it.
    recipient_id: str
    user_id: Any
    pins: RelatedManager[Pin]
    events: RelatedManager[Event]

    objects = PrimaryManager.from_queryset(OTPSessionQuerySet)()

    class Meta(Row.Meta):
        verbose_name = _("OTP session")
        verbose_name_plural = _("OTP sessions")
        default_permissions = ["view"]
        permissions = [
            ("view_full_number", _("Can see phone numbers in full")),
            ("cancel_otpsession", _("Can cancel OTP sessions")),
            ("refresh_otpsession", _("Can ask providers what became of messages")),
            ("export_otpsession", _("Can export OTP sessions")),
            ("view_statistics", _("Can see statistics")),
            ("view_balance", _("Can ask providers for balances")),
        ]
        indexes = [
            # One for the list in its order, for all of its filters, and for statistics: a scan
            # of a period reads the index only, whatever is asked of it.
            models.Index(
                fields=["created_at", "status", "purpose", "gateway", "country"],
                name="d7verify_session_facts",
            ),
            # The few that live now, among all that were left open.
            models.Index(fields=["expires_at"], name="d7verify_session_live"),
        ]

    def __str__(self) -> str:
        return f"{self.otp_id} {mask_phone(self.recipient_id)} {self.purpose} {self.status}"

    def status_at(self, now: datetime) -> SessionStatus:
        """The status, with the clock and the attempts looked at."""
        if self.status != SessionStatus.OPEN:
            return SessionStatus(self.status)
        if self.attempts >= self.max_attempts:
            return SessionStatus.LOCKED
        return SessionStatus.OPEN if now < self.expires_at else SessionStatus.EXPIRED

    def make_requester(self) -> Requester:
        """Who began it."""
        return Requester(address=self.address, user_agent=self.user_agent, language=self.language)
