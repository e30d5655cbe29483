"""Texts to people that are no codes."""

from __future__ import annotations

import logging
from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from django_d7verify.conf import conf
from django_d7verify.exceptions import ConfigurationError, GatewayError
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import Gateway
from django_d7verify.models import Event, Recipient
from django_d7verify.phones import mask_phone
from django_d7verify.texts import render_notice
from django_d7verify.transactions import run_durably
from django_d7verify.words import EventKind

logger = logging.getLogger("django_d7verify")


@sensitive_variables()
def tell_number(number: str, language: str, *, now: datetime) -> None:
    """
    Tell *number* that another took its place, by the first gateway that carries texts.

    Costs a message, takes up to 10 s and raises nothing: the change has happened. A number on the
    stop list is not told. What came of it is an event of the number.
    """
    gateway = _find_gateway()
    if not conf.TELL_OLD_NUMBER or gateway is None:
        return
    if Recipient.objects.filter(number=number, stopped_at__isnull=False).exists():
        return
    event = Event(recipient_id=number, kind=EventKind.NOTIFIED, at=now, gateway=gateway.alias)
    try:
        with gateway.breaker:
            receipt = gateway.send_text(number, render_notice("number_replaced", language=language))
    except (GatewayError, ConfigurationError) as error:
        masked, reason = mask_phone(number), getattr(error, "reason", error.code)
        extra = {
            "event": "number_not_told",
            "recipient": masked,
            "gateway": gateway.alias,
            "reason": reason,
        }
        logger.error("%s was not told of its change: %s", masked, error, extra=extra)
        event.kind = EventKind.NOT_SENT
        event.reason, event.answer = getattr(error, "reason", ""), getattr(error, "answer", "")
    else:
        event.answer = receipt.answer
    run_durably(event.insert)


def _find_gateway() -> Gateway | None:
    gateways = map(get_gateway, conf.GATEWAYS)
    return next((gateway for gateway in gateways if gateway.sends_texts), None)
