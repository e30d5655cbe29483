"""
Limits over time as arrival times (GCRA): one integer a limit, one comparison, one sum.

A limit of *n per period* is a bucket of n that refills over the period. Its state is the
theoretical arrival time, in microseconds since 1970: a call is allowed where
``tat <= now + tolerance`` and moves it to ``max(tat, now) + interval``. Nothing is ever
reset, the wait is read from the number itself, and a claim is given back by subtraction.
Any window can see up to 2n-1 calls: n that were saved up and n-1 that refill meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000


def make_microseconds(instant: datetime) -> int:
    """Microseconds from 1970 to *instant*, exact: a float would lose the last digits."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most *count* calls per *period_seconds*, kept in the integer column *column*."""

    column: str
    count: int
    period_seconds: int

    @property
    def interval(self) -> int:
        """Microseconds that one call takes from the bucket. Rounded up, or a window sees 2n."""
        return -(-self.period_seconds * _MICROSECONDS // self.count)

    @property
    def tolerance(self) -> int:
        """Microseconds that the arrival time may lie ahead of the clock."""
        return (self.count - 1) * self.interval

    def used(self, arrival: int, now: int) -> int:
        """Calls that are taken from the bucket at *now* and have not refilled."""
        return min(self.count, max(0, -(-(arrival - now) // self.interval)))

    def wait_seconds(self, arrival: int, now: int) -> int:
        """Whole seconds, rounded up, until a call is allowed; 0 where it is allowed at *now*."""
        return max(0, -(-(arrival - self.tolerance - now) // _MICROSECONDS))


def longest_wait_seconds(limits: Iterable[Limit], arrivals: Mapping[str, int], now: int) -> int:
    """Seconds until every one of *limits* allows a call, by the *arrivals* of their columns."""
    return max((limit.wait_seconds(arrivals[limit.column], now) for limit in limits), default=0)
