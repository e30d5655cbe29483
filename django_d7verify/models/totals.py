"""What the sessions that are no longer kept came to."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from .primary import PrimaryManager


class DailyTotal(models.Model):
    """
    Figures of pruned and erased sessions, by the UTC day on which they began; of nobody.

    Beside the sessions that are still kept, never of them: sums over both are the whole. Codes
    and their cost are of the gateway that carried them, all else of that of the newest.
    """

    day = models.DateField(_("day"))
    country = models.CharField(_("country"), max_length=2, blank=True)
    gateway = models.CharField(_("gateway"), max_length=64)
    purpose = models.CharField(_("purpose"), max_length=32)
    sessions = models.BigIntegerField(_("sessions"), default=0)
    approved = models.BigIntegerField(_("approved"), default=0)
    wrong = models.BigIntegerField(_("wrong codes"), default=0)
    sent = models.BigIntegerField(_("codes sent"), default=0)
    delivered = models.BigIntegerField(_("codes delivered"), default=0)
    parts = models.BigIntegerField(_("parts"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=20, decimal_places=8, default=Decimal(0))

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("daily total")
        verbose_name_plural = _("daily totals")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "country", "gateway", "purpose"], name="d7verify_total_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.country} {self.gateway} {self.purpose}"
