"""The app, for ``INSTALLED_APPS``."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class D7VerifyConfig(AppConfig):
    """``"django_d7verify"`` in ``INSTALLED_APPS``."""

    name = "django_d7verify"
    verbose_name = _("Phone verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401, PLC0415 - registers them; models must be loaded first
