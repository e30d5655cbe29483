"""Direct Messenger 2FA: the provider makes a pin and compares it (gateway-apis B.4, B.5)."""

from __future__ import annotations

from datetime import timedelta

from .messenger_answers import make_validation_error
from .messenger_fields import Parameters, check_credit, check_token
from .phones import find_number
from .records import Pin
from .text_parts import GSM
from .tokens import is_same, make_code
from .wire import RefusalError, Request, Response, make_json
from .world import MESSENGER, World

LEAST_PIN_LENGTH, MOST_PIN_LENGTH, DEFAULT_PIN_LENGTH = 4, 20, 6
PIN_ID_LENGTH = 20
PIN_LIFE = timedelta(minutes=5)

#: The account's own; no parameter changes them, and no document shows them.
ORIGINATOR = "2FA"
TEXT = "Your code is {}"


def send_pin(world: World, request: Request) -> Response:
    """``POST /messenger/2fa/send`` (B.4). The pin is in the answer: theirs, not our choice."""
    check_token(request)
    parameters = Parameters(request)
    receiver = parameters.required("receiver")
    number = find_number(receiver)
    if receiver and number is None:
        parameters.refuse("receiver", "Invalid number")
    length = parameters.integer("pin_length", DEFAULT_PIN_LENGTH)
    if not LEAST_PIN_LENGTH <= length <= MOST_PIN_LENGTH:
        sentence = f"The pin length must be between {LEAST_PIN_LENGTH} and {MOST_PIN_LENGTH}."
        parameters.refuse("pin_length", sentence)
    parameters.check()
    check_credit(world, request)
    pin = _put_pin(world, number or "", length)
    world.put_message(
        provider=MESSENGER,
        path=request.path,
        recipient=pin.recipient,
        originator=ORIGINATOR,
        text=TEXT.format(pin.pin),
        encoding=GSM,
        parts=1,
        reference=pin.pin_id,
        code=pin.pin,
        status="queued",
    )
    answer = {"pin": pin.pin, "pin_id": pin.pin_id, "sms": "sent"}
    return make_json({"message": "Success", "response": answer})


def authenticate(world: World, request: Request) -> Response:
    """``POST /messenger/2fa/authenticate`` (B.5). Wrong pins are not limited."""
    check_token(request)
    parameters = Parameters(request)
    pin, pin_id = parameters.required("pin"), parameters.required("pin_id")
    if pin and not LEAST_PIN_LENGTH <= len(pin) <= MOST_PIN_LENGTH:
        sentence = f"The pin must be between {LEAST_PIN_LENGTH} and {MOST_PIN_LENGTH} characters."
        parameters.refuse("pin", sentence)
    if pin_id and len(pin_id) != PIN_ID_LENGTH:
        parameters.refuse("pin_id", f"The pin id must be {PIN_ID_LENGTH} characters.")
    parameters.check()
    found = _get_pin(world, pin, pin_id)
    _check_open(world, found)
    found.authenticated = True
    answer = {
        "auth_status": "User has been authenticated",
        "pin": found.pin,
        "pin_id": found.pin_id,
    }
    return make_json({"message": "Success", "response": answer})


def _put_pin(world: World, recipient: str, length: int) -> Pin:
    """A new pin; those sent before stay valid until their own time (INF: G22)."""
    letters = "numeric" if world.switches.messenger_numeric_pins else "alphanumeric"
    pin = Pin(
        pin=make_code(letters, length),
        pin_id=make_code("alphanumeric", PIN_ID_LENGTH),
        recipient=recipient,
        expires_at=world.clock.now() + PIN_LIFE,
    )
    world.pins.put(pin.pin_id, pin)
    return pin


def _get_pin(world: World, pin: str, pin_id: str) -> Pin:
    """
    The pin of that id. Raises ``RefusalError`` 422.

    As the errors read, the pin is looked for among all of the account first (B.5), so a
    wrong pin that is another's live one does not match rather than not exist.
    """
    found = world.pins.find(pin_id)
    if found is not None and is_same(pin, found.pin):
        return found
    # All are compared, so that the time taken does not tell which.
    if True in [is_same(pin, other.pin) for other in world.pins.all()]:
        errors = {"pin_id": ["PIN and PIN ID not matching"]}
    else:
        errors = {"pin": ["PIN not found"]}
    raise RefusalError(make_validation_error(errors))


def _check_open(world: World, pin: Pin) -> None:
    if pin.authenticated:
        errors = {"auth_status": ["The PIN has already been authenticated"]}
        raise RefusalError(make_validation_error(errors))
    if world.clock.now() >= pin.expires_at:
        errors = {"expire_time": ["The PIN given has expired"]}
        raise RefusalError(make_validation_error(errors))
