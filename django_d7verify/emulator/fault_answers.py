"""Faults that are an answer like any: each in the words of the provider that is called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from . import d7_answers, messenger_answers
from .clock import make_timestamp
from .faults import Fault
from .tokens import make_id
from .wire import Request, Response, make_html, make_json

Maker = Callable[[Fault], Response]

_D7: dict[str, Maker] = {
    "unauthorized": lambda _fault: d7_answers.unauthorized(),
    "forbidden": lambda _fault: d7_answers.forbidden(),
    "no_credit": lambda _fault: d7_answers.no_credit(),
    "invalid": lambda _fault: d7_answers.invalid(),
    "too_many": lambda fault: d7_answers.too_many(f"{fault.number('retry_after'):.0f}"),
}
_MESSENGER: dict[str, Maker] = {
    "unauthorized": lambda _fault: messenger_answers.unauthorized(),
    "forbidden": lambda _fault: messenger_answers.forbidden(),
    "no_credit": lambda _fault: messenger_answers.no_credit(),
    "invalid": lambda _fault: messenger_answers.make_validation_error(
        {"receiver": ["Invalid number"]}
    ),
    "too_many": lambda fault: messenger_answers.too_many(f"{fault.number('retry_after'):.0f}"),
}
_EITHER: dict[str, Maker] = {
    "server_error": lambda _fault: d7_answers.server_error(),
    "not_json": lambda _fault: d7_answers.not_json(),
    "redirect": lambda fault: make_html("", 302, location=str(fault.options["location"])),
}


def find_answer(request: Request, fault: Fault, now: datetime) -> Response | None:
    """The answer that *fault* gives, or None where it lets the call be done."""
    if fault.name == "rejected":
        return _reject(request.path, now)
    own = _MESSENGER if messenger_answers.is_messenger(request.path) else _D7
    maker = own.get(fault.name) or _EITHER.get(fault.name)
    return maker(fault) if maker else None


def _reject(path: str, now: datetime) -> Response:
    """200 that is not a success: in a word of the body only (gateway-apis A.4, A.7, A.9)."""
    reference = make_id()
    if messenger_answers.is_messenger(path):
        return messenger_answers.make_error("Problem with sending the message", "Rejected", 200)
    if path.endswith("/verify-otp"):
        return make_json({"status": "FAILED"})
    if path.startswith("/verify/"):
        return make_json({"otp_id": reference, "status": "FAILED", "expiry": 600})
    return make_json(
        {"request_id": reference, "status": "rejected", "created_at": make_timestamp(now)}
    )
