"""Viber and WhatsApp, as far as the SDK calls them (gateway-apis A.13)."""

from __future__ import annotations

from .d7_account import check_credit, check_token
from .d7_answers import make_field_error, make_field_errors
from .d7_fields import read_body
from .d7_messages import Draft, accept
from .wire import RefusalError, Request, Response, make_json
from .world import World


def send_viber(world: World, request: Request) -> Response:
    """``POST /viber/v1/send``."""
    return _send(world, request, "viber")


def send_whatsapp(world: World, request: Request) -> Response:
    """``POST /whatsapp/v2/send``."""
    return _send(world, request, "whatsapp")


def read_receipt(_world: World, request: Request) -> Response:
    """``POST /whatsapp/v2/read-receipt/{message_id}``; the answer is inferred."""
    check_token(request)
    return make_json({"message_id": request.path.rpartition("/")[2], "status": "read"})


def download_media(_world: World, request: Request) -> Response:
    """``GET /whatsapp/v2/download/{media_id}``: bytes, which the SDK drops."""
    check_token(request)
    return Response(200, b"\x89PNG\r\n\x1a\n", "application/octet-stream")


def _send(world: World, request: Request, channel: str) -> Response:
    check_token(request)
    messages = read_body(request).get("messages")
    if not isinstance(messages, list) or not messages:
        wrong = make_field_error(("body", "messages"), "field required", "value_error.missing")
        raise RefusalError(make_field_errors([wrong]))
    check_credit(request)
    # These texts are no SMS: they are accepted, and stand in no inbox.
    return accept(world, request, [Draft(channel=channel, recipients=[])])
