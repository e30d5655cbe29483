"""The codes of sessions, and what happened to them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from django.db import models
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from django_d7verify.codes import Binding
from django_d7verify.conf import conf
from django_d7verify.words import Delivery, EventKind, PinStatus

from .primary import PrimaryManager
from .recipients import Recipient
from .sessions import OTPSession
from .statements import Row, read_once_written, written_once

M = TypeVar("M", bound=models.Model)

#: Events that answer an attempt: what they do not count was charged and never answered.
_ANSWERS = (EventKind.WRONG_CODE, EventKind.LOCKED, EventKind.APPROVED)


@cache
def _get_columns() -> tuple[str, ...]:
    paths = {Pin: "", OTPSession: "session__", Recipient: "session__recipient__"}
    columns = (path + name for model, path in paths.items() for name in _get_names(model))
    return (*columns, "answers")


@cache
def _get_names(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


def _load(model: type[M], values: Iterator[Any], alias: str) -> M:
    names = _get_names(model)
    return model.from_db(alias, names, list(islice(values, len(names))))


class PinQuerySet(models.QuerySet["Pin"]):
    """The codes of sessions, and what became of the messages that carried them."""

    def of_session(self, otp_id: uuid.UUID) -> list[Pin]:
        """
        Its pins, newest first, each with the session and the recipient: one statement.

        ``answered`` counts the attempts that have had an answer, where any may not have.
        """
        pins: list[Pin] = []
        for row in self._read_session(otp_id):
            values = iter(row)
            pin = _load(Pin, values, self.db)
            session = _load(OTPSession, values, self.db)
            session.recipient = _load(Recipient, values, self.db)
            pin.session = pins[0].session if pins else session
            pin.answered = next(values)
            pins.append(pin)
        return pins

    @read_once_written(_get_columns)
    def _read_session(self, otp_id: uuid.UUID) -> PinQuerySet:
        counted = (
            Event.objects.filter(session=OuterRef("session"), kind__in=_ANSWERS)
            .order_by()
            .values("session")
            .annotate(number=Count("pk"))
            .values("number")
        )
        answers = Case(
            When(~Q(session__unanswered=""), then=Coalesce(Subquery(counted), 0)),
            default=F("session__attempts"),
            output_field=models.IntegerField(),
        )
        return self.filter(session=otp_id).annotate(answers=answers).order_by("-generation")

    def not_of_tests(self) -> PinQuerySet:
        """Without codes for ``TEST_NUMBERS``: of no part, and with no provider's name."""
        return self.exclude(parts=0, reference="")

    def claim_queued(self, session: uuid.UUID, generation: int, **made: Any) -> bool:
        """Take a code that waits to be sent; *made* is what it became."""
        rows = self.filter(session=session, generation=generation, status=PinStatus.QUEUED)
        return rows.update(status=PinStatus.CLAIMED, **made) == 1

    def mark_rerouted(
        self, session: uuid.UUID, generation: int, *, gateway: str, **made: Any
    ) -> bool:
        """It surely was not sent, and *gateway* is tried next; *made* is the new code's."""
        return self._mark(session, generation, PinStatus.CLAIMED, gateway=gateway, **made)

    def mark_delivery(
        self,
        pk: int,
        *,
        before: Collection[Delivery],
        delivery: Delivery,
        now: datetime,
        **learnt: Any,
    ) -> bool:
        """The network said *delivery*, which comes only after one of *before*."""
        rows = self.filter(pk=pk, delivery__in=before)
        return rows.update(delivery=delivery, delivery_at=now, **learnt) == 1

    def mark_cost(self, pk: int, *, parts: int | None, cost: Decimal | None) -> bool:
        """What the message cost, once."""
        return self.filter(pk=pk, cost=None).update(parts=parts, cost=cost) == 1

    @written_once
    def mark_sent(
        self, session: uuid.UUID, generation: int, *, now: datetime, **learnt: Any
    ) -> bool:
        """The provider took it; *learnt* are the columns that its answer fills."""
        return self._mark(session, generation, PinStatus.SENT, sent_at=now, **learnt)

    def mark_uncertain(self, session: uuid.UUID, generation: int) -> bool:
        """No whole answer came: it may be on its way."""
        return self._mark(session, generation, PinStatus.UNCERTAIN)

    def mark_not_sent(self, session: uuid.UUID, generation: int, *, before: PinStatus) -> bool:
        """It surely did not leave: still queued, or claimed by the caller, who knows."""
        return self._mark(session, generation, PinStatus.NOT_SENT, before=before)

    def _mark(
        self,
        session: uuid.UUID,
        generation: int,
        status: PinStatus,
        *,
        before: PinStatus = PinStatus.CLAIMED,
        **changes: Any,
    ) -> bool:
        rows = self.filter(session=session, generation=generation, status=before)
        return rows.update(status=status, **changes) == 1


class Pin(Row):
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
    #: Scopes of the budgets that it took from, separated by blanks.
    budgets = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("claimed"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"))
    delivery = models.CharField(
        _("delivery"), max_length=12, choices=Delivery, default=Delivery.UNKNOWN, blank=True
    )
    #: The provider's own word for it.
    delivery_word = models.CharField(_("provider's word"), max_length=32, blank=True)
    delivery_at = models.DateTimeField(_("delivery reported"), null=True, blank=True)
    #: The provider's id of the message, beside the reference of the request.
    message_id = models.CharField(max_length=64, blank=True)
    #: By our count, till the provider says; 0 for a fixed code, of which nothing is sent.
    parts = models.PositiveSmallIntegerField(_("parts"), null=True, blank=True)
    #: In the account's currency, which no provider names.
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=8, null=True, blank=True)

    #: Attempts of its session that were answered, where it was read by ``of_session``.
    answered: int
    # What Django adds, for type checkers that do not know it.
    session_id: uuid.UUID

    objects = PrimaryManager.from_queryset(PinQuerySet)()

    class Meta(Row.Meta):
        verbose_name = _("pin")
        verbose_name_plural = _("pins")
        default_permissions = []
        constraints = [
            models.UniqueConstraint(fields=["session", "generation"], name="d7verify_pin_once")
        ]
        indexes = [
            models.Index(fields=["reference"], name="d7verify_pin_reference"),
            # Codes with a delivery that few have.
            models.Index(fields=["delivery", "created_at"], name="d7verify_pin_delivery"),
            # The codes of a day, for statistics, and of the last two, to ask about. Of one column:
            # PostgreSQL takes a scan of more for dearer than a look per row, which is not so.
            models.Index(fields=["created_at"], name="d7verify_pin_day"),
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


class Event(Row):
    """
    One thing that happened in a session, or that staff did to a number; appended, never changed.

    Refusals are not kept here: rows that an attacker can write would be an attack of their own.
    """

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(
        OTPSession, models.CASCADE, null=True, blank=True, related_name="events"
    )
    #: Where staff acted on a number, beside any session.
    recipient = models.ForeignKey(
        Recipient, models.CASCADE, to_field="number", null=True, blank=True, related_name="events"
    )
    by = models.ForeignKey(
        conf.user_model, models.SET_NULL, null=True, blank=True, verbose_name=_("by")
    )
    kind = models.CharField(_("what happened"), max_length=16, choices=EventKind)
    at = models.DateTimeField(_("when"))
    generation = models.PositiveSmallIntegerField(_("generation"), default=0)
    gateway = models.CharField(_("gateway"), max_length=64, blank=True)
    #: A word of ours: why a provider did not do what was asked.
    reason = models.CharField(_("reason"), max_length=24, blank=True)
    #: The provider's words, scrubbed of numbers.
    answer = models.TextField(_("provider's answer"), blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)

    # What Django adds, for type checkers that do not know it.
    session_id: uuid.UUID | None
    recipient_id: str | None

    objects = PrimaryManager()

    class Meta(Row.Meta):
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = []

    def __str__(self) -> str:
        return f"{self.session_id or self.recipient} {self.kind}"
