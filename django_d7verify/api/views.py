"""Views: parse, one service call, answer."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from rest_framework import status
from rest_framework.exceptions import ParseError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from django_d7verify import edge, services
from django_d7verify.conf import conf
from django_d7verify.exceptions import InvalidPurpose, SessionClosed
from django_d7verify.services import OTP

from .errors import PayloadTooLarge, make_error_response, make_wrong_code_response
from .parsers import StrictFormParser, StrictJSONParser, StrictMultiPartParser
from .serializers import SendInput, SessionInput, VerifyInput


class OTPView(APIView):
    """
    Base of the API: for people who are not known yet, in JSON, outside request transactions.

    Errors are answered here and not by ``EXCEPTION_HANDLER``: DRF's own marks the request's
    transaction for rollback, and would give each site's API other words.
    """

    permission_classes = [AllowAny]
    parser_classes = [StrictJSONParser, StrictFormParser, StrictMultiPartParser]
    renderer_classes = [JSONRenderer]
    #: What the body has to be; also read by what describes the API.
    serializer_class: type[Serializer[Any]]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Decorated here, and so once: ``method_decorator`` does it again for every request."""
        view = sensitive_post_parameters()(super().as_view(**initkwargs))
        return transaction.non_atomic_requests(view)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is larger than any of ours before it is read."""
        super().initial(request, *args, **kwargs)
        length = edge.read_length(request._request)
        if length is None:
            raise ParseError
        if length > edge.MAX_BODY_BYTES:
            raise PayloadTooLarge

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an error of ours or of DRF's; raise any other."""
        response = make_error_response(exc)
        if response is None:
            raise exc
        response.exception = True
        return response

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """No answer about a code is kept by anybody."""
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


class SendView(OTPView):
    """``POST {"recipient", "purpose"?}``: send a code."""

    serializer_class = SendInput

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Answer 201 and the session."""
        data = validate(self.serializer_class, request)
        edge.claim_send(request)
        purpose = data["purpose"]
        if purpose not in conf.PURPOSES or not conf.get_purpose(purpose).public:
            raise InvalidPurpose("Not a public purpose.")
        otp = services.send_otp(
            data["recipient"], purpose=purpose, requester=edge.make_requester(request)
        )
        return Response(describe(otp), status=status.HTTP_201_CREATED)


class ResendView(OTPView):
    """``POST {"otp_id"}``: send the session's next code."""

    serializer_class = SessionInput

    def post(self, request: Request) -> Response:
        """Answer 200 and the session."""
        data = validate(self.serializer_class, request)
        edge.claim_send(request)
        otp = services.resend_otp(data["otp_id"], requester=edge.make_requester(request))
        return Response(describe(otp))


class VerifyView(OTPView):
    """``POST {"otp_id", "otp_code"}``: try a code."""

    serializer_class = VerifyInput

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Answer 200 and the proof, or 400 and the attempts left."""
        data = validate(self.serializer_class, request)
        edge.check_attempt(request)
        result = services.verify_otp(
            data["otp_id"], data["otp_code"], requester=edge.make_requester(request)
        )
        if not result.approved:
            edge.count_wrong_code(request)
            return make_wrong_code_response(result.attempts_left)
        otp = result.otp
        return Response(
            {
                "otp_id": otp.otp_id,
                "status": otp.status,
                "recipient": otp.masked_recipient,
                "purpose": otp.purpose,
                "verification_token": services.make_verification_token(otp),
            }
        )


class CancelView(OTPView):
    """``POST {"otp_id"}``: give the session up."""

    serializer_class = SessionInput

    def post(self, request: Request) -> Response:
        """Answer 200 and the session's status, whichever it is by now."""
        data = validate(self.serializer_class, request)
        otp = services.cancel_otp(data["otp_id"], requester=edge.make_requester(request))
        return Response({"otp_id": otp.otp_id, "status": otp.status})


class StateView(OTPView):
    """``GET``: what a screen may show of a session."""

    def get(self, request: Request, otp_id: str) -> Response:
        """Answer 200 and the session, or 404."""
        try:
            otp = services.get_otp(otp_id)
        except SessionClosed as error:
            response = self.handle_exception(error)
            response.status_code = status.HTTP_404_NOT_FOUND
            return response
        body = describe(otp)
        del body["recipient"]
        # Where a person is not known yet, how a message fared would tell whether they are.
        is_shown = otp.purpose in conf.PURPOSES and conf.get_purpose(otp.purpose).public
        return Response({**body, "delivery": otp.delivery if is_shown else ""})


def validate(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the body says. Raises ``ValidationError``."""
    serializer = form(data=request.data)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def describe(otp: OTP) -> dict[str, Any]:
    """A session, as every answer shows it."""
    return {
        "otp_id": otp.otp_id,
        "status": otp.status,
        "recipient": otp.masked_recipient,
        "expiry": otp.expiry,
        "resend_count": otp.resend_count,
        "resend_after": otp.resend_after,
    }
