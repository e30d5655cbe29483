"""D7 Messages: texts that the customer wrote, and the log of each request (A.4, A.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .clock import make_timestamp
from .d7_account import check_credit, check_token
from .d7_answers import log_missing, make_field_error, make_field_errors
from .d7_fields import Fields, read_body
from .d7_texts import make_d7_text, read_originator
from .d7_times import read_schedule
from .phones import find_country, find_number
from .records import Message, SentRequest
from .tokens import make_id
from .wire import RefusalError, Request, Response, make_json
from .world import D7, PART_COST, World

SMS = "sms"
MSG_TYPES = ("text", "txt", "audio", "audio sms", "multimedia", "image")
DATA_CODINGS = ("text", "unicode", "auto")


@dataclass(slots=True, kw_only=True)
class Draft:
    """One entry of ``messages``, complete with the defaults of ``message_globals``."""

    channel: str
    originator: str = ""
    recipients: list[str]
    content: str = ""
    data_coding: str = "auto"
    report_url: str = ""
    schedule_time: datetime | None = None


def send_messages(world: World, request: Request) -> Response:
    """``POST /messages/v1/send`` (A.4). Also takes the SDK's Slack form (A.13)."""
    check_token(request)
    body = read_body(request)
    drafts = _read_drafts(world, body)
    check_credit(request)
    return accept(world, request, drafts)


def accept(world: World, request: Request, drafts: list[Draft]) -> Response:
    """Send *drafts*; "rejected" where no number among them is one (INF: G10)."""
    now = world.clock.now()
    sent = SentRequest(
        request_id=make_id(), path=request.path, channel=drafts[0].channel, accepted_at=now
    )
    numbers = [text for draft in drafts for text in draft.recipients]
    rejected = bool(numbers) and not any(find_number(text) for text in numbers)
    if not rejected:
        world.requests.put(sent.request_id, sent)
        for draft in drafts:
            sent.messages += [_send(world, sent, draft, text) for text in draft.recipients]
    return make_json(
        {
            "request_id": sent.request_id,
            "status": "rejected" if rejected else "accepted",
            "created_at": make_timestamp(now),
        }
    )


def show_log(world: World, request: Request) -> Response:
    """``GET /report/v1/message-log/{request_id}`` (A.5), and the logs of other channels."""
    check_token(request)
    sent = world.requests.find(request.path.rpartition("/")[2])
    known_from = timedelta(seconds=world.switches.message_log_delay)
    if sent is None or world.clock.now() < sent.accepted_at + known_from:
        raise RefusalError(log_missing("request"))
    return make_json(
        {
            "request_id": sent.request_id,
            "total_recipients": len(sent.messages),
            "channel": sent.channel,
            "messages": [_make_log_row(message) for message in sent.messages],
        }
    )


def _make_log_row(message: Message) -> dict[str, object]:
    schedule_time = message.schedule_time
    return {
        "msg_id": message.msg_id,
        "country": find_country(message.recipient),
        "recipient": message.recipient,
        "status": message.status,
        "number_of_sms": message.parts,
        "sms_cost": float(message.parts * PART_COST),
        # The format is shown nowhere.
        "schedule_time": make_timestamp(schedule_time) if schedule_time else None,
    }


def _send(world: World, sent: SentRequest, draft: Draft, recipient: str) -> Message:
    number = find_number(recipient)
    shown = make_d7_text(draft.content, draft.data_coding, world.switches.d7_text_profile)
    return world.put_message(
        provider=D7,
        path=sent.path,
        recipient=number or recipient,
        originator=draft.originator,
        text=shown.text,
        encoding=shown.encoding,
        parts=shown.parts,
        reference=sent.request_id,
        report_url=draft.report_url,
        schedule_time=draft.schedule_time,
        status="processed" if number else world.switches.undelivered_spelling,
    )


def _read_drafts(world: World, body: Mapping[str, object]) -> list[Draft]:
    """Every entry of ``messages``. Raises ``RefusalError`` 422."""
    fields = Fields(body, "body")
    fields.require("messages")
    fields.check()
    messages, message_globals = body["messages"], body.get("message_globals")
    if not isinstance(messages, list):
        fields.refuse("messages", "value is not a valid list", "type_error.list")
    elif not messages:
        msg = "ensure this value has at least 1 items"
        fields.refuse("messages", msg, "value_error.list.min_items")
    if not isinstance(message_globals, dict | None):
        fields.refuse("message_globals", "value is not a valid dict", "type_error.dict")
    fields.check()
    shared = message_globals if isinstance(message_globals, dict) else {}
    listed = messages if isinstance(messages, list) else []
    drafts = [_read_draft(world, message, shared, place) for place, message in enumerate(listed)]
    # One time for all: it "must be specified inside message_globals" (A.4).
    globals_fields = Fields(shared, "body", "message_globals")
    schedule_time = read_schedule(globals_fields)
    globals_fields.check()
    return [replace(draft, schedule_time=schedule_time) for draft in drafts]


def _read_draft(world: World, message: object, shared: Mapping[str, object], place: int) -> Draft:
    if not isinstance(message, dict):
        loc = ("body", "messages", place)
        wrong = make_field_error(loc, "value is not a valid dict", "type_error.dict")
        raise RefusalError(make_field_errors([wrong]))
    # The message's own value wins; null is the same as absent.
    own = {name: value for name, value in message.items() if value is not None}
    fields = Fields({**shared, **own}, "body", "messages", place)
    channel = fields.text("channel", SMS).lower()
    if channel != SMS:
        # Other channels have fields of their own; only what the inbox shows is read.
        content = str(own.get("content", ""))
        draft = Draft(channel=channel, recipients=_list_recipients(fields, own), content=content)
    else:
        draft = _read_sms(world, fields, own)
    fields.check()
    return draft


def _read_sms(world: World, fields: Fields, own: Mapping[str, object]) -> Draft:
    fields.require("originator")
    fields.require("recipients")
    content = fields.required_text("content")
    recipients = _list_recipients(fields, own)
    if fields.has("recipients") and not recipients:
        msg = "ensure this value has at least 1 items"
        fields.refuse("recipients", msg, "value_error.list.min_items")
    fields.choice("msg_type", MSG_TYPES, "text")
    return Draft(
        channel=SMS,
        originator=read_originator(fields),
        recipients=recipients,
        content=content,
        data_coding=fields.choice("data_coding", DATA_CODINGS, world.switches.default_data_coding),
        report_url=fields.url("report_url"),
    )


def _list_recipients(fields: Fields, own: Mapping[str, object]) -> list[str]:
    """An array; a text with commas as well, since MS types it so (A.4)."""
    value = own.get("recipients")
    if value is None:
        return []
    if isinstance(value, str):
        return [text.strip() for text in value.split(",") if text.strip()]
    if not isinstance(value, list):
        fields.refuse("recipients", "value is not a valid list", "type_error.list")
        return []
    if not all(isinstance(entry, str | int) for entry in value):
        fields.refuse("recipients", "str type expected", "type_error.str")
    return [str(entry) for entry in value]
