"""The app, for ``INSTALLED_APPS``."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class PhoneDevicesConfig(AppConfig):
    """``"django_d7verify.contrib.otp"`` in ``INSTALLED_APPS``."""

    name = "django_d7verify.contrib.otp"
    label = "d7verify_otp"
    verbose_name = _("Phones as devices")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Offer phones to django-two-factor-auth, where it is installed."""
        if apps.is_installed("two_factor"):
            from . import two_factor  # noqa: F401, PLC0415 - a package of its own
