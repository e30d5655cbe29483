"""A provider's list of numbers beside our stop list; theirs does not block by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from django_d7verify.exceptions import ConfigurationError, InvalidRecipient
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import Gateway
from django_d7verify.models import Recipient
from django_d7verify.phones import mask_phone

from .recipients import stop_recipient

logger = logging.getLogger("django_d7verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistComparison:
    """Our stop list beside a provider's: numbers, E.164 with the plus, in order."""

    both: list[str] = field(repr=False)
    only_ours: list[str] = field(repr=False)
    only_theirs: list[str] = field(repr=False)


def compare_blacklist(alias: str) -> BlacklistComparison:
    """
    Hold our stop list against the provider's of the gateway *alias*; changes neither.

    Raises ``GatewayError``, and ``ConfigurationError`` for a gateway that keeps no list.
    """
    theirs = set(_get_listing_gateway(alias).get_blacklist())
    stopped = Recipient.objects.filter(stopped_at__isnull=False)
    ours = set(stopped.values_list("number", flat=True))
    return BlacklistComparison(
        both=sorted(ours & theirs),
        only_ours=sorted(ours - theirs),
        only_theirs=sorted(theirs - ours),
    )


def push_blacklist(alias: str) -> int:
    """Put what only we have on the provider's list; answers how many. Raises ``GatewayError``."""
    gateway = _get_listing_gateway(alias)
    numbers = compare_blacklist(alias).only_ours
    for number in numbers:
        gateway.add_to_blacklist(number)
    return len(numbers)


def pull_blacklist(alias: str) -> int:
    """
    Put what only the provider has on our stop list; answers how many.

    What is no valid number stays where it is: it could not be sent to anyway.
    """
    pulled = 0
    for number in compare_blacklist(alias).only_theirs:
        try:
            pulled += stop_recipient(number, reason=f"blacklist of {alias}")
        except InvalidRecipient:
            masked = mask_phone(number)
            extra = {"event": "number_not_pulled", "recipient": masked, "gateway": alias}
            logger.warning("%s is no valid number; not pulled.", masked, extra=extra)
    return pulled


def _get_listing_gateway(alias: str) -> Gateway:
    gateway = get_gateway(alias)
    if not gateway.keeps_blacklist:
        raise ConfigurationError(f"The provider of the gateway {alias!r} keeps no blacklist.")
    return gateway
