"""Phone numbers and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connections, models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from django_d7verify.arrivals import Limit
from django_d7verify.phones import mask_phone

from .claims import big, give_back, take
from .primary import PrimaryManager
from .statements import written_once

#: Length of ``Recipient.last_digits``.
LAST_DIGITS = 4
#: Columns that hold arrival times.
ARRIVALS = (
    "next_send",
    *("sends_hour", "sends_day", "failures_hour", "failures_day"),
    *("owned_sends_hour", "owned_sends_day", "owned_failures_hour", "owned_failures_day"),
)


class RecipientQuerySet(models.QuerySet["Recipient"]):
    """The limits of a phone number. Instants are integers, microseconds since 1970."""

    def ensure(self, number: str) -> None:
        """
        Make the row where there is none, and lock it: one statement, whether there was one or not.

        Inside the transaction that goes on with it. An insert that only tolerates a conflict
        would share the lock on MariaDB, and two that go on deadlock.
        """
        has_target = connections[self.db].features.supports_update_conflicts_with_target
        self.bulk_create(
            [self.model(number=number)],
            update_conflicts=True,
            update_fields=["number"],
            unique_fields=["number"] if has_target else None,
        )

    @written_once
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

        *claim* names the taker, for ``release_send``. Refused for numbers on the stop list, and
        for the *owned* sends, those of its known user, of a disabled number.
        """
        rows = self._where_room(number, (*limits, *guards), now=now, owned=owned).filter(
            stopped_at=None
        )
        return rows.update(claim=claim, **take(limits, now)) == 1

    def release_send(
        self, number: str, *, claim: str, gap: Limit, limits: Sequence[Limit], next_send: int
    ) -> bool:
        """Give back what *claim* took; the next send is allowed at *next_send*. Never twice."""
        rows = self.filter(number=number, claim=claim)
        return rows.update(claim="", **{gap.column: big(next_send)}, **give_back(limits)) == 1

    @written_once
    def charge_failure(
        self, number: str, *, limits: Sequence[Limit], now: int, owned: bool, disable_at: int
    ) -> bool:
        """
        Take one failure from each of *limits*.

        In an *owned* session it is also counted in a row, and the *disable_at*-th disables the
        number.
        """
        rows = self._where_room(number, limits, now=now, owned=owned)
        changes: dict[str, Any] = take(limits, now)
        if owned:
            # First in SET: MariaDB evaluates from left to right, on values already set.
            disabled = Case(
                When(failures_in_a_row__gte=disable_at - 1, then=Value(True)),
                default=F("disabled"),
            )
            changes = {
                "disabled": disabled,
                "failures_in_a_row": F("failures_in_a_row") + big(1),
                **changes,
            }
        return rows.update(**changes) == 1

    @written_once
    def release_failure(self, number: str, *, limits: Sequence[Limit], owned: bool) -> bool:
        """Give back one failure that was charged for a code which was never compared."""
        changes: dict[str, Any] = give_back(limits)
        if owned:
            # Only a charge disables, and none passes after it: with one less, it is not the time.
            changes["disabled"] = False
            changes["failures_in_a_row"] = Greatest(F("failures_in_a_row") - big(1), big(0))
        return self.filter(number=number).update(**changes) == 1

    @written_once
    def mark_proven(
        self,
        number: str,
        *,
        reset: Sequence[Limit],
        returned: Sequence[Limit],
        guards: Sequence[Limit],
        now: int,
        owned: bool,
    ) -> bool:
        """
        The right code was given: empty the buckets of *reset*, give one back to each of *returned*.

        Refused where *guards* have no room: a right code does not open a locked number. Without
        guards the code was charged before it was compared, and its charge is undone.
        """
        rows = self.filter(number=number)
        if guards:
            rows = self._where_room(number, guards, now=now, owned=owned)
        changes: dict[str, Any] = {limit.column: big(0) for limit in reset}
        if owned:
            changes.update(disabled=False, failures_in_a_row=big(0))
        return rows.update(**changes, **give_back(returned)) == 1

    def mark_stopped(self, number: str, *, now: datetime, reason: str) -> bool:
        """Put on the stop list; False where it stands there."""
        rows = self.filter(number=number, stopped_at=None)
        return rows.update(stopped_at=now, stop_reason=reason) == 1

    def mark_allowed(self, number: str) -> bool:
        """Take from the stop list; False where it does not stand there."""
        rows = self.filter(number=number, stopped_at__isnull=False)
        return rows.update(stopped_at=None, stop_reason="") == 1

    def mark_unlocked(self, number: str, *, failures: Sequence[Limit]) -> bool:
        """Forget every failure of *failures* and in a row; a disabled number is enabled."""
        emptied = {limit.column: big(0) for limit in failures}
        rows = self.filter(number=number)
        return rows.update(disabled=False, failures_in_a_row=big(0), **emptied) == 1

    def unused_at(self, now: int) -> RecipientQuerySet:
        """Numbers whose row guards nothing: it could as well be new."""
        past = {f"{column}__lte": now for column in ARRIVALS}
        return self.filter(stopped_at=None, disabled=False, failures_in_a_row=0, **past)

    def _where_room(
        self, number: str, limits: Sequence[Limit], *, now: int, owned: bool
    ) -> RecipientQuerySet:
        room = {f"{limit.column}__lte": big(now) + big(limit.tolerance) for limit in limits}
        rows = self.filter(number=number, **room)
        return rows.filter(disabled=False) if owned else rows


class LastDigitsField(models.CharField):  # type: ignore[type-arg]  # takes none at run time
    """
    The end of the row's number, written with the row.

    No generated column: with one, Django's checks ask PostgreSQL for its version, and so fail
    where no database is.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """The last ``LAST_DIGITS`` digits."""
        digits: str = model_instance.number[-LAST_DIGITS:]  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, digits)
        return digits


class Recipient(models.Model):
    """
    A phone number and its limits: arrival times (see ``arrivals``) in microseconds since 1970.

    ``owned_`` columns are the buckets of sessions that belong to the number's known user, which
    strangers cannot spend. Signed and NOT NULL, or MariaDB's unsigned subtraction fails (1690)
    and ``Greatest`` differs between databases.
    """

    number = models.CharField(_("number"), max_length=16, unique=True)
    #: What people say of a number on the phone. Staff search by it: an index finds no endings.
    last_digits = LastDigitsField(max_length=LAST_DIGITS, editable=False)
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
    disabled = models.BooleanField(_("disabled"), default=False, db_index=True)
    #: On the stop list: never sent to, for whatever purpose.
    stopped_at = models.DateTimeField(
        _("on the stop list since"), null=True, blank=True, db_index=True
    )
    stop_reason = models.CharField(_("reason"), max_length=200, blank=True)
    #: Who took the last send: "<otp_id>:<generation>".
    claim = models.CharField(max_length=64, default="", blank=True, editable=False)

    objects = PrimaryManager.from_queryset(RecipientQuerySet)()

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        default_permissions = ["view"]
        indexes = [models.Index(fields=["last_digits"], name="d7verify_recipient_digits")]
        permissions = [
            ("stop_recipient", _("Can put numbers on the stop list and take them from it")),
            ("unlock_recipient", _("Can unlock numbers and enable them again")),
        ]

    def __str__(self) -> str:
        return mask_phone(self.number)
