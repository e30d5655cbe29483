"""Limits over time against what they are a short form of: a bucket, and a list of calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_d7verify.arrivals import Limit, longest_wait_seconds, make_microseconds
from django_d7verify.models import Budget

SECOND = 1_000_000

limits = st.builds(
    lambda count, period_seconds: Limit("hour", count, period_seconds),
    count=st.integers(1, 8),
    period_seconds=st.sampled_from([1, 7, 60, 600, 3600, 86400]),
)


@st.composite
def limits_and_calls(draw: st.DrawFn, most_bursts: int = 25) -> tuple[Limit, list[int]]:
    """A limit, and instants in order: bursts, pauses, and the very instants of a refill."""
    limit = draw(limits)
    pauses = st.one_of(
        st.sampled_from([limit.interval - 1, limit.interval, limit.interval + 1]),
        st.integers(0, limit.interval * 2),
        st.integers(0, limit.period_seconds * SECOND * 2),
    )
    bursts = st.tuples(pauses, st.integers(1, limit.count + 2))
    now, instants = draw(st.integers(10**15, 10**16)), []
    for pause, times in draw(st.lists(bursts, min_size=3, max_size=most_bursts)):
        now += pause
        instants += [now] * times
    return limit, instants


def play(limit: Limit, instants: list[int]) -> Iterator[tuple[int, bool, int]]:
    """Each call: when it came, whether it was allowed, and the arrival time that it found."""
    arrival = 0
    for now in instants:
        found = arrival
        allowed = arrival <= now + limit.tolerance
        if allowed:
            arrival = max(arrival, now) + limit.interval
        yield now, allowed, found


@settings(max_examples=50, deadline=None)
@given(limits_and_calls())
def test_a_call_is_allowed_exactly_where_a_bucket_that_refills_bit_by_bit_has_one(case):
    limit, instants = case
    tokens, before = Fraction(limit.count), instants[0]
    for now, allowed, _ in play(limit, instants):
        tokens = min(Fraction(limit.count), tokens + Fraction(now - before, limit.interval))
        before = now
        assert allowed == (tokens >= 1)
        tokens -= allowed


@settings(max_examples=50, deadline=None)
@given(limits_and_calls())
def test_no_window_of_a_period_sees_twice_the_count(case):
    limit, instants = case
    allowed = [now for now, is_allowed, _ in play(limit, instants) if is_allowed]
    for begun in allowed:
        ends = begun + limit.period_seconds * SECOND
        assert sum(begun <= now < ends for now in allowed) <= 2 * limit.count - 1


@pytest.mark.parametrize("count", [1, 5, 7, 20, 30, 59, 3_599])
@pytest.mark.parametrize("period_seconds", [60, 3600, 86400])
def test_the_greediest_caller_gets_the_count_at_once_and_twice_less_one_in_a_period(
    count: int, period_seconds: int
):
    limit = Limit("column", count, period_seconds)
    start, arrival, allowed_at = 10**15, 0, []
    now = start
    while now < start + period_seconds * SECOND:
        if arrival > now + limit.tolerance:
            now = arrival - limit.tolerance
            continue
        arrival = max(arrival, now) + limit.interval
        allowed_at.append(now)
    assert allowed_at.count(start) == count
    assert len(allowed_at) == 2 * count - 1


@settings(max_examples=50, deadline=None)
@given(limits_and_calls())
def test_the_wait_is_the_least_number_of_whole_seconds_after_which_a_call_is_allowed(case):
    limit, instants = case
    for now, allowed, arrival in play(limit, instants):
        wait = limit.wait_seconds(arrival, now)
        assert (wait == 0) is allowed
        assert arrival <= now + wait * SECOND + limit.tolerance
        if wait:
            assert arrival > now + (wait - 1) * SECOND + limit.tolerance


@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(limits_and_calls(most_bursts=10), st.randoms(use_true_random=False))
def test_the_update_allows_what_the_bucket_does_and_what_it_gives_back_was_never_taken(
    case, random
):
    limit, instants = case
    Budget.objects.update_or_create(scope="site", defaults={"hour": 0})
    tokens, before = Fraction(limit.count), instants[0]
    for now in instants:
        tokens = min(Fraction(limit.count), tokens + Fraction(now - before, limit.interval))
        before = now
        claimed = Budget.objects.claim("site", limits=[limit], now=now)
        assert claimed == (tokens >= 1)
        tokens -= claimed
        if claimed and random.random() < 0.3:
            assert Budget.objects.release("site", limits=[limit], times=1)
            tokens += 1


def test_of_several_limits_the_longest_wait_counts_and_none_waits_for_nothing():
    minute, hour = Limit("minute", 1, 60), Limit("hour", 2, 3600)
    arrivals = {"minute": 60 * SECOND, "hour": 7200 * SECOND}
    assert longest_wait_seconds([minute, hour], arrivals, 0) == 5400
    assert longest_wait_seconds([minute], arrivals, 0) == 60
    assert longest_wait_seconds([], arrivals, 0) == 0


@given(st.integers(0, 4 * 10**15))
def test_no_microsecond_of_an_instant_is_lost(microseconds):
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert make_microseconds(instant) == microseconds
