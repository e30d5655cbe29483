"""What may be sent beyond single numbers: to a prefix, a country, by the site."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_d7verify.arrivals import Limit

from .claims import big, give_back, take
from .primary import PrimaryManager
from .statements import written_once


class BudgetQuerySet(models.QuerySet["Budget"]):
    """Claims on budgets. Instants are integers, microseconds since 1970."""

    @written_once
    def claim(self, scope: str, *, limits: Sequence[Limit], now: int) -> bool:
        """Take one from each of *limits*; False also where the row is not there yet."""
        room = {f"{limit.column}__lte": big(now) + big(limit.tolerance) for limit in limits}
        return self.filter(scope=scope, **room).update(**take(limits, now)) == 1

    def release(self, scope: str, *, limits: Sequence[Limit], times: int) -> bool:
        """Give back *times* claims to each of *limits*."""
        return self.filter(scope=scope).update(**give_back(limits, times)) == 1

    def mark_lifted(self, scope: str) -> bool:
        """Forget all that was taken; False where nothing was."""
        taken = self.filter(scope=scope).exclude(hour=0, day=0)
        return taken.update(hour=0, day=0) == 1


class Budget(models.Model):
    """
    The arrival times (see ``arrivals``) of one prefix, country or the site.

    A bucket outside home that is never verified fills, and stops what fills it.
    """

    #: "site", "country:EE" or "prefix:+37255".
    scope = models.CharField(_("scope"), max_length=32, unique=True)
    hour = models.BigIntegerField(default=0)
    day = models.BigIntegerField(default=0)

    objects = PrimaryManager.from_queryset(BudgetQuerySet)()

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        default_permissions = ["view"]
        permissions = [("lift_budget", _("Can lift budgets that are used up"))]

    def __str__(self) -> str:
        return self.scope
