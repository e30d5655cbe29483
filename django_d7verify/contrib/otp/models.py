"""The device."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device, DeviceManager

from django_d7verify import services
from django_d7verify.conf import conf
from django_d7verify.exceptions import D7VerifyError, SessionClosed
from django_d7verify.models import OTPSession, PhoneNumber
from django_d7verify.phones import mask_phone
from django_d7verify.services import VerifyResult
from django_d7verify.words import ERROR_TEXTS, SECOND_FACTOR, Requester, SessionStatus


class PhoneDeviceManager(DeviceManager):
    """Primary numbers; each is confirmed, or it would not be bound."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """Those that codes go to."""
        return super().get_queryset().filter(primary_of__isnull=False)

    def devices_for_user(self, user: Any, confirmed: Any = None) -> models.QuerySet[Any]:
        """The number of *user*, if they have one."""
        devices = self.get_queryset().filter(primary_of=user)
        return devices if confirmed is None or confirmed else devices.none()


class PhoneDevice(Device):
    """
    A user's primary number, read from the table of ``PhoneNumber``.

    Where the number is replaced the device is another one, and a session that it verified is not
    verified any more.
    """

    #: Its number was proven when it was bound.
    confirmed = True
    #: Who asks, for the audit; set by the forms.
    requester: Requester | None = None

    id = models.BigAutoField(primary_key=True)
    # Rows are deleted, and the table is made, by the app that they are of.
    user = models.ForeignKey(conf.user_model, models.DO_NOTHING, related_name="+")
    primary_of = models.ForeignKey(conf.user_model, models.DO_NOTHING, null=True, related_name="+")
    number = models.CharField(max_length=16)

    # What Django adds, for type checkers that do not know it.
    user_id: Any

    objects = PhoneDeviceManager()

    class Meta(Device.Meta):
        managed = False
        db_table = PhoneNumber._meta.db_table
        default_permissions = ()

    @property
    def name(self) -> str:
        """What people choose it by; django-two-factor-auth knows a main device by this word."""
        return "default" if apps.is_installed("two_factor") else mask_phone(self.number)

    def __str__(self) -> str:
        return mask_phone(self.number)

    def generate_challenge(self) -> str:
        """
        Send a code; answers what to tell the person, also where none could be sent.

        Must not be called in a transaction (``ConfigurationError``). Costs a message.
        """
        try:
            otp = services.send_second_factor_otp(self.user, requester=self.requester)
        except D7VerifyError as error:
            return str(ERROR_TEXTS[error.text_code])
        return _("We sent a code to %(number)s.") % {"number": otp.masked_recipient}

    @sensitive_variables()
    def try_token(self, token: str) -> VerifyResult:
        """Try *token* on the newest code. Raises as ``services.verify_otp``; charged as there."""
        sessions = OTPSession.objects.filter(
            user=self.user_id,
            recipient=self.number,
            purpose=SECOND_FACTOR,
            status=SessionStatus.OPEN,
        )
        newest = sessions.order_by("-created_at").first()
        if newest is None:
            raise SessionClosed
        return services.verify_otp(
            newest.otp_id, token, purpose=SECOND_FACTOR, requester=self.requester
        )

    @sensitive_variables()
    def verify_token(self, token: str) -> bool:
        """
        Whether *token* is right, once.

        Must not be called in a transaction (``ConfigurationError``). django-otp's forms and its
        ``verify_token`` open one: use ``forms``.
        """
        try:
            return self.try_token(token).approved
        except D7VerifyError:
            return False

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Forget the user's numbers, by their own wish; in the audit as ``reset_numbers``."""
        count = services.reset_numbers(self.user, by=self.user)
        return count, {PhoneNumber._meta.label: count}
