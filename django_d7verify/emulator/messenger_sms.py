"""Direct Messenger SMS and Personal (gateway-apis B.2, B.6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .d7_fields import is_web_address
from .messenger_fields import Parameters, check_credit, check_token, read_number
from .text_parts import (
    CONVERT_ALL,
    CONVERT_NOTHING,
    CONVERT_SOME,
    GSM,
    MESSENGER_MAX_PARTS,
    MESSENGER_PROFILE,
    UCS2,
    convert,
    count_parts,
    is_gsm,
)
from .tokens import make_id
from .wire import Request, Response, make_json
from .world import MESSENGER, World

MAX_NAME_LENGTH = 11
#: With the plus and nothing but digits: a number that can be answered.
_NUMBER_SENDER = re.compile(r"\+[0-9]+")
_MAX_NUMBER_LENGTH = 15
_VARIABLE = re.compile(r"%(\w+)%")
_RESERVED = frozenset({"api_token", "smstext", "id", "receiver"})


def send_sms(world: World, request: Request) -> Response:
    """``POST /messenger/sms`` (B.2)."""
    check_token(request)
    parameters = Parameters(request)
    smstext = parameters.required("smstext")
    receiver = parameters.required("receiver")
    sender = _read_sender(parameters)
    level = _read_conversion(parameters)
    deliverytime = _read_deliverytime(parameters)
    dlruri = parameters.text("dlruri")
    if dlruri and not is_web_address(dlruri):
        parameters.refuse("dlruri", "The dlruri format is invalid.")
    text = convert(smstext, level)
    encoding = GSM if is_gsm(text) else UCS2
    parts = count_parts(text, encoding, MESSENGER_PROFILE)
    if parts > MESSENGER_MAX_PARTS:
        # Not documented (G21).
        sentence = f"The smstext may not be greater than {MESSENGER_MAX_PARTS} messages."
        parameters.refuse("smstext", sentence)
    parameters.check()
    number = read_number(receiver)
    check_credit(world, request)
    reference = parameters.text("dlrid") or make_id()
    world.put_message(
        provider=MESSENGER,
        path=request.path,
        recipient=number,
        originator=sender,
        text=text,
        encoding=encoding,
        parts=parts,
        reference=reference,
        report_url=dlruri,
        schedule_time=deliverytime,
        status="queued",
    )
    return make_json(_make_success(world, dlr_id=reference if dlruri else ""))


def format_personal(_world: World, request: Request) -> Response:
    """``POST /messenger/personal`` (B.6): fills in a text and sends nothing."""
    check_token(request)
    parameters = Parameters(request)
    parameters.required("smstext")
    parameters.check()
    values = request.parameters
    variables = {name: text for name, text in values.items() if name not in _RESERVED}
    text = values["smstext"]
    # A variable without a value stays as it is: not documented.
    filled = _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)
    return make_json(
        {
            "message": "Success",
            "id": parameters.text("id") or make_id(),
            "original_text": text,
            "formatted_text": filled,
            "receiver": parameters.text("receiver") or None,
        }
    )


def _make_success(world: World, dlr_id: str) -> dict[str, str]:
    """Without ``dlruri`` no id is answered at all (B.2); "succesfully" is theirs."""
    marker = "message" if world.switches.messenger_marker_message else "status"
    success = {
        marker: "Success",
        "description": "Your message was succesfully added to the queue",
    }
    if dlr_id:
        success["dlr_id"] = dlr_id
    if world.switches.messenger_low_balance:
        success["warning"] = "Balance low, please contact us!"
    return success


def _read_sender(parameters: Parameters) -> str:
    """A number with plus, or a name; digits alone are taken as a name (section D)."""
    sender = parameters.required("sender")
    if _NUMBER_SENDER.fullmatch(sender):
        if len(sender) > _MAX_NUMBER_LENGTH:
            sentence = f"The sender may not be greater than {_MAX_NUMBER_LENGTH} characters."
            parameters.refuse("sender", sentence)
    elif len(sender) > MAX_NAME_LENGTH:
        sentence = f"The sender may not be greater than {MAX_NAME_LENGTH} characters."
        parameters.refuse("sender", sentence)
    return sender


def _read_conversion(parameters: Parameters) -> int:
    level = parameters.integer("conversion", CONVERT_SOME)
    if not CONVERT_NOTHING <= level <= CONVERT_ALL:
        parameters.refuse("conversion", "The selected conversion is invalid.")
        return CONVERT_SOME
    return level


def _read_deliverytime(parameters: Parameters) -> datetime | None:
    """``YYYY-MM-DD HH:II:SS``; the time zone is not stated (G19), here UTC."""
    text = parameters.text("deliverytime")
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        sentence = "The deliverytime does not match the format Y-m-d H:i:s."
        parameters.refuse("deliverytime", sentence)
        return None
