"""Direct Messenger's answers: those of a Laravel application (gateway-apis B.1)."""

from __future__ import annotations

from .wire import Request, Response, make_html, make_json

ROOT = "/messenger"

Errors = dict[str, list[str]]

INVALID_DATA = "The given data was invalid."


def is_messenger(path: str) -> bool:
    """Whether *path* is Direct Messenger's; all others are D7's."""
    return path == ROOT or path.startswith(ROOT + "/")


def make_validation_error(errors: Errors) -> Response:
    """M-val. The HTTP status is inferred: no document names one."""
    return make_json({"message": INVALID_DATA, "errors": errors}, 422)


def make_error(message: str, error: str, status: int = 422) -> Response:
    """M-err. The HTTP status is inferred."""
    return make_json({"message": message, "error": error}, status)


def invalid_number() -> Response:
    """The answer of the SMS call to what is not a phone number (B.2)."""
    return make_error("Problem with validating numbers", "Invalid number")


def unauthorized() -> Response:
    """401: Laravel's words."""
    return make_json({"message": "Unauthenticated."}, 401)


def forbidden() -> Response:
    """403: Laravel's words."""
    return make_json({"message": "This action is unauthorized."}, 403)


def no_credit(status: int = 402) -> Response:
    """Invented (gateway-apis G17)."""
    return make_error("Problem with sending the message", "Not enough credit", status)


def too_many(retry_after: str) -> Response:
    """429: Laravel's words."""
    return make_json({"message": "Too Many Attempts."}, 429, retry_after=retry_after)


def not_found(message: str = "") -> Response:
    """404: Laravel says nothing of an unknown path."""
    return make_json({"message": message}, 404)


def wrong_method(method: str, allowed: str) -> Response:
    """405: Laravel's words."""
    text = f"The {method} method is not supported for this route. Supported methods: {allowed}."
    return make_json({"message": text}, 405, allow=allowed)


def make_redirect(request: Request, response: Response) -> Response:
    """
    The error as a browser gets it: Laravel redirects who does not ask for JSON (B.1).

    To the log-in for 401, back for 422; other errors become a page.
    """
    if "json" in request.headers.get("accept", ""):
        return response
    targets = {401: "/messenger/login", 422: "/messenger/form"}
    if response.status in targets:
        target = targets[response.status]
        page = f'<html><body>Redirecting to <a href="{target}">{target}</a>.</body></html>'
        return make_html(page, 302, location=target)
    return make_html("<html><body>Error</body></html>", response.status)
