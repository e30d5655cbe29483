"""Whose number is whose."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_d7verify.conf import conf
from django_d7verify.phones import mask_phone

from .primary import PrimaryManager


class PhoneNumber(models.Model):
    """A number that a user has proven to hold; a number is one user's only."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        conf.user_model, models.CASCADE, related_name="d7verify_numbers", verbose_name=_("user")
    )
    number = models.CharField(_("number"), max_length=16, unique=True)
    #: The user, for their primary number only: unique, and so one at the most. A constraint with
    #: a condition is not enforced on MariaDB.
    primary_of = models.OneToOneField(
        conf.user_model, models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    verified_at = models.DateTimeField(_("verified"))

    # What Django adds, for type checkers that do not know it.
    primary_of_id: Any

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("phone number")
        verbose_name_plural = _("phone numbers")
        default_permissions = ["view"]
        permissions = [("reset_phonenumber", _("Can take numbers away from their users"))]

    def __str__(self) -> str:
        return mask_phone(self.number)

    @property
    def is_primary(self) -> bool:
        """Whether codes for its user go to it."""
        return self.primary_of_id is not None
