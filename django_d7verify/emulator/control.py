"""What tests and people say to the emulator itself: ``/`` and ``/_emulator/...``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .clock import make_timestamp
from .inbox_page import find_static, make_page
from .phones import read_recipient
from .wire import Request, Response, UnreadableError, make_json
from .world import World

PREFIX = "/_emulator/"
#: A browser asks for the icon by itself; it must not use up a fault.
_OUTSIDE = ("/", "/_emulator", "/favicon.ico")

Handler = Callable[[World, Request], Response]


class ControlError(Exception):
    """A control call that does not fit; the text says how."""


def is_control(path: str) -> bool:
    """Whether *path* belongs to the emulator and not to a provider."""
    return path in _OUTSIDE or path.startswith(PREFIX)


def answer(world: World, request: Request) -> Response:
    """The emulator's own answer. Every mistake of the caller is a 400 with a sentence."""
    methods = _ROUTES.get(request.path)
    if methods is None:
        found = find_static(request.path) if request.method == "GET" else None
        return found or make_json({"error": f"No such control path: {request.path}"}, 404)
    handler = methods.get(request.method)
    if handler is None:
        allowed = ", ".join(methods)
        text = f"{request.path} takes {allowed}."
        return make_json({"error": text}, 405, allow=allowed)
    try:
        return handler(world, request)
    except (ControlError, ValueError) as error:
        return make_json({"error": str(error)}, 400)
    except LookupError as error:
        return make_json({"error": str(error.args[0])}, 404)


def _show_inbox(world: World, request: Request) -> Response:
    recipient = read_recipient(request.query.get("recipient", ""))
    with world.lock:
        messages = world.messages()
        return make_page(request, messages, recipient, world.clock.advanced_seconds)


def _show_messages(world: World, request: Request) -> Response:
    recipient = request.query.get("recipient") or None
    with world.lock:
        return make_json([message.as_dict() for message in world.messages(recipient)])


def _clear_messages(world: World, request: Request) -> Response:
    world.clear_messages()
    return _back_to_page(request) or make_json({})


def _show_calls(world: World, request: Request) -> Response:
    return make_json(world.calls(request.query.get("path")))


def _show_clock(world: World, _request: Request) -> Response:
    with world.lock:
        return make_json(
            {
                "now": make_timestamp(world.clock.now()),
                "advanced_seconds": world.clock.advanced_seconds,
            }
        )


def _advance_clock(world: World, request: Request) -> Response:
    body = _read_object(request)
    _check_names(body, required=("advance_seconds",))
    seconds = body["advance_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ControlError("advance_seconds must be a number.")
    world.advance_clock(seconds)
    return _back_to_page(request) or _show_clock(world, request)


def _show_faults(world: World, _request: Request) -> Response:
    with world.lock:
        return make_json([fault.as_dict() for fault in world.faults.all()])


def _add_fault(world: World, request: Request) -> Response:
    body = _read_object(request)
    name, path, times = body.pop("name", None), body.pop("path", ""), body.pop("times", 1)
    if not isinstance(name, str):
        raise ControlError("A fault needs a name.")
    world.add_fault(name, path, times, **body)  # type: ignore[arg-type] # make_fault says so
    return _show_faults(world, request)


def _clear_faults(world: World, _request: Request) -> Response:
    with world.lock:
        world.faults.clear()
    return make_json([])


def _show_switches(world: World, _request: Request) -> Response:
    with world.lock:
        return make_json(world.switches.as_dict())


def _set_switches(world: World, request: Request) -> Response:
    body = _read_object(request)
    with world.lock:
        world.switches.set(**body)
    return _show_switches(world, request)


def _deliver(world: World, request: Request) -> Response:
    body = _read_object(request)
    _check_names(body, required=("recipient", "status"))
    recipient, status = body["recipient"], body["status"]
    if not isinstance(recipient, str) or not isinstance(status, str) or not status:
        raise ControlError("recipient and status must be texts.")
    return make_json(world.deliver(recipient, status).as_dict())


def _reset(world: World, request: Request) -> Response:
    world.reset()
    return _back_to_page(request) or make_json({})


_ROUTES: dict[str, dict[str, Handler]] = {
    "/": {"GET": _show_inbox},
    f"{PREFIX}messages": {"GET": _show_messages, "DELETE": _clear_messages},
    # For the button of a page without script, whose forms cannot say DELETE.
    f"{PREFIX}clear": {"POST": _clear_messages},
    f"{PREFIX}calls": {"GET": _show_calls},
    f"{PREFIX}clock": {"GET": _show_clock, "POST": _advance_clock},
    f"{PREFIX}faults": {"GET": _show_faults, "POST": _add_fault, "DELETE": _clear_faults},
    f"{PREFIX}switches": {"GET": _show_switches, "POST": _set_switches},
    f"{PREFIX}delivery": {"POST": _deliver},
    f"{PREFIX}reset": {"POST": _reset},
}


def _read_object(request: Request) -> dict[str, object]:
    """The JSON object of a control call, or the numbers of a form of the page."""
    if request.form:
        return {name: _read_number(text) for name, text in request.form.items()}
    try:
        body = request.read_json()
    except UnreadableError as error:
        raise ControlError(str(error)) from error
    if not isinstance(body, dict):
        raise ControlError("The body must be a JSON object.")
    return body


def _read_number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _check_names(body: Mapping[str, object], required: tuple[str, ...]) -> None:
    if set(body) != set(required):
        raise ControlError(f"The body must have {' and '.join(required)}, and nothing else.")


def _back_to_page(request: Request) -> Response | None:
    """After a form of the page: back to it."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    return Response(303, headers=(("Location", "/"),))
