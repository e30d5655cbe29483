"""The app, for ``INSTALLED_APPS``."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class D7VerifyConfig(AppConfig):
    """``"django_d7verify"`` in ``INSTALLED_APPS``."""

    name = "django_d7verify"
    verbose_name = _("Phone verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and, for a site with drf-spectacular, the schema."""
        from . import checks  # noqa: F401, PLC0415 - registers them; models must be loaded first

        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401, PLC0415 - an extra
