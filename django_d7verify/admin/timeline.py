"""What happened in a session, in order and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_d7verify.models import Event, OTPSession
from django_d7verify.words import Delivery, EventKind, GatewayReason, SessionStatus, Verdict

from .lists import DELIVERY_TONES
from .times import say_duration

_TONES = {
    EventKind.SENT: "good",
    EventKind.APPROVED: "good",
    EventKind.NOT_SENT: "bad",
    EventKind.LOCKED: "bad",
    EventKind.SEND_UNCERTAIN: "warn",
    EventKind.ANSWER_LOST: "warn",
    EventKind.NOT_COMPARED: "warn",
    EventKind.WRONG_CODE: "warn",
    EventKind.STOPPED: "bad",
    EventKind.LOGGED_IN: "good",
    EventKind.BOUND: "good",
}
#: Events that tell of one of the codes.
_OF_A_CODE = {
    EventKind.SENT,
    EventKind.SEND_UNCERTAIN,
    EventKind.NOT_SENT,
    EventKind.DELIVERY,
}
_REASONS: dict[str, Any] = {
    GatewayReason.TOO_FREQUENT: gettext_lazy("the provider says: too soon after the last one"),
    GatewayReason.EXPIRED: gettext_lazy("the provider says: expired"),
    GatewayReason.UNKNOWN_REFERENCE: gettext_lazy("the provider does not know it"),
    GatewayReason.INVALID_RECIPIENT: gettext_lazy("the provider takes no such number"),
    GatewayReason.NO_CREDIT: gettext_lazy("no credit with the provider"),
    GatewayReason.RATE_LIMITED: gettext_lazy("the provider takes no more for now"),
    GatewayReason.BREAKER_OPEN: gettext_lazy("the provider failed before and is left alone"),
    GatewayReason.EDGE_DOWN: gettext_lazy("the cache that guards it is down"),
    GatewayReason.QUEUE_DOWN: gettext_lazy("no queue took it"),
    GatewayReason.OVERTAKEN: gettext_lazy("a newer code came first"),
    Verdict.ALREADY_APPROVED: gettext_lazy("the provider says: used already"),
    "configuration_error": gettext_lazy("settings are wrong, or the credentials are refused"),
    "gateway_refused": gettext_lazy("the provider said no"),
    "gateway_unreachable": gettext_lazy("no connection to the provider"),
    "gateway_uncertain": gettext_lazy("no whole answer from the provider"),
    **{word: word.label for word in Delivery if word},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of a timeline."""

    at: datetime
    #: "+12 s", from the start of the session; "" for the start itself.
    after: str = ""
    title: str
    #: As of ``lists.make_badge``.
    tone: str = "quiet"
    details: list[str] = field(default_factory=list)
    #: The provider's words, scrubbed when they were kept.
    answer: str = ""
    #: The staff who did it; None where nobody of them did.
    by: Any = None


def make_timeline(session: OTPSession, events: Iterable[Event], *, now: datetime) -> list[Moment]:
    """*events* of *session*, in order, between how it began and how it ran out."""
    moments = [_make_start(session), *(_make_moment(session, event) for event in events)]
    if session.status_at(now) == SessionStatus.EXPIRED:
        moments.append(
            Moment(
                at=session.expires_at,
                after=_say_after(session, session.expires_at),
                title=_("Expired"),
                details=[_("no right code came in time")],
            )
        )
    return sorted(moments, key=lambda moment: moment.at)


def make_number_timeline(events: Iterable[Event]) -> list[Moment]:
    """What staff did to a number, as it comes."""
    return [
        Moment(
            at=event.at,
            title=str(EventKind(event.kind).label),
            tone=_TONES.get(EventKind(event.kind), "quiet"),
            by=event.by,
        )
        for event in events
    ]


def say_reason(reason: str) -> str:
    """One of the words for why something was not done, in words for people."""
    return str(_REASONS.get(reason, reason))


def _make_start(session: OTPSession) -> Moment:
    details = [_("purpose: %s") % session.purpose]
    if session.address:
        details.append(_("from %s") % session.address)
    if session.owned:
        details.append(_("by the number's known user"))
    return Moment(at=session.created_at, title=_("Code asked for"), tone="busy", details=details)


def _make_moment(session: OTPSession, event: Event) -> Moment:
    kind = EventKind(event.kind)
    details = []
    if kind in _OF_A_CODE and event.generation:
        details.append(_("code no. %d") % event.generation)
    if kind in _OF_A_CODE and event.gateway:
        details.append(_("through %s") % event.gateway)
    if event.reason:
        details.append(say_reason(event.reason))
    if event.address:
        details.append(_("from %s") % event.address)
    title, tone = str(kind.label), _TONES.get(kind, "quiet")
    if kind == EventKind.DELIVERY:
        tone = DELIVERY_TONES.get(event.reason, "quiet")
    return Moment(
        at=event.at,
        after=_say_after(session, event.at),
        title=title,
        tone=tone,
        details=details,
        answer=event.answer,
        by=event.by,
    )


def _say_after(session: OTPSession, at: datetime) -> str:
    return "+" + say_duration(max(0, int((at - session.created_at).total_seconds())))
