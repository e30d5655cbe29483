"""
The tables, and every change of state as a queryset method.

Each ``claim_``, ``charge_``, ``release_`` and ``mark_`` method is one conditional UPDATE that
returns whether it happened, so of any number of callers at once exactly one is told yes. They
are called by ``services`` and ``limits`` only, in one lock order: session, recipient, pin, event.
"""

from __future__ import annotations

from .budgets import Budget
from .numbers import PhoneNumber
from .pins import Event, Pin
from .recipients import LAST_DIGITS, Recipient
from .sessions import OTPSession
from .totals import DailyTotal

__all__ = [
    "LAST_DIGITS",
    "Budget",
    "DailyTotal",
    "Event",
    "OTPSession",
    "PhoneNumber",
    "Pin",
    "Recipient",
]
