"""
Forms of django-otp that check phones outside a transaction: what they do is otherwise the same.

The admin's is named by a site: ``OTPAdminSite.login_form = PhoneAdminAuthenticationForm``.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables
from django_otp.admin import OTPAdminAuthenticationForm
from django_otp.forms import (
    OTPAuthenticationForm,
    OTPAuthenticationFormMixin,
    OTPTokenForm,
    otp_verification_failed,
)
from django_otp.models import Device

from django_d7verify import edge
from django_d7verify.exceptions import D7VerifyError
from django_d7verify.words import ERROR_TEXTS

from .models import PhoneDevice


class PhoneFormMixin(OTPAuthenticationFormMixin):
    """Stands before a form of django-otp, or one made of its mixin."""

    cleaned_data: dict[str, Any]

    @sensitive_variables()
    def clean_otp(self, user: Any) -> None:
        """
        As django-otp's, which opens a transaction first: for other devices it is called.

        Raises ``ConfigurationError`` inside a transaction of the site, such as that of
        ``ATOMIC_REQUESTS``.
        """
        device = self._find_phone(user)
        if device is None:
            super().clean_otp(user)
            return
        user.otp_device = None
        try:
            self._use(device)
            user.otp_device = device
        finally:
            if user.otp_device is None:
                self._update_form(user)

    def _find_phone(self, user: Any) -> PhoneDevice | None:
        if user is None:
            return None
        device_id = self.cleaned_data.get("otp_device")
        if device_id:
            device = Device.from_persistent_id(device_id)
        else:  # Of a form of django-two-factor-auth.
            device = getattr(self, "initial_device", None)
        return device if isinstance(device, PhoneDevice) and device.user_id == user.pk else None

    @sensitive_variables()
    def _use(self, device: PhoneDevice) -> None:
        messages = self.otp_error_messages
        request = getattr(self, "request", None)
        device.requester = edge.make_requester(request) if request is not None else None
        if self.cleaned_data.get("otp_challenge"):
            raise ValidationError(device.generate_challenge(), code="challenge_message")
        token = self.cleaned_data.get("otp_token")
        if not token:
            raise ValidationError(messages["token_required"], code="token_required")
        try:
            approved = device.try_token(token).approved
        except D7VerifyError as error:
            raise ValidationError(ERROR_TEXTS[error.text_code], code=error.code) from None
        if not approved:
            otp_verification_failed.send(sender=type(self), user=device.user)
            raise ValidationError(messages["invalid_token"], code="invalid_token")


class PhoneAuthenticationForm(PhoneFormMixin, OTPAuthenticationForm):
    """Name, password and token."""


class PhoneTokenForm(PhoneFormMixin, OTPTokenForm):
    """A token, of who is signed in."""


class PhoneAdminAuthenticationForm(PhoneFormMixin, OTPAdminAuthenticationForm):
    """Of the admin."""
