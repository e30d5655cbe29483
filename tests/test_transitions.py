"""
Every conditional UPDATE by itself: what it changes, and each clause of its WHERE.

For each clause there is a case in which that clause alone refuses, so that a WHERE that has lost
it lets the case through. At the end they are taken away one by one, to see that a case fails.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, models, transaction

from django_d7verify.arrivals import Limit
from django_d7verify.models import Budget, OTPSession, Pin, Recipient
from django_d7verify.words import Delivery, PinStatus, SessionStatus

from . import mutations

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=300)
INSTANT = timedelta(microseconds=1)
NUMBER, OTHER_NUMBER = "+971501234567", "+971507654321"

#: Microseconds. Each limit has another tolerance, so no column passes for another.
T = 1_800_000_000_000_000
SECOND = 1_000_000
GAP = Limit("next_send", 1, 60)
SENDS_HOUR, SENDS_DAY = Limit("sends_hour", 5, 3600), Limit("sends_day", 20, 86400)
FAILURES_HOUR, FAILURES_DAY = Limit("failures_hour", 10, 3600), Limit("failures_day", 30, 86400)
BUDGET_HOUR, BUDGET_DAY = Limit("hour", 50, 3600), Limit("day", 200, 86400)


def full(limit: Limit) -> int:
    """The latest arrival time at which *limit* still has one left."""
    return T + limit.tolerance


def taken(limit: Limit) -> int:
    """What one call makes of ``full``."""
    return full(limit) + limit.interval


@dataclass
class Change:
    """One call of one method, on a row that it is just about good for."""

    #: Columns of the row.
    row: dict[str, Any]
    #: Keywords of the call. A callable is given the row.
    call: dict[str, Any]
    #: Columns that it changes, and to what.
    changes: dict[str, Any]
    #: By clause, as ``mutations.find_clauses`` writes it: columns or keywords that it refuses.
    refusals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: Columns or keywords that must not matter.
    accepts: list[dict[str, Any]] = field(default_factory=list)


def with_pk(row: models.Model) -> Any:
    return row.pk


def closed() -> list[dict[str, Any]]:
    return [{"status": status} for status in SessionStatus.values if status != SessionStatus.OPEN]


UNKNOWN_SESSION = [{"otp_id": uuid.uuid4()}]
OPEN_AT: dict[str, list[dict[str, Any]]] = {
    "open_at: status=SessionStatus.OPEN": closed(),
    "open_at: expires_at__gt=now": [{"expires_at": NOW}, {"expires_at": NOW - INSTANT}],
    "open_at: attempts__lt=F('max_attempts')": [{"max_attempts": 4}],
}
PIN_CLAIMED: dict[str, list[dict[str, Any]]] = {
    "_mark: session=session": [{"session": uuid.uuid4()}],
    "_mark: generation=generation": [{"generation": 2}, {"generation": 4}],
    "_mark: status=before": [
        {"status": status} for status in PinStatus.values if status != PinStatus.CLAIMED
    ],
}
FAILURE_ROOM: dict[str, list[dict[str, Any]]] = {
    "_where_room: number=number": [{"number": OTHER_NUMBER}],
    "_where_room: **room": [{"failures_hour": full(FAILURES_HOUR) + 1}],
    "_where_room: the first of limits": [{"failures_hour": full(FAILURES_HOUR) + 1}],
    "_where_room: the last of limits": [{"failures_day": full(FAILURES_DAY) + 1}],
    "_where_room: disabled=False": [{"disabled": True, "owned": True}],
}

CHANGES: dict[str, list[Change]] = {
    "OTPSession.claim_resend": [
        Change(
            row={"resend_count": 4, "generation": 3, "attempts": 4},
            call={"otp_id": with_pk, "now": NOW, "generation": 3, "expires_at": LATER},
            changes={"resend_count": 5, "generation": 4, "expires_at": LATER},
            refusals={
                **OPEN_AT,
                "pk=otp_id": UNKNOWN_SESSION,
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "resend_count__lt=F('max_resends')": [{"max_resends": 4}, {"max_resends": 3}],
            },
        )
    ],
    "OTPSession.release_resend": [
        Change(
            row={"resend_count": 5, "generation": 3},
            call={"otp_id": with_pk, "generation": 3, "expires_at": NOW},
            changes={"resend_count": 4, "expires_at": NOW},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "status=SessionStatus.OPEN": closed(),
            },
            accepts=[{"attempts": 5}],
        )
    ],
    "OTPSession.mark_failed": [
        Change(
            row={},
            call={"otp_id": with_pk},
            changes={"status": SessionStatus.FAILED, "salt": ""},
            refusals={"pk=otp_id": UNKNOWN_SESSION, "status=SessionStatus.OPEN": closed()},
        )
    ],
    "OTPSession.mark_cancelled": [
        Change(
            row={"attempts": 5, "unanswered": "a b"},
            call={"otp_id": with_pk, "now": NOW},
            changes={"status": SessionStatus.CANCELLED, "salt": "", "unanswered": ""},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "status=SessionStatus.OPEN": closed(),
                "expires_at__gt=now": [{"expires_at": NOW}],
            },
        )
    ],
    "OTPSession.mark_right": [
        Change(
            row={"attempts": 4, "generation": 3, "unanswered": "a b"},
            call={"otp_id": with_pk, "now": NOW, "generation": 3, "attempts": 4},
            changes={
                "status": SessionStatus.APPROVED,
                "approved_at": NOW,
                "attempts": 5,
                "salt": "",
                "unanswered": "",
            },
            refusals={
                **OPEN_AT,
                "pk=otp_id": UNKNOWN_SESSION,
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "attempts=attempts": [{"attempts": 3}, {"call.attempts": 3}],
            },
        )
    ],
    "OTPSession.mark_wrong": [
        Change(
            row={"attempts": 3, "max_attempts": 5, "generation": 3, "unanswered": "a b"},
            call={
                "otp_id": with_pk,
                "now": NOW,
                "generation": 3,
                "attempts": 3,
                "is_last": False,
            },
            changes={"attempts": 4},
            refusals={
                **OPEN_AT,
                "open_at: attempts__lt=F('max_attempts')": [{"max_attempts": 3}],
                "pk=otp_id": UNKNOWN_SESSION,
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "attempts=attempts": [{"attempts": 2}, {"call.attempts": 2}],
            },
        ),
        Change(
            row={"attempts": 4, "max_attempts": 5, "generation": 3, "unanswered": "a b"},
            call={"otp_id": with_pk, "now": NOW, "generation": 3, "attempts": 4, "is_last": True},
            changes={
                "attempts": 5,
                "status": SessionStatus.LOCKED,
                "salt": "",
                "unanswered": "",
            },
        ),
    ],
    "OTPSession.charge_attempt": [
        Change(
            row={"attempts": 4, "generation": 3, "unanswered": "a"},
            call={
                "otp_id": with_pk,
                "now": NOW,
                "generation": 3,
                "attempts": 4,
                "read": "a",
                "unanswered": "a b",
            },
            changes={"attempts": 5, "unanswered": "a b"},
            refusals={
                **OPEN_AT,
                "pk=otp_id": UNKNOWN_SESSION,
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "attempts=attempts": [{"attempts": 3}, {"call.attempts": 3}],
                "unanswered=read": [{"unanswered": ""}, {"unanswered": "a c"}],
            },
        )
    ],
    "OTPSession.mark_provider_approved": [
        Change(
            row={"attempts": 5, "unanswered": "a b"},
            call={"otp_id": with_pk, "now": NOW},
            changes={
                "status": SessionStatus.APPROVED,
                "approved_at": NOW,
                "salt": "",
                "unanswered": "",
            },
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "status=SessionStatus.OPEN": closed(),
                "expires_at__gt=now": [{"expires_at": NOW}],
                "unanswered=only_unanswered": [{"only_unanswered": "a"}, {"only_unanswered": ""}],
            },
            accepts=[{"only_unanswered": "a b"}, {"generation": 4}],
        )
    ],
    "OTPSession.mark_locked": [
        Change(
            row={"attempts": 5, "max_attempts": 5, "unanswered": "a"},
            call={"otp_id": with_pk, "read": "a"},
            changes={"status": SessionStatus.LOCKED, "salt": "", "unanswered": ""},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "status=SessionStatus.OPEN": closed(),
                "attempts__gte=F('max_attempts')": [{"attempts": 4}],
                "unanswered=read": [{"unanswered": "a b"}, {"unanswered": ""}],
            },
            accepts=[{"expires_at": NOW}],
        )
    ],
    "OTPSession.mark_answered": [
        Change(
            row={"unanswered": "a b"},
            call={"otp_id": with_pk, "read": "a b", "left": "a"},
            changes={"unanswered": "a"},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "unanswered=read": [{"unanswered": "a b c"}, {"unanswered": ""}],
            },
        )
    ],
    "OTPSession.release_attempt": [
        Change(
            row={"attempts": 1},
            call={"otp_id": with_pk},
            changes={"attempts": 0},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "status=SessionStatus.OPEN": closed(),
                "attempts__gt=0": [{"attempts": 0}],
            },
            accepts=[{"expires_at": NOW}],
        )
    ],
    "OTPSession.claim_proof": [
        Change(
            row={
                "status": SessionStatus.APPROVED,
                "approved_at": NOW - timedelta(seconds=300) + INSTANT,
            },
            call={
                "otp_id": with_pk,
                "purpose": "verify",
                "now": NOW,
                "max_age": timedelta(seconds=300),
            },
            changes={"consumed_at": NOW},
            refusals={
                "pk=otp_id": UNKNOWN_SESSION,
                "purpose=purpose": [{"purpose": "login"}, {"call.purpose": "login"}],
                "status=SessionStatus.APPROVED": [
                    {"status": status}
                    for status in SessionStatus.values
                    if status != SessionStatus.APPROVED
                ],
                "approved_at__gt=now - max_age": [
                    {"approved_at": NOW - timedelta(seconds=300)},
                    {"approved_at": None},
                ],
                "consumed_at=None": [{"consumed_at": NOW - INSTANT}],
            },
        ),
        Change(
            row={"status": SessionStatus.APPROVED, "approved_at": NOW},
            call={
                "otp_id": with_pk,
                "purpose": "verify",
                "now": NOW,
                "max_age": timedelta(seconds=300),
                "language": "et",
            },
            changes={"consumed_at": NOW, "language": "et"},
        ),
    ],
    "Pin.mark_sent": [
        Change(
            row={"generation": 3},
            call={"session": lambda pin: pin.session_id, "generation": 3, "now": NOW, "parts": 2},
            changes={"status": PinStatus.SENT, "sent_at": NOW, "parts": 2},
            refusals=PIN_CLAIMED,
        )
    ],
    "Pin.mark_uncertain": [
        Change(
            row={"generation": 3},
            call={"session": lambda pin: pin.session_id, "generation": 3},
            changes={"status": PinStatus.UNCERTAIN},
            refusals=PIN_CLAIMED,
        )
    ],
    "Pin.mark_not_sent": [
        Change(
            row={"generation": 3, "status": before},
            call={"session": lambda pin: pin.session_id, "generation": 3, "before": before},
            changes={"status": PinStatus.NOT_SENT},
            refusals={
                **PIN_CLAIMED,
                "_mark: status=before": [
                    {"status": status} for status in PinStatus.values if status != before
                ],
            },
        )
        for before in [PinStatus.QUEUED, PinStatus.CLAIMED]
    ],
    "Pin.claim_queued": [
        Change(
            row={"generation": 3, "status": PinStatus.QUEUED},
            call={
                "session": lambda pin: pin.session_id,
                "generation": 3,
                "digest": "d" * 64,
            },
            changes={"status": PinStatus.CLAIMED, "digest": "d" * 64},
            refusals={
                "session=session": [{"session": uuid.uuid4()}],
                "generation=generation": [{"generation": 2}, {"generation": 4}],
                "status=PinStatus.QUEUED": [
                    {"status": status} for status in PinStatus.values if status != PinStatus.QUEUED
                ],
            },
        )
    ],
    "Pin.mark_rerouted": [
        Change(
            row={"generation": 3},
            call={
                "session": lambda pin: pin.session_id,
                "generation": 3,
                "gateway": "sms",
                "digest": "d" * 64,
            },
            changes={"gateway": "sms", "digest": "d" * 64},
            refusals=PIN_CLAIMED,
        )
    ],
    "Pin.mark_delivery": [
        Change(
            row={"delivery": Delivery.QUEUED},
            call={
                "pk": with_pk,
                "before": {Delivery.UNKNOWN, Delivery.QUEUED},
                "delivery": Delivery.SENT,
                "now": NOW,
                "delivery_word": "submitted",
            },
            changes={
                "delivery": Delivery.SENT,
                "delivery_at": NOW,
                "delivery_word": "submitted",
            },
            refusals={
                "pk=pk": [{"pk": 0}],
                "delivery__in=before": [
                    {"delivery": Delivery.SENT},
                    {"delivery": Delivery.DELIVERED},
                    {"delivery": Delivery.UNDELIVERED},
                ],
            },
            accepts=[{"delivery": Delivery.UNKNOWN}],
        )
    ],
    "Pin.mark_cost": [
        Change(
            row={},
            call={"pk": with_pk, "parts": 2, "cost": Decimal("0.05000000")},
            changes={"parts": 2, "cost": Decimal("0.05000000")},
            refusals={
                "pk=pk": [{"pk": 0}],
                "cost=None": [{"cost": Decimal("0.05000000")}, {"cost": Decimal(0)}],
            },
        )
    ],
    "Recipient.claim_send": [
        Change(
            row={
                "next_send": full(GAP),
                "sends_hour": full(SENDS_HOUR),
                "failures_hour": full(FAILURES_HOUR),
                "failures_day": full(FAILURES_DAY),
                "claim": "before",
            },
            call={
                "number": NUMBER,
                "claim": "mine:1",
                "limits": [GAP, SENDS_HOUR],
                "guards": [FAILURES_HOUR, FAILURES_DAY],
                "now": T,
                "owned": False,
            },
            changes={"claim": "mine:1", "next_send": taken(GAP), "sends_hour": taken(SENDS_HOUR)},
            refusals={
                **FAILURE_ROOM,
                "_where_room: **room": [{"sends_hour": full(SENDS_HOUR) + 1}],
                "_where_room: the first of limits": [{"next_send": full(GAP) + 1}],
                "*limits": [{"next_send": full(GAP) + 1}, {"sends_hour": full(SENDS_HOUR) + 1}],
                "*guards": [
                    {"failures_hour": full(FAILURES_HOUR) + 1},
                    {"failures_day": full(FAILURES_DAY) + 1},
                ],
                "stopped_at=None": [{"stopped_at": NOW}],
            },
            # Only the known user's own sends are refused to a disabled number.
            accepts=[{"disabled": True}, {"owned": True}],
        ),
        Change(
            row={"next_send": 0, "sends_hour": T - 1},
            call={
                "number": NUMBER,
                "claim": "mine:1",
                "limits": [GAP, SENDS_HOUR],
                "guards": [],
                "now": T,
                "owned": False,
            },
            # A bucket that is long full begins at the clock, not where it was left.
            changes={
                "claim": "mine:1",
                "next_send": T + GAP.interval,
                "sends_hour": T + SENDS_HOUR.interval,
            },
        ),
    ],
    "Recipient.release_send": [
        Change(
            row={
                "claim": "mine:1",
                "next_send": taken(GAP),
                "sends_hour": taken(SENDS_HOUR),
                "sends_day": taken(SENDS_DAY),
            },
            call={
                "number": NUMBER,
                "claim": "mine:1",
                "gap": GAP,
                "limits": [SENDS_HOUR, SENDS_DAY],
                "next_send": T + 10 * SECOND,
            },
            changes={
                "claim": "",
                "next_send": T + 10 * SECOND,
                "sends_hour": full(SENDS_HOUR),
                "sends_day": full(SENDS_DAY),
            },
            refusals={
                "number=number": [{"number": OTHER_NUMBER}],
                "claim=claim": [{"claim": ""}, {"claim": "mine:2"}, {"claim": "other:1"}],
            },
        )
    ],
    "Recipient.charge_failure": [
        Change(
            row={"failures_hour": full(FAILURES_HOUR), "failures_day": full(FAILURES_DAY)},
            call={
                "number": NUMBER,
                "limits": [FAILURES_HOUR, FAILURES_DAY],
                "now": T,
                "owned": False,
                "disable_at": 100,
            },
            changes={"failures_hour": taken(FAILURES_HOUR), "failures_day": taken(FAILURES_DAY)},
            refusals=FAILURE_ROOM,
            # A stranger counts nothing in a row, and a disabled number is not shut to others.
            accepts=[{"disabled": True}, {"failures_in_a_row": 99}, {"stopped_at": NOW}],
        ),
        *(
            Change(
                row={
                    "failures_hour": full(FAILURES_HOUR),
                    "failures_day": 0,
                    "failures_in_a_row": before,
                },
                call={
                    "number": NUMBER,
                    "limits": [FAILURES_HOUR, FAILURES_DAY],
                    "now": T,
                    "owned": True,
                    "disable_at": 100,
                },
                changes={
                    "failures_hour": taken(FAILURES_HOUR),
                    "failures_day": T + FAILURES_DAY.interval,
                    "failures_in_a_row": before + 1,
                    **({"disabled": True} if disables else {}),
                },
            )
            for before, disables in [(0, False), (98, False), (99, True), (150, True)]
        ),
    ],
    "Recipient.release_failure": [
        Change(
            row={
                "failures_hour": taken(FAILURES_HOUR),
                "failures_day": taken(FAILURES_DAY),
                "failures_in_a_row": 7,
                "disabled": True,
            },
            call={"number": NUMBER, "limits": [FAILURES_HOUR, FAILURES_DAY], "owned": False},
            changes={"failures_hour": full(FAILURES_HOUR), "failures_day": full(FAILURES_DAY)},
            refusals={"number=number": [{"number": OTHER_NUMBER}]},
        ),
        *(
            Change(
                row={"failures_hour": taken(FAILURES_HOUR), "failures_in_a_row": before}
                | {"disabled": before == 100},
                call={"number": NUMBER, "limits": [FAILURES_HOUR], "owned": True},
                changes={
                    "failures_hour": full(FAILURES_HOUR),
                    "failures_in_a_row": after,
                    "disabled": False,
                },
            )
            for before, after in [(100, 99), (1, 0), (0, 0)]
        ),
    ],
    "Recipient.mark_proven": [
        Change(
            row={
                "failures_hour": full(FAILURES_HOUR),
                "failures_day": full(FAILURES_DAY),
                "sends_hour": taken(SENDS_HOUR),
                "failures_in_a_row": 7,
            },
            call={
                "number": NUMBER,
                "reset": [FAILURES_HOUR],
                "returned": [SENDS_HOUR],
                "guards": [FAILURES_HOUR, FAILURES_DAY],
                "now": T,
                "owned": False,
            },
            changes={"failures_hour": 0, "sends_hour": full(SENDS_HOUR)},
            refusals=FAILURE_ROOM,
            accepts=[{"disabled": True}],
        ),
        Change(
            row={"failures_in_a_row": 99, "failures_hour": T, "sends_hour": taken(SENDS_HOUR)},
            call={
                "number": NUMBER,
                "reset": [FAILURES_HOUR],
                "returned": [SENDS_HOUR],
                "guards": [FAILURES_HOUR, FAILURES_DAY],
                "now": T,
                "owned": True,
            },
            changes={
                "failures_hour": 0,
                "sends_hour": full(SENDS_HOUR),
                "failures_in_a_row": 0,
                "disabled": False,
            },
        ),
        Change(
            # Charged before it was compared: its own charge may have been the last that there was.
            row={
                "failures_hour": taken(FAILURES_HOUR),
                "failures_day": taken(FAILURES_DAY),
                "failures_in_a_row": 100,
                "disabled": True,
            },
            call={
                "number": NUMBER,
                "reset": [FAILURES_HOUR],
                "returned": [FAILURES_DAY],
                "guards": [],
                "now": T,
                "owned": True,
            },
            changes={
                "failures_hour": 0,
                "failures_day": full(FAILURES_DAY),
                "failures_in_a_row": 0,
                "disabled": False,
            },
            refusals={"number=number": [{"number": OTHER_NUMBER}]},
        ),
    ],
    "Recipient.mark_stopped": [
        Change(
            row={},
            call={"number": NUMBER, "now": NOW, "reason": "asked for it"},
            changes={"stopped_at": NOW, "stop_reason": "asked for it"},
            refusals={
                "number=number": [{"number": OTHER_NUMBER}],
                "stopped_at=None": [{"stopped_at": LATER, "stop_reason": "before"}],
            },
        )
    ],
    "Recipient.mark_allowed": [
        Change(
            row={"stopped_at": NOW, "stop_reason": "asked for it"},
            call={"number": NUMBER},
            changes={"stopped_at": None, "stop_reason": ""},
            refusals={
                "number=number": [{"number": OTHER_NUMBER}],
                "stopped_at__isnull=False": [{"stopped_at": None}],
            },
        )
    ],
    "Recipient.mark_unlocked": [
        Change(
            row={
                "failures_hour": taken(FAILURES_HOUR),
                "failures_day": taken(FAILURES_DAY),
                "sends_hour": taken(SENDS_HOUR),
                "failures_in_a_row": 100,
                "disabled": True,
            },
            call={"number": NUMBER, "failures": [FAILURES_HOUR, FAILURES_DAY]},
            changes={
                "failures_hour": 0,
                "failures_day": 0,
                "failures_in_a_row": 0,
                "disabled": False,
            },
            refusals={"number=number": [{"number": OTHER_NUMBER}]},
        )
    ],
    "Budget.claim": [
        Change(
            row={"hour": full(BUDGET_HOUR), "day": full(BUDGET_DAY)},
            call={"scope": "country:EE", "limits": [BUDGET_HOUR, BUDGET_DAY], "now": T},
            changes={"hour": taken(BUDGET_HOUR), "day": taken(BUDGET_DAY)},
            refusals={
                "scope=scope": [{"scope": "country:LV"}],
                "**room": [{"hour": full(BUDGET_HOUR) + 1}],
                "the first of limits": [{"hour": full(BUDGET_HOUR) + 1}],
                "the last of limits": [{"day": full(BUDGET_DAY) + 1}],
            },
        )
    ],
    "Budget.release": [
        Change(
            row={"hour": taken(BUDGET_HOUR), "day": taken(BUDGET_DAY)},
            call={"scope": "country:EE", "limits": [BUDGET_HOUR, BUDGET_DAY], "times": 3},
            changes={
                "hour": taken(BUDGET_HOUR) - 3 * BUDGET_HOUR.interval,
                "day": taken(BUDGET_DAY) - 3 * BUDGET_DAY.interval,
            },
            refusals={"scope=scope": [{"scope": "country:LV"}]},
        )
    ],
    "Budget.mark_lifted": [
        Change(
            row={"hour": 1, "day": 0},
            call={"scope": "country:EE"},
            changes={"hour": 0},
            refusals={"scope=scope": [{"scope": "country:LV"}]},
        ),
        Change(
            row={"hour": 0, "day": 1},
            call={"scope": "country:EE"},
            changes={"day": 0},
            # Both together refuse; that one alone does not, the rows above and here show.
            refusals={"hour=0": [{"day": 0}], "day=0": [{"day": 0}]},
        ),
    ],
}


def make_session(**columns: Any) -> OTPSession:
    made: dict[str, Any] = {
        "recipient_id": NUMBER,
        "purpose": "verify",
        "gateway": "default",
        "created_at": NOW,
        "expires_at": NOW + INSTANT,
        "max_attempts": 5,
        "max_resends": 5,
        "salt": "s" * 32,
    }
    return OTPSession.objects.create(**{**made, **columns})


def make_pin(**columns: Any) -> Pin:
    made: dict[str, Any] = {
        "gateway": "default",
        "code_length": 6,
        "code_alphabet": "numeric",
        "created_at": NOW,
        "expires_at": LATER,
        "generation": 3,
    }
    return Pin.objects.create(**{**made, **columns}, session=make_session())


def make_rows(method: str, columns: dict[str, Any]) -> models.Model:
    """The row that is meant, between two like it that are not."""
    Recipient.objects.create(number="+971500000000", **_if(method, "Recipient", columns))
    row: models.Model = Recipient.objects.create(number=NUMBER, **_if(method, "Recipient", columns))
    Recipient.objects.create(number="+971509999999", **_if(method, "Recipient", columns))
    if method.startswith("Budget"):
        rows = [
            Budget.objects.create(scope=scope, **columns)
            for scope in ["country:AD", "country:EE", "country:ZW"]
        ]
        row = rows[1]
    elif method.startswith("OTPSession"):
        row = [make_session(**columns) for _ in range(3)][1]
    elif method.startswith("Pin"):
        row = [make_pin(**columns) for _ in range(3)][1]
        # And another one of the very session.
        row.session.pins.create(
            **{
                name: getattr(row, name)
                for name in ["gateway", "code_length", "code_alphabet", "created_at"]
            },
            expires_at=row.expires_at,
            generation=9,
        )
    return row


def _if(method: str, model: str, columns: dict[str, Any]) -> dict[str, Any]:
    return columns if method.startswith(model) else {}


def read_table(row: models.Model) -> dict[Any, dict[str, Any]]:
    rows = type(row)._default_manager.values()
    return {values[row._meta.pk.attname]: values for values in rows}


def call(method: str, change: Change, row: models.Model, **other: Any) -> bool:
    function: Callable[..., bool] = getattr(type(row)._default_manager, method.partition(".")[2])
    keywords = {**change.call, **other}
    return function(
        **{name: value(row) if callable(value) else value for name, value in keywords.items()}
    )


def prepare(method: str, change: Change, other: dict[str, Any]) -> tuple[models.Model, dict]:
    """The rows, and the keywords that are not as they should be."""
    columns, keywords = {}, {}
    model = {"OTPSession": OTPSession, "Pin": Pin, "Recipient": Recipient, "Budget": Budget}
    names = {item.name for item in model[method.partition(".")[0]]._meta.get_fields()}
    for name, value in other.items():
        if name.startswith("call."):
            keywords[name.removeprefix("call.")] = value
        elif name in {"number", "scope", "session", "pk", "otp_id"} or name not in names:
            # What names the row is asked for otherwise; the row stays.
            keywords[name] = value
        else:
            columns[name] = value
    return make_rows(method, {**change.row, **columns}), keywords


GOOD = [
    pytest.param(method, change, id=f"{method}-{index}")
    for method, changes in CHANGES.items()
    for index, change in enumerate(changes)
]
ACCEPTED = [
    pytest.param(method, change, other, id=f"{method}-{'-'.join(map(str, other))}")
    for method, changes in CHANGES.items()
    for change in changes
    for other in change.accepts
]
REFUSED = [
    pytest.param(method, change, other, id=f"{method}-{clause}-{'-'.join(map(str, other))}")
    for method, changes in CHANGES.items()
    for change in changes
    for clause, others in change.refusals.items()
    for other in others
]


def test_every_clause_of_every_conditional_update_has_a_case():
    expected: dict[str, set[str]] = {}
    for clause in mutations.find_clauses():
        expected.setdefault(clause.where, set()).add(clause.text)
    had = {
        method: {clause for change in changes for clause in change.refusals}
        for method, changes in CHANGES.items()
    }
    assert had == expected
    assert sum(map(len, expected.values())) > 80


@pytest.mark.parametrize(("method", "change"), GOOD)
def test_it_changes_one_row_once_in_the_columns_it_is_meant_to(method: str, change: Change):
    row = make_rows(method, change.row)
    before = read_table(row)
    assert call(method, change, row) is True
    after = read_table(row)
    assert after.pop(row.pk) == {**before.pop(row.pk), **change.changes}
    assert after == before


@pytest.mark.parametrize(("method", "change", "other"), ACCEPTED)
def test_it_does_not_look_at_what_does_not_matter(
    method: str, change: Change, other: dict[str, Any]
):
    row, keywords = prepare(method, change, other)
    before = read_table(row)
    assert call(method, change, row, **keywords) is True
    after = read_table(row)[row.pk]
    changed = {name for name, value in after.items() if before[row.pk][name] != value}
    assert changed <= {*change.changes}
    assert changed


@pytest.mark.parametrize(("method", "change", "other"), REFUSED)
def test_one_clause_alone_refuses_and_then_nothing_changes(
    method: str, change: Change, other: dict[str, Any]
):
    row, keywords = prepare(method, change, other)
    before = read_table(row)
    assert call(method, change, row, **keywords) is False
    assert read_table(row) == before


CASES: list[tuple[Callable[..., None], list[Any]]] = [
    (test_it_changes_one_row_once_in_the_columns_it_is_meant_to, GOOD),
    (test_it_does_not_look_at_what_does_not_matter, ACCEPTED),
    (test_one_clause_alone_refuses_and_then_nothing_changes, REFUSED),
]
CLAUSES = mutations.find_clauses()


def find_failing_case(method: str) -> str | None:
    """The id of the first case of *method* that fails; None where each passes."""
    for check, cases in CASES:
        for case in cases:
            if case.values[0] == method and fails(check, *case.values):
                return str(case.id)
    return None


def fails(check: Callable[..., None], *arguments: Any) -> bool:
    with transaction.atomic():
        try:
            with transaction.atomic():
                check(*arguments)
        except (AssertionError, DatabaseError):
            return True
        finally:
            transaction.set_rollback(True)
    return False


def put_in_place(patch: pytest.MonkeyPatch, clause: mutations.Clause, **options: bool) -> None:
    for name, function in mutations.make_mutant(clause, **options).items():
        patch.setattr(mutations.find_queryset(clause), name, function, raising=False)


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: f"{clause.where}-{clause.text}")
def test_a_case_fails_where_a_clause_is_lost(
    monkeypatch: pytest.MonkeyPatch, clause: mutations.Clause
):
    put_in_place(monkeypatch, clause)
    assert find_failing_case(clause.where)


@pytest.mark.parametrize("method", CHANGES)
def test_no_case_fails_where_a_method_is_made_anew_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str
):
    put_in_place(monkeypatch, next(one for one in CLAUSES if one.where == method), drop=False)
    assert find_failing_case(method) is None
