"""Errors as answers: one table from the app's errors to HTTP."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework import status
from rest_framework.response import Response

from django_d7verify.exceptions import (
    DEFAULT_RETRY_AFTER_SECONDS,
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    InvalidCode,
    LockedOut,
    Throttled,
)
from django_d7verify.words import ERROR_TEXTS

_STATUSES: dict[type[Exception], int] = {
    Throttled: status.HTTP_429_TOO_MANY_REQUESTS,
    LockedOut: status.HTTP_429_TOO_MANY_REQUESTS,
    GatewayRefused: status.HTTP_502_BAD_GATEWAY,
    GatewayUnreachable: status.HTTP_503_SERVICE_UNAVAILABLE,
    GatewayUncertain: status.HTTP_504_GATEWAY_TIMEOUT,
}


def make_error_response(error: Exception) -> Response | None:
    """
    The answer to *error*, as ``{"detail", "code", ...}``; None for one that is a bug of ours.

    The site's credentials and a busy database are its own affair: 503, without a word of why.
    """
    if isinstance(error, InvalidCode):
        return Response({"otp_code": [ERROR_TEXTS[error.text_code]]}, status=400)
    if isinstance(error, D7VerifyError):
        return _answer(
            error.code,
            _STATUSES.get(type(error), status.HTTP_400_BAD_REQUEST),
            text=error.text_code,
            retry_after=getattr(error, "retry_after_seconds", None),
            otp_id=getattr(error, "otp_id", None),
        )
    if isinstance(error, ConfigurationError | OperationalError):
        return _answer(
            GatewayUnreachable.code,
            status.HTTP_503_SERVICE_UNAVAILABLE,
            retry_after=DEFAULT_RETRY_AFTER_SECONDS,
        )
    return _make_drf_response(error)


def make_wrong_code_response(attempts_left: int) -> Response:
    """A code was compared, and is wrong."""
    return _answer("invalid_code", status.HTTP_400_BAD_REQUEST, attempts_left=attempts_left)


def _answer(code: str, http_status: int, *, text: str = "", **more: Any) -> Response:
    known = {name: value for name, value in more.items() if value is not None}
    retry_after = known.get("retry_after")
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    body = {"detail": ERROR_TEXTS[text or code], "code": code, **known}
    return Response(body, status=http_status, headers=headers)


def _make_drf_response(error: Exception) -> Response | None:
    if isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge()
    # The latter: a client that went away while it sent its body.
    elif isinstance(error, SuspiciousOperation | UnreadablePostError):
        error = drf.ParseError()
    elif isinstance(error, Http404):
        error = drf.NotFound()
    if isinstance(error, drf.ValidationError):
        return Response(error.detail, status=error.status_code)
    if not isinstance(error, drf.APIException):
        return None
    headers = {}
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(int(wait))
    challenge = getattr(error, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    body = {"detail": error.detail, "code": error.get_codes()}
    return Response(body, status=error.status_code, headers=headers)


class PayloadTooLarge(drf.APIException):
    """The body is larger than anything this API takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"
