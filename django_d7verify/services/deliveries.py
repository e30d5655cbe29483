"""What the network says of messages: reported by the provider, or asked for."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from django_d7verify import signals
from django_d7verify.conf import conf
from django_d7verify.exceptions import ConfigurationError, GatewayError
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import DeliveryReport
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.transactions import run_durably
from django_d7verify.words import DELIVERY_AFTER, Delivery, EventKind, PinStatus

from .states import describe, make_otp

logger = logging.getLogger("django_d7verify")

#: A message that no word came of for so long is no longer asked about.
_POLL_WITHIN = timedelta(days=2)


def find_report_method(alias: str) -> str | None:
    """How the provider of the gateway *alias* calls with reports; None where there are none."""
    try:
        return get_gateway(alias).report_method
    except ConfigurationError:
        return None


def record_report(alias: str, fields: Mapping[str, str], *, now: datetime | None = None) -> bool:
    """Take *fields*, which come from anywhere, as ``record_delivery``; False for no report."""
    report = get_gateway(alias).parse_report(fields)
    return report is not None and record_delivery(alias, report, now=now)


def record_delivery(alias: str, report: DeliveryReport, *, now: datetime | None = None) -> bool:
    """
    Take the gateway *alias*'s word on one message; whether it changed anything.

    Only forward: a repeated, late, unknown or backward report changes nothing, and neither does
    one on a message that this gateway did not send, or not to that recipient. It never approves
    or reopens a session. Sends ``otp_delivery_reported``.
    """
    pins = Pin.objects.filter(gateway=alias, reference=report.reference)
    if report.recipient:
        pins = pins.filter(session__recipient__number=report.recipient)
    pin = pins.select_related("session").first()
    return pin is not None and _record(pin, report, now or timezone.now())


def _record(pin: Pin, report: DeliveryReport, now: datetime) -> bool:
    before = DELIVERY_AFTER.get(report.delivery)
    if before is None:
        logger.warning(
            "%s reports %r, a word without a meaning here.",
            pin.gateway,
            report.word,
            extra={"event": "delivery_word_unknown", "gateway": pin.gateway},
        )
        return False
    if not run_durably(_mark_delivery, pin, report, before, now):
        return False
    pin.delivery = report.delivery
    otp = make_otp(pin.session, now=now, wait_seconds=0, pins=[pin])
    extra = describe(
        "otp_delivery_reported", otp, gateway=pin.gateway, delivery=str(report.delivery)
    )
    logger.info("%s: %s.", otp.masked_recipient, report.delivery, extra=extra)
    signals.otp_delivery_reported.send_robust(
        sender=OTPSession, otp=otp, gateway=pin.gateway, report=report
    )
    return True


def _mark_delivery(pin: Pin, report: DeliveryReport, before: set[Delivery], now: datetime) -> bool:
    learnt: dict[str, object] = {"delivery_word": report.word, "message_id": report.message_id}
    if report.parts is not None:
        learnt["parts"] = report.parts
    if report.cost is not None:
        learnt["cost"] = report.cost
    if not Pin.objects.mark_delivery(
        pin.pk, before=before, delivery=report.delivery, now=now, **learnt
    ):
        return False
    Event(
        session=pin.session,
        kind=EventKind.DELIVERY,
        at=now,
        generation=pin.generation,
        gateway=pin.gateway,
        reason=report.delivery,
    ).insert()
    return True


def poll_deliveries(*, now: datetime | None = None, limit: int = 500) -> Counter[str]:
    """
    Ask providers about messages of the last two days on which no last word or no cost has come.

    At most *limit* messages, newest first, a call each. Answers counts: "asked", "changed" and
    "failed". What a message cost is stored with its first answer that says so.
    """
    now = now or timezone.now()
    return _poll_all(_find_open_pins(now, limit), now)


def refresh_delivery(otp_id: uuid.UUID | str, *, now: datetime | None = None) -> Counter[str]:
    """
    Ask providers about every message of a session that has a reference, whatever is known of it.

    A call each, of up to 10 s. Answers counts as ``poll_deliveries``; all are 0 where the session
    is unknown, nothing of it left, or its providers cannot be asked.
    """
    pins = Pin.objects.filter(session=otp_id, gateway__in=_find_polling()).exclude(reference="")
    return _poll_all(pins.select_related("session").order_by("-pk"), now or timezone.now())


def _poll_all(pins: Iterable[Pin], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter(asked=0, changed=0, failed=0)
    for pin in pins:
        counts["asked"] += 1
        try:
            counts["changed"] += _poll(pin, now)
        except (GatewayError, ConfigurationError) as error:
            extra = {"event": "poll_failed", "gateway": pin.gateway, "reason": error.code}
            logger.warning("No word from %s: %s", pin.gateway, error, extra=extra)
            counts["failed"] += 1
    return counts


def _find_polling() -> list[str]:
    return [alias for alias in conf.GATEWAYS if get_gateway(alias).polls]


def _find_open_pins(now: datetime, limit: int) -> list[Pin]:
    pins = Pin.objects.filter(
        gateway__in=_find_polling(),
        status=PinStatus.SENT,
        # Sent within seconds of it; the index is there for statistics anyway.
        created_at__gt=now - _POLL_WITHIN,
    )
    # Reports bring the last word and never the cost, so that is asked for all the same.
    is_open = Q(delivery__in=[Delivery.UNKNOWN, Delivery.QUEUED, Delivery.SENT])
    pins = pins.filter(is_open | Q(cost=None))
    return list(pins.exclude(reference="").select_related("session").order_by("-pk")[:limit])


def _poll(pin: Pin, now: datetime) -> bool:
    gateway = get_gateway(pin.gateway)
    with gateway.breaker:
        report = gateway.get_delivery(pin.reference, pin.session.recipient_id)
    if report is None:
        return False
    changed = report.delivery != pin.delivery and _record(pin, report, now)
    if not changed and report.cost is not None:
        parts = pin.parts if report.parts is None else report.parts
        Pin.objects.mark_cost(pin.pk, parts=parts, cost=report.cost)
    return changed
