"""The site's accounts with its providers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from django_d7verify.conf import conf
from django_d7verify.exceptions import ConfigurationError, GatewayError
from django_d7verify.gateways import get_gateway

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What one provider said of the account."""

    alias: str
    #: In the account's currency; None where its provider does not tell, or gave no answer.
    amount: Decimal | None = None
    #: The ``code`` of the error in place of an answer; "" where there was one.
    error: str = ""


def get_balances() -> dict[str, Decimal | None]:
    """
    What is left on the account of each gateway, by alias; None where its provider does not tell.

    A call to each provider. Raises ``GatewayError`` and ``ConfigurationError``.
    """
    return {alias: get_gateway(alias).get_balance() for alias in conf.GATEWAYS}


def ask_balances() -> list[Balance]:
    """
    As ``get_balances``, and an error of one provider hides no other's answer.

    A call to each provider, of up to 10 s; raises nothing that a provider or a setting can cause.
    """
    return [_ask(alias) for alias in conf.GATEWAYS]


def _ask(alias: str) -> Balance:
    try:
        return Balance(alias=alias, amount=get_gateway(alias).get_balance())
    except (GatewayError, ConfigurationError) as error:
        extra = {"event": "balance_unknown", "gateway": alias, "reason": error.code}
        logger.warning("No balance from %s: %s", alias, error, extra=extra)
        return Balance(alias=alias, error=error.code)
