"""A user's phone as a method of django-two-factor-auth. Numbers are bound elsewhere, not there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from two_factor.forms import AuthenticationTokenForm
from two_factor.plugins.registry import MethodBase, registry

from django_d7verify.phones import mask_phone

from .forms import PhoneFormMixin
from .models import PhoneDevice


class PhoneTokenForm(PhoneFormMixin, AuthenticationTokenForm):
    """The step of the login that asks for the code."""


class PhoneSetupForm(forms.Form):
    """What who has no number meets in the setup."""

    def clean(self) -> dict[str, Any]:
        """Refuse: a number is proven and bound before."""
        raise ValidationError(_("Add a phone number to your account first."), code="no_number")


class PhoneMethod(MethodBase):
    """The user's primary number."""

    code = "d7verify"
    verbose_name = _("Text message to your phone")

    def get_devices(self, user: Any) -> Any:
        """At most one."""
        return PhoneDevice.objects.devices_for_user(user)

    def recognize_device(self, device: Any) -> bool:
        """Whether it is a phone."""
        return isinstance(device, PhoneDevice)

    def get_setup_forms(self, *_args: Any) -> dict[str, type[forms.Form]]:
        """One that says where numbers come from."""
        return {self.code: PhoneSetupForm}

    def get_token_form_class(self) -> type[forms.Form]:
        """One that checks outside a transaction."""
        return PhoneTokenForm

    def get_action(self, device: PhoneDevice) -> str:
        """What a button says."""
        return _("Send a code to %s") % mask_phone(device.number)

    def get_verbose_action(self, device: PhoneDevice) -> str:
        """What stands above the field."""
        return _("Enter the code that we sent to %s.") % mask_phone(device.number)


registry.register(PhoneMethod())
