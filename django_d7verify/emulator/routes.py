"""Which path is answered by what."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from . import (
    d7_account,
    d7_answers,
    d7_channels,
    d7_lookup,
    d7_messages,
    d7_verify,
    messenger_2fa,
    messenger_answers,
    messenger_blacklist,
    messenger_sms,
)
from .wire import RefusalError, Request, Response
from .world import World

Handler = Callable[[World, Request], Response]
Methods = dict[str, Handler]

#: Exact paths. None of D7's has a trailing slash (gateway-apis A.1).
D7_PATHS: dict[str, Methods] = {
    "/auth/v1/login/application": {"POST": d7_account.make_token},
    "/messages/v1/balance": {"GET": d7_account.show_balance},
    "/messages/v1/sms/pricing": {"GET": d7_account.show_prices},
    "/messages/v1/send": {"POST": d7_messages.send_messages},
    "/verify/v1/otp/send-otp": {"POST": d7_verify.send_otp},
    "/verify/v1/otp/resend-otp": {"POST": d7_verify.resend_otp},
    "/verify/v1/otp/verify-otp": {"POST": d7_verify.verify_otp},
    "/verify/v2/otp/send-otp": {"POST": d7_verify.send_otp},
    "/verify/v2/otp/resend-otp": {"POST": d7_verify.resend_otp},
    "/verify/v2/otp/verify-otp": {"POST": d7_verify.verify_otp},
    "/hlr/v1/lookup": {"POST": d7_lookup.look_up},
    "/viber/v1/send": {"POST": d7_channels.send_viber},
    "/whatsapp/v2/send": {"POST": d7_channels.send_whatsapp},
}
#: Headings of two pages print these; all samples have the ones above (C4).
SHORT_PATHS: dict[str, Methods] = {
    "/verify/v1/resend-otp": {"POST": d7_verify.resend_otp},
    "/verify/v1/verify-otp": {"POST": d7_verify.verify_otp},
}
#: Paths that end in an id.
D7_PARENTS: dict[str, Methods] = {
    "/report/v1/message-log": {"GET": d7_messages.show_log},
    "/report/v1/viber-log": {"GET": d7_messages.show_log},
    "/verify/v1/report": {"GET": d7_verify.show_otp},
    "/verify/v2/report": {"GET": d7_verify.show_otp},
    # C21: documents differ in the method here, and in the version below.
    "/hlr/v1/report": {"GET": d7_lookup.show_lookup, "POST": d7_lookup.show_lookup},
    "/whatsapp/v1/report": {"GET": d7_messages.show_log},
    "/whatsapp/v2/report": {"GET": d7_messages.show_log},
    "/whatsapp/v2/read-receipt": {"POST": d7_channels.read_receipt},
    "/whatsapp/v2/download": {"GET": d7_channels.download_media},
}
MESSENGER_PATHS: dict[str, Methods] = {
    "/sms": {"POST": messenger_sms.send_sms},
    "/personal": {"POST": messenger_sms.format_personal},
    "/2fa/send": {"POST": messenger_2fa.send_pin},
    "/2fa/authenticate": {"POST": messenger_2fa.authenticate},
    "/api/blacklist": {"GET": messenger_blacklist.show_blacklist},
    "/api/blacklist/create": {"POST": messenger_blacklist.add_to_blacklist},
}
_DELETE_ENTRY = re.compile(r"/api/blacklist/delete/[0-9]+")

#: Only an SMS has these.
_SMS_FIELDS = frozenset({"sender", "conversion", "deliverytime", "dlruri", "dlrid"})
_PIN_FIELDS = frozenset({"pin", "pin_id"})


def answer(world: World, request: Request) -> Response:
    """The provider's answer. Runs under the world's lock."""
    if messenger_answers.is_messenger(request.path):
        return _answer_as_messenger(world, request)
    methods = _find_d7(world, request.path)
    if methods is None:
        return d7_answers.not_found()
    handler = methods.get(request.method)
    if handler is None:
        return d7_answers.wrong_method(", ".join(methods))
    return _call(handler, world, request)


def _answer_as_messenger(world: World, request: Request) -> Response:
    methods = _find_messenger(world, request)
    if methods is None:
        response = messenger_answers.not_found()
    elif request.method not in methods:
        response = messenger_answers.wrong_method(request.method, ", ".join(methods))
    else:
        response = _call(methods[request.method], world, request)
    if response.status >= HTTPStatus.BAD_REQUEST and world.switches.messenger_redirects:
        return messenger_answers.make_redirect(request, response)
    return response


def _call(handler: Handler, world: World, request: Request) -> Response:
    try:
        return handler(world, request)
    except RefusalError as refusal:
        return refusal.response


def _find_d7(world: World, path: str) -> Methods | None:
    if path in D7_PATHS:
        return D7_PATHS[path]
    if world.switches.short_verify_paths and path in SHORT_PATHS:
        return SHORT_PATHS[path]
    parent, _, reference = path.rpartition("/")
    return D7_PARENTS.get(parent) if reference else None


def _find_messenger(world: World, request: Request) -> Methods | None:
    path = request.path.removeprefix(messenger_answers.ROOT)
    # The SMS address is once printed as API_URL/api (gateway-apis B.1).
    if path in ("", "/", "/api"):
        methods: Methods | None = {"POST": _choose(request)}
    elif _DELETE_ENTRY.fullmatch(path):
        methods = {"POST": messenger_blacklist.remove_from_blacklist}
    else:
        methods = MESSENGER_PATHS.get(path)
    is_sms = methods is not None and methods.get("POST") is messenger_sms.send_sms
    if is_sms and world.switches.accept_get_sms:
        return {"POST": messenger_sms.send_sms, "GET": messenger_sms.send_sms}
    return methods


def _choose(request: Request) -> Handler:
    """
    One address for all: the parameters say which call it is (gateway-apis B.5).

    A text with nothing but a receiver could be an SMS without sender or a Personal text:
    it is answered as an SMS, so that the missing sender is seen.
    """
    names = set(request.parameters) - {"api_token"}
    if names & _PIN_FIELDS:
        return messenger_2fa.authenticate
    if "smstext" not in names:
        return messenger_sms.send_sms if names & _SMS_FIELDS else messenger_2fa.send_pin
    if names & _SMS_FIELDS or names == {"smstext", "receiver"}:
        return messenger_sms.send_sms
    return messenger_sms.format_personal
