"""The site's accounts with its providers."""

from __future__ import annotations

from decimal import Decimal

from django_d7verify.conf import conf
from django_d7verify.gateways import get_gateway


def get_balances() -> dict[str, Decimal | None]:
    """
    What is left on the account of each gateway, by alias; None where its provider does not tell.

    A call to each provider. Raises ``GatewayError`` and ``ConfigurationError``.
    """
    return {alias: get_gateway(alias).get_balance() for alias in conf.GATEWAYS}
