"""D7's account: who calls, and what is left to spend (gateway-apis A.1 to A.3, A.6)."""

from __future__ import annotations

import secrets

from .d7_answers import (
    make_field_error,
    make_field_errors,
    no_credit,
    unauthorized,
)
from .tokens import is_poor, is_refused
from .wire import RefusalError, Request, Response, make_json
from .world import FULL_BALANCE, World

#: The sample of gateway-apis A.6, and a few more.
PRICES = {"AE": 0.035, "AL": 0.066, "AT": 0.06, "EE": 0.05, "FI": 0.065, "GB": 0.04, "IN": 0.007}


def check_token(request: Request) -> None:
    """Raise ``RefusalError`` 401 unless the token is one that the emulator takes."""
    if is_refused(request.bearer):
        raise RefusalError(unauthorized())


def check_credit(request: Request) -> None:
    """Raise ``RefusalError`` 402 for the account without credit."""
    if is_poor(request.bearer):
        raise RefusalError(no_credit())


def show_balance(world: World, request: Request) -> Response:
    """``GET /messages/v1/balance`` (A.3)."""
    check_token(request)
    if is_poor(request.bearer):
        return make_json({"balance": 0.0})
    return make_json({"balance": float(FULL_BALANCE - world.spent)})


def show_prices(_world: World, request: Request) -> Response:
    """``GET /messages/v1/sms/pricing`` (A.6); the answer for one country is inferred."""
    check_token(request)
    country = request.query.get("country_iso")
    if country is None:
        return make_json(PRICES)
    found = {name: price for name, price in PRICES.items() if name == country.upper()}
    return make_json(found)


def make_token(_world: World, request: Request) -> Response:
    """``POST /auth/v1/login/application``, form data (A.2); the answer is inferred."""
    missing = [name for name in ("client_id", "client_secret") if not request.form.get(name)]
    if missing:
        errors = [
            make_field_error(("body", name), "field required", "value_error.missing")
            for name in missing
        ]
        return make_field_errors(errors)
    if is_refused(request.form["client_secret"]):
        return unauthorized()
    return make_json({"access_token": secrets.token_urlsafe(32), "token_type": "bearer"})
