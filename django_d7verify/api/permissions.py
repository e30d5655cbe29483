"""``permission_classes = [PhoneVerified(within_seconds=300, purpose="payout")]``."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission, SingleOperandHolder
from rest_framework.request import Request
from rest_framework.views import APIView

from django_d7verify import services
from django_d7verify.conf import conf
from django_d7verify.words import SECOND_FACTOR


class PhoneVerified(SingleOperandHolder, BasePermission):
    """
    A user who gave a right code for *purpose* in the last *within_seconds*.

    By default ``second_factor`` and ``STEP_UP_SECONDS``. The code is asked for with
    ``services.send_second_factor_otp``, or ``send_otp`` with that purpose and ``user``. One SELECT.
    """

    message = _("Confirm with a code to your phone first.")
    code = "phone_not_verified"

    def __init__(self, *, within_seconds: int | None = None, purpose: str = SECOND_FACTOR) -> None:
        # Not super's: of a holder it is only what types know it by, and the operators.
        self.within_seconds = within_seconds
        self.purpose = purpose

    def __call__(self) -> PhoneVerified:
        """Itself: DRF calls what stands in ``permission_classes``."""
        return self

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the code was given lately; never for who is not signed in."""
        user = request.user
        if user is None or not user.is_authenticated:
            return False
        seconds = conf.STEP_UP_SECONDS if self.within_seconds is None else self.within_seconds
        return services.is_verified(user, within_seconds=seconds, purpose=self.purpose)
