"""D7's answers that several calls share: the four shapes of ``detail`` (gateway-apis A.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .wire import Response, make_html, make_json

#: gateway-apis A.1.2, the wording of S1.
MISSING_TOKEN = (
    "It looks like your requests were failed due to a missing or invalid 'Access Token'. "  # noqa: S105 - no token
    "Sign up at https://app.d7networks.com and create an authentication token in the "
    "developer section."
)
NO_CREDIT = (
    "It looks like your requests failed due to insufficient credit on our account. Sign in at "
    "https://app.d7networks.com and make a payment to resume the messaging service on your "
    "account or contact support@d7networks.com to get more test credits."
)

FieldError = Mapping[str, object]


def make_text_error(status: int, text: str, **headers: str) -> Response:
    """``{"detail": "text"}``."""
    return make_json({"detail": text}, status, **headers)


def make_code_error(status: int, code: str, message: str) -> Response:
    """``{"detail": {"code": ..., "message": ...}}``."""
    return make_json({"detail": {"code": code, "message": message}}, status)


def make_field_errors(errors: Sequence[FieldError]) -> Response:
    """422 with ``{"detail": [{"loc": ..., "msg": ..., "type": ...}]}``."""
    return make_json({"detail": list(errors)}, 422)


def make_field_error(loc: Sequence[str | int], msg: str, kind: str) -> dict[str, object]:
    """One entry of ``make_field_errors``."""
    return {"loc": list(loc), "msg": msg, "type": kind}


def unauthorized() -> Response:
    """401: token missing or not taken (S1)."""
    return make_code_error(401, "ACCESS_TOKEN_SIGNATURE_VERIFICATION_FAILED", MISSING_TOKEN)


def forbidden() -> Response:
    """403; documented nowhere, the plain form of D7's framework."""
    return make_text_error(403, "Forbidden")


def no_credit() -> Response:
    """402: the only error whose ``detail`` is a list of codes (S1)."""
    return make_json({"detail": [{"code": "INSUFFICIENT_CREDIT", "message": NO_CREDIT}]}, 402)


def invalid() -> Response:
    """422, as for a body without recipient."""
    error = make_field_error(("body", "recipient"), "field required", "value_error.missing")
    return make_field_errors([error])


def too_many(retry_after: str) -> Response:
    """429; not documented (gateway-apis G1)."""
    return make_text_error(429, "Too Many Requests", retry_after=retry_after)


def not_found() -> Response:
    """404 of an unknown path: the default of D7's framework (A.1.2)."""
    return make_text_error(404, "Not Found")


def wrong_method(allowed: str) -> Response:
    """405: the default of D7's framework (A.1.2)."""
    return make_text_error(405, "Method Not Allowed", allow=allowed)


def log_missing(what: str) -> Response:
    """404; *what* is "request" in A.5 and "otp" in A.10."""
    return make_code_error(
        404,
        "MESSAGE_LOG_NOT_EXISTS",
        f"Given message {what} id not exists in the system. Please Try Again!",
    )


def invalid_number(status: int, field: str = "recipient") -> Response:
    """The answer to what is not a phone number, in one of two forms (A.12)."""
    if status == 422:  # noqa: PLR2004 - an HTTP status
        error = make_field_error(("body", field), "Number is not valid", "value_error")
        return make_field_errors([error])
    return make_code_error(400, "INVALID_PHONE_NUMBER", "Number is not valid")


def server_error() -> Response:
    """500 from a proxy: HTML, not JSON."""
    return make_html(
        "<html><head><title>500 Internal Server Error</title></head>"
        "<body><center><h1>500 Internal Server Error</h1></center></body></html>",
        500,
    )


def not_json() -> Response:
    """200 with a page where JSON should be."""
    return make_html("<html><body>Service page</body></html>")
