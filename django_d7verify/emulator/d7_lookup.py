"""D7 number lookup (gateway-apis A.12)."""

from __future__ import annotations

from .d7_account import check_credit, check_token
from .d7_answers import invalid_number, make_code_error
from .d7_fields import Fields, read_body
from .phones import find_country, find_number
from .tokens import make_id
from .wire import RefusalError, Request, Response, make_json
from .world import World

#: The samples' network, for every number.
_NETWORK: dict[str, object] = {
    "cic": "91077",
    "ocn": None,
    "mcc": 404,
    "mnc": 19,
    "network": "Emulated",
    "ported": False,
    "reachable": "yes",
}


def look_up(world: World, request: Request) -> Response:
    """``POST /hlr/v1/lookup``. A country that ``phones`` does not list has no route."""
    check_token(request)
    fields = Fields(read_body(request), "body")
    fields.require("recipient")
    text = fields.text("recipient")
    fields.check()
    number = find_number(text)
    if number is None:
        raise RefusalError(invalid_number(400))
    country = find_country(number)
    if not country:
        error = make_code_error(400, "ROUTING_NOT_FOUND", "Routing not added for this user")
        raise RefusalError(error)
    check_credit(request)
    found = _make_lookup(number, country)
    world.lookups.put(str(found["request_id"]), found)
    return make_json(found)


def show_lookup(world: World, request: Request) -> Response:
    """``GET /hlr/v1/report/{request_id}``; POST too, as one page prints it (C21)."""
    check_token(request)
    found = world.lookups.find(request.path.rpartition("/")[2])
    if found is None:
        text = "Number Lookup Log not checked by user"
        raise RefusalError(make_code_error(404, "NUMBER_LOOKUP_LOG_NOT_FOUND", text))
    report = {name: value for name, value in found.items() if name != "type"}
    report |= {
        "msg_id": found["request_id"],
        "number_lookup_cost": 0.001,
        "recipient_type": found["type"],
    }
    return make_json(report)


def _make_lookup(number: str, country: str) -> dict[str, object]:
    return {
        "country_code": country,
        # Alpha-3 is not in our table; the field is there as a text.
        "country_code_iso3": "",
        "recipient": number,
        "imsi": "40419XXXXXXXXXX",
        **_NETWORK,
        "type": "mobile",
        "status": "SUCCESS",
        "status_code": 0,
        "request_id": make_id(),
    }
