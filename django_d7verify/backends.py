"""``AUTHENTICATION_BACKENDS += ["django_d7verify.backends.PhoneOTPBackend"]``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from . import edge, services
from .exceptions import D7VerifyError


class PhoneOTPBackend(ModelBackend):
    """
    Logs in whoever gives the right code of a session of the purpose ``login``, once.

    Permissions are those of Django's ``ModelBackend``.
    """

    @sensitive_variables()
    def authenticate(  # type: ignore[override] # no password
        self,
        request: HttpRequest | None,
        otp_id: str | None = None,
        otp_code: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        The user, or None for a wrong code, a closed session and whatever else refuses.

        The code is charged as in ``services.verify_login``, which says why it refused: views that
        have to tell a person call that. Raises ``ConfigurationError`` inside a transaction.
        """
        if otp_id is None or otp_code is None:
            return None
        try:
            if request is None:
                return services.verify_login(otp_id, otp_code).user
            edge.check_attempt(request)
            requester = edge.make_requester(request)
            result = services.verify_login(otp_id, otp_code, requester=requester)
        except D7VerifyError:
            return None
        if not result.approved:
            edge.count_wrong_code(request)
        return result.user
