"""
Phones of django-allauth: ``class Adapter(PhoneAdapterMixin, DefaultAccountAdapter)``.

Numbers are those of ``PHONE_STORE``, and codes leave by our gateways under our limits, with an
audit. allauth keeps the code in the visitor's session, compares it and counts wrong ones there, by
its own limits; so a gateway must carry codes of ours. A known number takes longer than one that
nobody has, since allauth's message leaves before its answer: our own login does not tell the two
apart.
"""

from __future__ import annotations

from typing import Any

from allauth.account.fields import PhoneField
from allauth.core.exceptions import ImmediateHttpResponse, RateLimited
from allauth.core.ratelimit import respond_429
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, edge, services
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    D7VerifyError,
    GatewayError,
    GatewayUncertain,
    LockedOut,
    NumberTaken,
    SessionClosed,
    Throttled,
)
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.words import CHANGE_PHONE, ERROR_TEXTS

_PENDING = "d7verify_pending_phone"
_SENT = "d7verify_sent_code"


class PhoneRefused(RateLimited, ImmediateHttpResponse):
    """
    Too soon, or too many: 429 in place of the page.

    Where allauth looks for its own "too many" it finds it, and says so on the page.
    """


class PhoneAdapterMixin:
    """Stands before ``DefaultAccountAdapter``; needs ``ACCOUNT_ADAPTER`` to name the class."""

    request: HttpRequest

    def phone_form_field(self, **kwargs: Any) -> Any:
        """allauth's own, for numbers as people write them: what is one is for ``clean_phone``."""
        return PhoneField(validators=[], **kwargs)

    @sensitive_variables()
    def clean_phone(self, phone: str) -> str:
        """One spelling for each number. Raises ``ValidationError`` for what is none."""
        try:
            return services.parse_recipient(phone).number
        except D7VerifyError as error:
            raise ValidationError(ERROR_TEXTS[error.text_code], code=error.code) from None

    def get_user_by_phone(self, phone: str) -> Any:
        """Whose proven number it is; one that is not proven yet is nobody's."""
        return get_phone_store().find_user(phone)

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        """The number of *user*, or the one that they have yet to prove in this session."""
        number = get_phone_store().find_number(user)
        if number:
            return number, True
        owner, pending = self.request.session.get(_PENDING, ("", ""))
        return (pending, False) if owner == str(user.pk) else None

    @sensitive_variables()
    def set_phone(self, user: Any, phone: str, verified: bool) -> None:
        """Remember *phone* till it is proven; one that a provider of logins has proven is bound."""
        if not verified:
            self.request.session[_PENDING] = (str(user.pk), phone)
            return
        try:
            get_phone_store().bind(user, phone, now=timezone.now())
        except NumberTaken as error:
            raise self._refuse(error) from None

    @sensitive_variables()
    def generate_phone_verification_code(self, *, user: Any, phone: str) -> str:
        """A code of the site's own shape, which allauth keeps and compares."""
        rules = conf.get_purpose(CHANGE_PHONE)
        test_code = conf.find_test_code(phone, timezone.now())
        return test_code or codes.make_code(rules.code_length, rules.code_alphabet)

    @sensitive_variables()
    def send_verification_code_sms(self, user: Any, phone: str, code: str, **_: Any) -> None:
        """Send it. Raises allauth's exceptions where it was not sent."""
        requester = edge.make_requester(self.request)
        try:
            edge.claim_send(self.request)
            otp = services.send_number_otp(phone, user=user, code=code, requester=requester)
            otp_id = otp.otp_id
        except GatewayUncertain as error:  # It may arrive, so the page that takes it is shown.
            otp_id = error.otp_id or ""
        except D7VerifyError as error:
            raise self._refuse(error) from None
        self.request.session[_SENT] = (otp_id, code)

    @sensitive_variables()
    def set_phone_verified(self, user: Any, phone: str) -> None:
        """Bind *phone*, whose code allauth found right; the number before is told."""
        otp_id, code = self.request.session.pop(_SENT, ("", ""))
        self.request.session.pop(_PENDING, None)
        is_known = get_phone_store().find_number(user) == phone
        requester = edge.make_requester(self.request)
        try:
            otp = services.verify_otp(otp_id, code, purpose=CHANGE_PHONE, requester=requester).otp
            if otp.recipient != phone:
                raise SessionClosed
            if not is_known:
                services.bind_number(otp, user=user, requester=requester)
        except D7VerifyError as error:
            if not is_known:
                raise self._refuse(error) from None

    def _refuse(self, error: D7VerifyError) -> ImmediateHttpResponse:
        """What stands in place of the page: 429, 503 or 400, and why."""
        if isinstance(error, Throttled | LockedOut):
            response = respond_429(self.request)
            response.headers["Retry-After"] = str(error.retry_after_seconds)
            return PhoneRefused(response)
        status = 503 if isinstance(error, GatewayError) else 400
        text = ERROR_TEXTS[error.text_code]
        return ImmediateHttpResponse(HttpResponse(text, "text/plain; charset=utf-8", status))
