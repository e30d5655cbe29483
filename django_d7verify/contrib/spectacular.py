"""
The API in a site's OpenAPI schema, by drf-spectacular: the extra ``schema``.

Nothing to import: a site that has ``drf_spectacular`` in ``INSTALLED_APPS`` has it. Every answer
and every error code is described, and answers link to the calls that take their ``otp_id``.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
    OpenApiViewExtension,
)
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.serializers import Serializer

from django_d7verify.words import Delivery, SessionStatus

_NUMBER = "+971501234567"
_OTP_ID = "0b7e3d3e-52c4-4a5b-9a53-0d8f5f7d6c11"
_TEXT = {"type": "string"}
_SECONDS = {"type": "integer", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_UUID = {"type": "string", "format": "uuid"}
_STATUS = {"type": "string", "enum": [status.value for status in SessionStatus]}


def _make_object(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


class Shape(Serializer[Any]):
    """An answer, by its JSON schema; the name of the class is that of its component."""

    shape: ClassVar[dict[str, Any]] = {}


_STATE = {
    "otp_id": _UUID,
    "status": _STATUS,
    "expiry": {**_SECONDS, "description": "Seconds until the newest code expires."},
    "resend_count": _COUNT,
    "resend_after": {
        **_SECONDS,
        "nullable": True,
        "description": "Seconds until a resend is allowed; null where none is left.",
    },
}
_MASKED = {"type": "string", "description": "The number, masked.", "example": "+9715*****67"}
_STATUS_ONLY = {"otp_id": _UUID, "status": _STATUS}


class OTPSent(Shape):
    """A session, as ``send/`` and ``resend/`` answer it."""

    shape = _make_object({**_STATE, "recipient": _MASKED})


class OTPState(Shape):
    """A session, as a screen may show it."""

    shape = _make_object(
        {**_STATE, "delivery": {"type": "string", "enum": [word.value for word in Delivery]}}
    )


class OTPApproved(Shape):
    """The answer to the right code."""

    shape = _make_object(
        {**_STATUS_ONLY, "recipient": _MASKED, "purpose": _TEXT, "verification_token": _TEXT}
    )


class OTPClosed(Shape):
    """The answer to ``cancel/``."""

    shape = _make_object(_STATUS_ONLY)


class OTPLoggedIn(Shape):
    """The answer to the right code of a login; what is more in it is ``TOKEN_STRATEGY``'s."""

    shape = {**_make_object(_STATUS_ONLY), "additionalProperties": True}


class OTPError(Shape):
    """What went wrong: ``code`` for programs, ``detail`` for people."""

    shape = _make_object(
        {"detail": _TEXT, "code": _TEXT},
        retry_after={**_SECONDS, "description": "Seconds; also the header Retry-After."},
        attempts_left=_COUNT,
        otp_id=_UUID,
    )


class OTPBadRequest(Shape):
    """An error with a code, or what does not fit by field."""

    shape = {
        "anyOf": [
            OTPError.shape,
            {
                "type": "object",
                "additionalProperties": {"type": "array", "items": _TEXT},
                "example": {"recipient": ["This field is required."]},
            },
        ]
    }


class ShapeSchema(OpenApiSerializerExtension):
    """``Shape`` as it stands."""

    target_class = "django_d7verify.contrib.spectacular.Shape"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """The component; a copy, as drf-spectacular puts names in the place of its choices."""
        return deepcopy(self.target.shape)


class OtpIdFieldSchema(OpenApiSerializerFieldExtension):
    """The id in a body."""

    target_class = "django_d7verify.api.serializers.OtpIdField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """A UUID."""
        return {**_UUID, "example": _OTP_ID}


_CODES = {
    "invalid_recipient": "not a phone number",
    "recipient_refused": "a number that this site does not send to",
    "invalid_purpose": "not a public purpose of this site",
    "invalid_code": "compared, and wrong; with attempts_left",
    "session_closed": "unknown, expired, used, cancelled or out of attempts",
    "parse_error": "the body cannot be read",
}
_ANYWHERE = {
    403: "`permission_denied`: the site's own authentication, or its token against forgery.",
    405: "`method_not_allowed`",
    406: "`not_acceptable`: the answer is JSON.",
    413: "`too_large`: the body has more than 16 KiB.",
    415: "`unsupported_media_type`: neither JSON nor a form.",
    503: "`gateway_unreachable`: not sent, not compared; wait for retry_after.",
}
_LOCKED = "`locked`: too many wrong codes for this number; with retry_after."
_BUSY = f"`throttled`: too soon, or a budget is used up; with retry_after. {_LOCKED}"
_TRIED = f"`throttled`: too many wrong codes from this address; with retry_after. {_LOCKED}"
_PROVIDER = {
    502: "`gateway_refused`: the provider said no. Not counted.",
    504: "`gateway_uncertain`: maybe sent. With retry_after and, for a send, otp_id.",
}


def _describe(*codes: str, busy: str = "", provider: bool = True) -> dict[int, OpenApiResponse]:
    """Errors of a call: the codes of its 400, what its 429 means, whether a provider is asked."""
    bad = "; ".join(f"`{code}`: {_CODES[code]}" for code in (*codes, "parse_error"))
    texts = {**_ANYWHERE, **(_PROVIDER if provider else {}), **({429: busy} if busy else {})}
    found = {status: OpenApiResponse(OTPError, text) for status, text in texts.items()}
    return {400: OpenApiResponse(OTPBadRequest, f"{bad}; or errors by field."), **found}


def _make_link(operation: str) -> dict[str, Any]:
    given = {"operationId": operation, "description": "Of the same session."}
    if operation == "d7verify_state":
        return {**given, "parameters": {"otp_id": "$response.body#/otp_id"}}
    return {**given, "requestBody": {"otp_id": "$response.body#/otp_id"}}


_LINKS = {
    "state": _make_link("d7verify_state"),
    "resend": _make_link("d7verify_resend"),
    "cancel": _make_link("d7verify_cancel"),
}
_VERIFY = {**_LINKS, "verify": _make_link("d7verify_verify")}
_LOGIN = {**_LINKS, "login": _make_link("d7verify_login_verify")}


def _document(view: str, method: str, links: Mapping[str, Any] | None = None, **facts: Any) -> None:
    """Register what *view* does. *links* are those of its answers below 300."""

    class Documented(OpenApiViewExtension):
        target_class = f"django_d7verify.api.{view}"

        def view_replacement(self) -> Any:
            described = extend_schema_view(**{method: extend_schema(tags=["otp"], **facts)})
            replacement = described(type(self.target.__name__, (self.target,), {}))
            kwargs = getattr(replacement, method).kwargs
            kwargs["schema"] = _make_linked(kwargs["schema"], links or {})
            return replacement


def _make_linked(schema: type[Any], links: Mapping[str, Any]) -> type[Any]:
    """*schema*, the class that describes a call, with links: drf-spectacular has none."""

    def get_operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        operation = schema.get_operation(self, *args, **kwargs)
        for status, response in operation["responses"].items():
            if links and status.startswith("2"):
                response["links"] = dict(links)
        return operation

    return type(schema.__name__, (schema,), {"get_operation": get_operation})


_TO = OpenApiExample("A number", {"recipient": _NUMBER}, request_only=True)
_ID = OpenApiExample("A session", {"otp_id": _OTP_ID}, request_only=True)
_CODE = OpenApiExample("A code", {"otp_id": _OTP_ID, "otp_code": "123456"}, request_only=True)
_SENT = OpenApiExample(
    "Sent",
    {
        "otp_id": _OTP_ID,
        "status": "OPEN",
        "recipient": "+9715*****67",
        "expiry": 600,
        "resend_count": 0,
        "resend_after": 60,
    },
    response_only=True,
    status_codes=["200", "201", "202"],
)
_WAIT = OpenApiExample(
    "Too soon",
    {
        "detail": "Please wait before you ask for another code.",
        "code": "throttled",
        "retry_after": 42,
    },
    response_only=True,
    status_codes=["429"],
)
_WRONG = OpenApiExample(
    "Wrong code",
    {"detail": "That is not the right code.", "code": "invalid_code", "attempts_left": 4},
    response_only=True,
    status_codes=["400"],
)

_document(
    "views.SendView",
    "post",
    _VERIFY,
    operation_id="d7verify_send",
    summary="Send a code",
    responses={201: OTPSent}
    | _describe("invalid_recipient", "recipient_refused", "invalid_purpose", busy=_BUSY),
    examples=[_TO, _SENT, _WAIT],
)
_document(
    "views.ResendView",
    "post",
    _VERIFY,
    operation_id="d7verify_resend",
    summary="Send the session's next code",
    responses={200: OTPSent} | _describe("recipient_refused", "session_closed", busy=_BUSY),
    examples=[_ID, _SENT, _WAIT],
)
_document(
    "views.VerifyView",
    "post",
    {"state": _LINKS["state"]},
    operation_id="d7verify_verify",
    summary="Try a code",
    responses={200: OTPApproved} | _describe("invalid_code", "session_closed", busy=_TRIED),
    examples=[_CODE, _WRONG],
)
_document(
    "views.CancelView",
    "post",
    {"state": _LINKS["state"]},
    operation_id="d7verify_cancel",
    summary="Give a session up",
    responses={200: OTPClosed} | _describe("session_closed", provider=False),
    examples=[_ID],
)
_document(
    "views.StateView",
    "get",
    operation_id="d7verify_state",
    summary="What a screen may show of a session",
    parameters=[OpenApiParameter("otp_id", _UUID, OpenApiParameter.PATH)],
    responses={
        200: OTPState,
        404: OpenApiResponse(OTPError, "`session_closed`: unknown."),
        **{status: OpenApiResponse(OTPError, _ANYWHERE[status]) for status in (403, 406, 503)},
    },
)
_document(
    "logins.LoginSendView",
    "post",
    _LOGIN,
    operation_id="d7verify_login_send",
    summary="Send a code for a login, if the number is a user's",
    responses={202: OTPSent}
    | _describe("invalid_recipient", "recipient_refused", busy=_BUSY, provider=False),
    examples=[_TO, _SENT, _WAIT],
)
_document(
    "logins.LoginVerifyView",
    "post",
    operation_id="d7verify_login_verify",
    summary="Log in",
    responses={200: OTPLoggedIn} | _describe("invalid_code", "session_closed", busy=_TRIED),
    examples=[_CODE, _WRONG],
)
