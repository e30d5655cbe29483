"""
Sentences with a number in them.

Whole sentences, and not a duration put into another: its case differs from language to language.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_d7verify.words import Delivery

_MINUTE = 60
_HOUR = 3600


def describe_expiry(seconds: int) -> str:
    """How long a code can still be used; rounded down."""
    minutes = max(1, seconds // _MINUTE)
    text = ngettext(
        "It works for %(count)d more minute.", "It works for %(count)d more minutes.", minutes
    )
    return text % {"count": minutes}


def describe_attempts(count: int) -> str:
    """How often a code may still be tried."""
    return ngettext("%(count)d try left.", "%(count)d tries left.", count) % {"count": count}


def describe_resend(seconds: int) -> str:
    """When another code may be asked for; rounded up."""
    count = _count_unit(seconds)
    if seconds < 2 * _MINUTE:
        text = ngettext(
            "You can ask for another code in %(count)d second.",
            "You can ask for another code in %(count)d seconds.",
            count,
        )
    elif seconds < 2 * _HOUR:
        text = ngettext(
            "You can ask for another code in %(count)d minute.",
            "You can ask for another code in %(count)d minutes.",
            count,
        )
    else:
        text = ngettext(
            "You can ask for another code in %(count)d hour.",
            "You can ask for another code in %(count)d hours.",
            count,
        )
    return text % {"count": count}


def describe_retry(seconds: int) -> str:
    """When what was refused may be tried again; rounded up."""
    count = _count_unit(seconds)
    if seconds < 2 * _MINUTE:
        text = ngettext("Try again in %(count)d second.", "Try again in %(count)d seconds.", count)
    elif seconds < 2 * _HOUR:
        text = ngettext("Try again in %(count)d minute.", "Try again in %(count)d minutes.", count)
    else:
        text = ngettext("Try again in %(count)d hour.", "Try again in %(count)d hours.", count)
    return text % {"count": count}


def describe_delivery(delivery: Delivery, seconds: int | None) -> str:
    """What is known of the message, *seconds* ago; "" where nothing is."""
    if delivery == Delivery.DELIVERED and seconds is not None:
        return _describe_delivered(seconds)
    return {
        Delivery.UNKNOWN: "",
        Delivery.QUEUED: _("The message is on its way."),
        Delivery.SENT: _("The message is with the phone network."),
        Delivery.DELIVERED: _("The message was delivered."),
        Delivery.UNDELIVERED: _("The message could not be delivered."),
    }[delivery]


def _describe_delivered(seconds: int) -> str:
    if seconds < 2 * _MINUTE:
        text = ngettext(
            "Delivered %(count)d second ago.", "Delivered %(count)d seconds ago.", seconds
        )
        return text % {"count": seconds}
    minutes = seconds // _MINUTE
    text = ngettext("Delivered %(count)d minute ago.", "Delivered %(count)d minutes ago.", minutes)
    return text % {"count": minutes}


def _count_unit(seconds: int) -> int:
    if seconds < 2 * _MINUTE:
        return seconds
    unit = _MINUTE if seconds < 2 * _HOUR else _HOUR
    return -(-seconds // unit)
