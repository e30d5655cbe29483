"""Login by phone: two calls, the same for every number until the code is right."""

from __future__ import annotations

from collections.abc import Sequence

from django.middleware.csrf import get_token
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from django_d7verify import edge, services
from django_d7verify.token_strategies import get_token_strategy

from .errors import make_wrong_code_response
from .serializers import LoginInput, VerifyInput
from .views import OTPView, describe, validate


class LoginSendView(OTPView):
    """``POST {"recipient"}``: send a code, if the number is a user's."""

    serializer_class = LoginInput
    authentication_classes: Sequence[type[BaseAuthentication]] = ()

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Answer 202 and the session, whoever's the number is."""
        data = validate(self.serializer_class, request)
        strategy = get_token_strategy()
        edge.claim_send(request)
        otp = services.send_login_otp(data["recipient"], requester=edge.make_requester(request))
        if strategy.needs_csrf:
            get_token(request._request)  # Sets the cookie that the next call answers for.
        return Response(describe(otp), status=status.HTTP_202_ACCEPTED)


class LoginVerifyView(OTPView):
    """``POST {"otp_id", "otp_code"}``: log in."""

    serializer_class = VerifyInput
    authentication_classes: Sequence[type[BaseAuthentication]] = ()

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Answer 200 and what the token strategy gives, or 400 and the attempts left."""
        data = validate(self.serializer_class, request)
        strategy = get_token_strategy()
        if strategy.needs_csrf:
            # Before the code: another site's form must not log a browser in as somebody else.
            SessionAuthentication().enforce_csrf(request)
        edge.check_attempt(request)
        result = services.verify_login(
            data["otp_id"], data["otp_code"], requester=edge.make_requester(request)
        )
        if not result.approved:
            edge.count_wrong_code(request)
            return make_wrong_code_response(result.attempts_left)
        issued = strategy.issue(request._request, result.user)
        return Response({"otp_id": result.otp.otp_id, "status": result.status, **issued})
