"""Direct Messenger's blacklist: a list kept for the customer, which blocks nothing (B.3)."""

from __future__ import annotations

from dataclasses import asdict

from .messenger_answers import make_validation_error, not_found
from .messenger_fields import Parameters, check_token, read_number
from .records import BlacklistEntry
from .wire import RefusalError, Request, Response, make_json
from .world import World


def show_blacklist(world: World, request: Request) -> Response:
    """``GET /messenger/api/blacklist``."""
    check_token(request)
    rows = [asdict(entry) for entry in world.blacklist.all()]
    return make_json({"response": "Success", "message": "Blacklist", "data": rows})


def add_to_blacklist(world: World, request: Request) -> Response:
    """``POST /messenger/api/blacklist/create``. What a second time answers is inferred."""
    check_token(request)
    parameters = Parameters(request)
    receiver = parameters.required("receiver")
    parameters.check()
    digits = read_number(receiver).removeprefix("+")
    if any(entry.receiver == digits for entry in world.blacklist.all()):
        errors = {"receiver": ["The receiver has already been taken."]}
        raise RefusalError(make_validation_error(errors))
    entry = BlacklistEntry(
        id=next(world.blacklist_ids),
        receiver=digits,
        # Year, day, month: so the samples have it.
        created_at=world.clock.now().strftime("%Y-%d-%m %H:%M:%S"),
        source="api",
    )
    world.blacklist.put(str(entry.id), entry)
    message = f"Number ({digits}) added to your blacklist"
    return make_json({"response": "Success", "message": message})


def remove_from_blacklist(world: World, request: Request) -> Response:
    """``POST /messenger/api/blacklist/delete/{id}``. The answer to an unknown id is inferred."""
    check_token(request)
    entry_id = request.path.rpartition("/")[2]
    if world.blacklist.remove(entry_id) is None:
        raise RefusalError(not_found(f"No query results for model [Blacklist] {entry_id}"))
    message = f"Number with id {entry_id} removed from blacklist"
    return make_json({"response": "Success", "message": message})
