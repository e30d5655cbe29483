"""
Every limit on sending to a number and on guessing at it; each is a column of ``Recipient``.

The 60 seconds are shared by everybody who sends to a number. Hours, days and failures are
counted twice over: what the number's known user does in sessions of their own is charged to
buckets that strangers cannot spend. Called by ``services``, inside its transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from .arrivals import Limit, longest_wait_seconds, make_microseconds
from .conf import conf
from .exceptions import LockedOut, RecipientRefused, Refused, Throttled
from .models import Budget, Recipient
from .words import LimitName

_HOUR_SECONDS = 3600
_DAY_SECONDS = 86400


def _gap() -> Limit:
    return Limit("next_send", 1, conf.RESEND_WAIT_SECONDS)


def _column(name: str, *, owned: bool) -> str:
    return f"owned_{name}" if owned else name


def _sends_hour(*, owned: bool) -> Limit:
    return Limit(_column("sends_hour", owned=owned), conf.SENDS_PER_HOUR, _HOUR_SECONDS)


def _send_budgets(*, owned: bool) -> list[Limit]:
    day = Limit(_column("sends_day", owned=owned), conf.SENDS_PER_DAY, _DAY_SECONDS)
    return [_sends_hour(owned=owned), day]


def _failures_hour(*, owned: bool) -> Limit:
    return Limit(_column("failures_hour", owned=owned), conf.FAILURES_PER_HOUR, _HOUR_SECONDS)


def _failures(*, owned: bool) -> list[Limit]:
    day = Limit(_column("failures_day", owned=owned), conf.FAILURES_PER_DAY, _DAY_SECONDS)
    return [_failures_hour(owned=owned), day]


def claim_send(number: str, *, claim: str, now: datetime, owned: bool) -> bool:
    """Take one send of *number*: 60 s apart, per hour, per day, not locked. One UPDATE."""
    return Recipient.objects.claim_send(
        number,
        claim=claim,
        limits=[_gap(), *_send_budgets(owned=owned)],
        guards=_failures(owned=owned),
        now=make_microseconds(now),
        owned=owned,
    )


def release_send(
    number: str, *, claim: str, now: datetime, owned: bool, wait_seconds: int = 0
) -> bool:
    """
    Give back the send that *claim* took and that surely did not leave; once.

    The next is allowed *wait_seconds* after *now*. One UPDATE.
    """
    return Recipient.objects.release_send(
        number,
        claim=claim,
        gap=_gap(),
        limits=_send_budgets(owned=owned),
        next_send=make_microseconds(now + timedelta(seconds=wait_seconds)),
    )


def charge_failure(number: str, *, now: datetime, owned: bool) -> bool:
    """Take one failure of *number*; False where it is locked. One UPDATE."""
    return Recipient.objects.charge_failure(
        number,
        limits=_failures(owned=owned),
        now=make_microseconds(now),
        owned=owned,
        disable_at=conf.MAX_FAILURES_IN_A_ROW,
    )


def release_failure(number: str, *, owned: bool) -> bool:
    """Give back a failure charged for a code that was surely not compared. One UPDATE."""
    return Recipient.objects.release_failure(number, limits=_failures(owned=owned), owned=owned)


def mark_proven(number: str, *, now: datetime, owned: bool, charged: bool) -> bool:
    """
    The right code was given: the hour's failures are forgotten, one send of the hour returned.

    The day's failures stay, less the one *charged* before a provider was asked: an owner who
    verifies often must not refill a guesser's day. False where the number is locked, unless it
    was charged already. One UPDATE.
    """
    day = _failures(owned=owned)[1:]
    return Recipient.objects.mark_proven(
        number,
        reset=[_failures_hour(owned=owned)],
        returned=[_sends_hour(owned=owned), *(day if charged else [])],
        guards=[] if charged else _failures(owned=owned),
        now=make_microseconds(now),
        owned=owned,
    )


def mark_unlocked(number: str) -> bool:
    """Forget every failure of *number*, of strangers and of its user. One UPDATE."""
    failures = [*_failures(owned=False), *_failures(owned=True)]
    return Recipient.objects.mark_unlocked(number, failures=failures)


def find_scopes(number: str, country: str) -> list[str]:
    """
    The budgets that a code to *number* takes from, in the order in which they are locked.

    Prefix and country are for numbers that are not home: fraud asks for codes to neighbours
    there, which nobody ever types.
    """
    scopes = ["site"] if conf.SITE_SENDS_PER_DAY else []
    if conf.HOME_COUNTRIES and country not in conf.HOME_COUNTRIES:
        scopes += [f"country:{country}", f"prefix:{number[:-4]}"]
    return scopes


def claim_budget(scope: str, *, now: datetime) -> bool:
    """Take one code from the budget *scope*. One UPDATE."""
    return Budget.objects.claim(scope, limits=_budget(scope), now=make_microseconds(now))


def release_budget(scope: str, times: int = 1) -> bool:
    """Give back *times* codes to the budget *scope*. One UPDATE."""
    return Budget.objects.release(scope, limits=_budget(scope), times=times)


def find_budget_refusal(scope: str, *, now: datetime) -> Throttled | None:
    """Why the budget *scope* refused; None where it was not there yet, and is now."""
    budget = Budget.objects.filter(scope=scope).first()
    if budget is None:
        Budget.objects.bulk_create([Budget(scope=scope)], ignore_conflicts=True)
        return None
    wait = longest_wait_seconds(_budget(scope), vars(budget), make_microseconds(now))
    return Throttled(max(1, wait))


def measure_budget(budget: Budget, *, now: datetime) -> tuple[dict[str, tuple[int, int]], int]:
    """By column of *budget*: codes taken at *now* and the count of the limit; and the wait."""
    at, arrivals = make_microseconds(now), vars(budget)
    rules = _budget(budget.scope)
    used = {rule.column: (rule.used(arrivals[rule.column], at), rule.count) for rule in rules}
    return used, longest_wait_seconds(rules, arrivals, at)


def is_given_back(scope: str) -> bool:
    """Whether an approval returns what was taken: not for the site's, which caps money."""
    return scope != "site"


def get_budget_name(scope: str) -> LimitName:
    """The limit that the budget *scope* is of."""
    names = {"country": LimitName.COUNTRY_BUDGET, "prefix": LimitName.PREFIX_BUDGET}
    return names.get(scope.partition(":")[0], LimitName.SITE_SENDS)


def _budget(scope: str) -> list[Limit]:
    if scope == "site":
        return [Limit("day", conf.SITE_SENDS_PER_DAY or 1, _DAY_SECONDS)]
    is_country = scope.startswith("country:")
    hour, day = conf.COUNTRY_BUDGET if is_country else conf.PREFIX_BUDGET
    return [Limit("hour", hour, _HOUR_SECONDS), Limit("day", day, _DAY_SECONDS)]


def find_refusal(recipient: Recipient, *, now: datetime, owned: bool) -> Refused | None:
    """Why *recipient* may not be sent to at *now*, with the longest wait; None where it may."""
    if recipient.stopped_at:
        return RecipientRefused("The number is on the stop list.")
    locked = find_lock(recipient, now=now, owned=owned)
    wait = send_wait_seconds(recipient, now=now, owned=owned)
    return locked or (Throttled(wait) if wait else None)


def find_lock(recipient: Recipient, *, now: datetime, owned: bool) -> LockedOut | None:
    """Why codes for *recipient* are not compared at *now*; None where they are."""
    if owned and recipient.disabled:
        return LockedOut(_DAY_SECONDS)
    wait = _wait_seconds(recipient, _failures(owned=owned), now)
    return LockedOut(wait) if wait else None


def shortest_lock_seconds() -> int:
    """The wait to tell who found the number locked in the very UPDATE: one refill of the hour."""
    return _HOUR_SECONDS // conf.FAILURES_PER_HOUR


def send_wait_seconds(recipient: Recipient, *, now: datetime, owned: bool) -> int:
    """Seconds until the next code may be sent to *recipient*; 0 where it may at *now*."""
    return _wait_seconds(recipient, [_gap(), *_send_budgets(owned=owned)], now)


def _wait_seconds(recipient: Recipient, limits: Sequence[Limit], now: datetime) -> int:
    return longest_wait_seconds(limits, vars(recipient), make_microseconds(now))
