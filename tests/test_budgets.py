"""Whom the site sends to, and the guard against pumping: codes to neighbours nobody ever types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from django_d7verify import services
from django_d7verify.exceptions import (
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
    RecipientRefused,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.models import Budget, OTPSession, Pin, Recipient
from django_d7verify.words import LimitName

from .conftest import NUMBER, set_d7verify
from .parallel import run_at_once
from .test_statements import count

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
#: Mobile numbers of one prefix in Estonia, of another there, and of one in Tunisia.
TALLINN, TARTU, TUNIS = "+3725123", "+3725345", "+2162234"


class FailingGateway(locmem.LocMemGateway):
    """Raises ``error`` where that is set, and sends otherwise."""

    error: Exception | None = None

    def send(self, message: CodeMessage) -> Receipt:
        if self.error is not None:
            raise self.error
        return super().send(message)


@pytest.fixture
def gateway(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[FailingGateway]:
    monkeypatch.setattr(FailingGateway, "error", None)
    set_d7verify(
        settings,
        GATEWAYS={"default": {"BACKEND": f"{__name__}.FailingGateway"}},
        BREAKER_FAILURES=1000,
    )
    return FailingGateway


@pytest.fixture
def site(settings: Any) -> Any:
    """At home in the Emirates; five an hour to a prefix, eight to a country."""
    set_d7verify(settings, HOME_COUNTRIES=["AE"], PREFIX_BUDGET=(5, 100), COUNTRY_BUDGET=(8, 100))
    return settings


def neighbours(prefix: str, first: int = 0) -> Iterator[str]:
    width = {"+372": 12, "+216": 12, "+971": 13}[prefix[:4]] - len(prefix)
    return (f"{prefix}{index:0{width}}" for index in itertools.count(first))


def send_all(numbers: Iterator[str], most: int, *, now: datetime = NOW) -> int:
    """How many of *most* numbers are sent a code before the first is throttled."""
    for sent, number in enumerate(itertools.islice(numbers, most)):
        try:
            services.send_otp(number, now=now)
        except Throttled:
            return sent
    return most


def approve(otp: services.OTP, *, now: datetime = NOW) -> None:
    assert services.verify_otp(otp.otp_id, str(locmem.outbox[-1].code), now=now).approved


# Pumping is stopped.


def test_neighbours_outside_home_are_stopped_at_the_budget_of_their_prefix(site: Any):
    assert send_all(neighbours(TALLINN), 20) == 5
    # Those of another prefix still get theirs, till the country's budget is used up.
    assert send_all(neighbours(TARTU), 20) == 3


def test_a_country_is_stopped_at_its_budget_and_others_are_not(site: Any):
    prefixes = [f"+37251{index:02}" for index in range(20)]
    numbers = (next(neighbours(prefix)) for prefix in prefixes)
    assert send_all(numbers, 20) == 8
    assert send_all(neighbours(TUNIS), 20) == 5


def test_home_numbers_are_never_counted_in_a_budget(site: Any):
    assert send_all(neighbours("+97150123"), 30) == 30
    assert not Budget.objects.exists()
    # And while everything else is stopped.
    send_all(neighbours(TALLINN), 20)
    services.send_otp(NUMBER, now=NOW)


def test_a_country_that_shares_its_dial_code_with_home_is_not_home(site: Any):
    set_d7verify(site, HOME_COUNTRIES=["RU"])
    services.send_otp("+79161234567", now=NOW)
    assert not Budget.objects.exists()
    services.send_otp("+77011234567", now=NOW)
    assert set(Budget.objects.values_list("scope", flat=True)) == {"country:KZ", "prefix:+7701123"}


def test_without_home_countries_the_guard_is_off(settings: Any):
    set_d7verify(settings, PREFIX_BUDGET=(1, 1), COUNTRY_BUDGET=(1, 1))
    assert send_all(neighbours(TALLINN), 10) == 10
    assert not Budget.objects.exists()


def test_a_day_of_pumping_gets_the_budget_and_what_refills_and_no_more(site: Any):
    set_d7verify(site, PREFIX_BUDGET=(5, 20), COUNTRY_BUDGET=(1000, 1000))
    sent = []
    now, end = NOW, NOW + timedelta(days=2)
    for number in neighbours(TALLINN):
        try:
            services.send_otp(number, now=now)
        except Throttled as error:
            now += timedelta(seconds=error.retry_after_seconds)
            if now >= end:
                break
        else:
            sent.append(now)
    assert max(count_within(sent, timedelta(hours=1))) == 9
    assert max(count_within(sent, timedelta(days=1))) == 39
    assert len(sent) == 39 + 20


def count_within(instants: list[datetime], period: timedelta) -> list[int]:
    return [sum(begun <= instant < begun + period for instant in instants) for begun in instants]


def test_the_wait_that_is_told_is_the_one_after_which_one_more_is_sent(site: Any):
    numbers = neighbours(TALLINN)
    assert send_all(numbers, 5) == 5
    with pytest.raises(Throttled) as caught:
        services.send_otp(next(numbers), now=NOW)
    wait = timedelta(seconds=caught.value.retry_after_seconds)
    assert wait == timedelta(minutes=12)
    assert send_all(numbers, 2, now=NOW + wait - timedelta(seconds=1)) == 0
    assert send_all(numbers, 2, now=NOW + wait) == 1


def test_a_budget_that_refuses_writes_nothing_and_takes_nothing_of_the_number(site: Any):
    numbers = neighbours(TALLINN)
    send_all(numbers, 5)
    before = (OTPSession.objects.count(), Pin.objects.count(), len(locmem.outbox))
    country = Budget.objects.get(scope="country:EE")
    number = next(numbers)
    for _ in range(3):
        with pytest.raises(Throttled):
            services.send_otp(number, now=NOW)
    assert (OTPSession.objects.count(), Pin.objects.count(), len(locmem.outbox)) == before
    assert Recipient.objects.get(number=number).next_send == 0
    # The country's was claimed before the prefix's said no, and was undone with it.
    assert Budget.objects.get(scope="country:EE").hour == country.hour


def test_a_used_up_budget_is_answered_by_the_api_as_throttled(site: Any):
    send_all(neighbours(TALLINN), 5, now=datetime.now(UTC))
    answer = Client().post(
        "/api/otp/send/", {"recipient": f"{TALLINN}9999"}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after"] > 600


# Real people are not.


def test_traffic_that_verifies_passes_for_ever(site: Any):
    for number in itertools.islice(neighbours(TALLINN), 40):
        approve(services.send_otp(number, now=NOW))
    assert len(locmem.outbox) == 40
    # Nothing of it is left in the budget.
    assert send_all(neighbours(TALLINN, first=100), 20) == 5


def test_an_approval_gives_back_what_its_own_session_took_and_no_more(site: Any):
    numbers = neighbours(TALLINN)
    assert send_all(numbers, 4) == 4
    otp = services.send_otp(next(numbers), now=NOW)
    assert send_all(numbers, 1) == 0
    approve(otp)
    assert send_all(numbers, 3) == 1


def test_a_wrong_code_and_a_cancelled_session_give_nothing_back(site: Any):
    numbers = neighbours(TALLINN)
    send_all(numbers, 4)
    otp = services.send_otp(next(numbers), now=NOW)
    code = str(locmem.outbox[-1].code)
    assert not services.verify_otp(otp.otp_id, code[::-1][1:] + "7", now=NOW).approved
    services.cancel_otp(otp.otp_id, now=NOW)
    assert send_all(numbers, 1) == 0


def test_resends_take_from_the_budgets_and_an_approval_gives_all_of_them_back(site: Any):
    numbers = neighbours(TALLINN)
    otp = services.send_otp(next(numbers), now=NOW)
    for index in (1, 2):
        services.resend_otp(otp.otp_id, now=NOW + timedelta(seconds=60 * index))
    later = NOW + timedelta(seconds=120)
    assert send_all(numbers, 10, now=later) == 2
    approve_code = str([m for m in locmem.outbox if m.recipient.endswith("0000")][-1].code)
    assert services.verify_otp(otp.otp_id, approve_code, now=later).approved
    assert send_all(numbers, 10, now=later) == 3


def test_a_resend_is_refused_by_a_used_up_budget_and_keeps_its_place_in_the_session(site: Any):
    otp = services.send_otp(f"{TALLINN}0000", now=NOW)
    later = NOW + timedelta(seconds=60)
    assert send_all(neighbours(TALLINN, first=1), 10, now=later) == 4
    with pytest.raises(Throttled) as caught:
        services.resend_otp(otp.otp_id, now=later)
    assert caught.value.retry_after_seconds > 600
    session = OTPSession.objects.get(pk=otp.otp_id)
    assert (session.resend_count, session.generation, session.status) == (0, 1, "OPEN")
    assert Pin.objects.filter(session=otp.otp_id).count() == 1
    # The older code is as good as it was.
    code = next(m.code for m in locmem.outbox if m.recipient.endswith("0000"))
    assert services.verify_otp(otp.otp_id, str(code), now=later).approved


@pytest.mark.parametrize(
    "error",
    [GatewayRefused("no"), GatewayUnreachable("nobody")],
    ids=lambda error: type(error).__name__,
)
def test_what_was_surely_not_sent_is_given_back_to_every_budget(
    site: Any, gateway: type[FailingGateway], error: Exception
):
    set_d7verify(site, SITE_SENDS_PER_DAY=6)
    numbers = neighbours(TALLINN)
    gateway.error = error
    for number in itertools.islice(numbers, 10):
        with pytest.raises(type(error)):
            services.send_otp(number, now=NOW)
    gateway.error = None
    otp = services.send_otp(next(numbers), now=NOW)
    gateway.error = error
    later = NOW + timedelta(seconds=60)
    for _ in range(3):
        with pytest.raises(type(error)):
            services.resend_otp(otp.otp_id, now=later)
    gateway.error = None
    assert send_all(numbers, 10, now=later) == 4
    assert send_all(neighbours("+97150123"), 10, now=later) == 1


def test_what_was_maybe_sent_is_not_given_back(site: Any, gateway: type[FailingGateway]):
    numbers = neighbours(TALLINN)
    gateway.error = GatewayUncertain("cut off")
    for number in itertools.islice(numbers, 3):
        with pytest.raises(GatewayUncertain):
            services.send_otp(number, now=NOW)
    gateway.error = None
    assert send_all(numbers, 10) == 2


def test_a_code_that_was_not_sent_is_not_given_back_a_second_time_by_the_approval(
    site: Any, gateway: type[FailingGateway]
):
    numbers = neighbours(TALLINN)
    otp = services.send_otp(next(numbers), now=NOW)
    later = NOW + timedelta(seconds=60)
    gateway.error = GatewayRefused("no")
    with pytest.raises(GatewayRefused):
        services.resend_otp(otp.otp_id, now=later)
    gateway.error = None
    approve(otp, now=later)
    assert send_all(numbers, 10, now=later) == 5


# The site's own cap.


def test_the_sites_cap_is_for_all_numbers_and_is_not_given_back_by_approvals(settings: Any):
    set_d7verify(settings, SITE_SENDS_PER_DAY=4, HOME_COUNTRIES=["AE"])
    home = neighbours("+97150123")
    approve(services.send_otp(next(home), now=NOW))
    assert send_all(neighbours(TALLINN), 2) == 2
    assert send_all(home, 10) == 1
    with pytest.raises(Throttled) as caught:
        services.send_otp(next(home), now=NOW)
    assert caught.value.retry_after_seconds == 6 * 3600
    assert send_all(home, 10, now=NOW + timedelta(hours=6)) == 1


# Observed before enforced.


@pytest.mark.parametrize(
    ("passed", "given"),
    [
        ((LimitName.PREFIX_BUDGET, "prefix:+3725123"), {"PREFIX_BUDGET": (2, 100)}),
        ((LimitName.COUNTRY_BUDGET, "country:EE"), {"COUNTRY_BUDGET": (2, 100)}),
        ((LimitName.SITE_SENDS, "site"), {"SITE_SENDS_PER_DAY": 2}),
    ],
)
def test_a_budget_that_is_only_observed_lets_through_and_says_so(
    site: Any,
    observed: list[tuple[str, str]],
    caplog: pytest.LogCaptureFixture,
    passed: tuple[LimitName, str],
    given: dict[str, Any],
):
    limit, scope = passed
    set_d7verify(site, LIMIT_MODES={limit: "observe"}, **given)
    numbers = neighbours(TALLINN)
    assert send_all(numbers, 2) == 2
    assert observed == []
    otp = services.send_otp(next(numbers), now=NOW)
    assert observed == [passed]
    assert f"{limit} passed by {scope}." in caplog.messages
    # Resends are observed alike, and the budgets beside it still hold.
    services.resend_otp(otp.otp_id, now=NOW + timedelta(seconds=60))
    assert observed == [passed] * 2
    left = 4 if limit == LimitName.PREFIX_BUDGET else 1
    assert send_all(numbers, 10, now=NOW + timedelta(seconds=60)) == left


def test_what_an_observed_budget_let_through_is_not_given_back_by_the_approval(
    site: Any, observed: list[tuple[str, str]]
):
    set_d7verify(site, LIMIT_MODES={LimitName.PREFIX_BUDGET: "observe"}, PREFIX_BUDGET=(2, 100))
    numbers = neighbours(TALLINN)
    send_all(numbers, 2)
    approve(services.send_otp(next(numbers), now=NOW))
    # The bucket is as full as it was: the next is observed again.
    assert send_all(numbers, 1) == 1
    assert len(observed) == 2


# Countries and kinds of number.


def test_other_than_allowed_countries_are_refused_and_nothing_is_written(settings: Any):
    set_d7verify(settings, ALLOWED_COUNTRIES=["AE", "RU"])
    services.send_otp(NUMBER, now=NOW)
    services.send_otp("+79161234567", now=NOW)
    for number in [f"{TALLINN}0000", "+77011234567", "+12025550000"]:
        with pytest.raises(RecipientRefused):
            services.send_otp(number, now=NOW)
    assert Recipient.objects.count() == len(locmem.outbox) == 2


@pytest.mark.parametrize("number", ["+448001111111", "+442079460000", "+18003569377"])
def test_kinds_of_number_that_are_not_named_are_refused(settings: Any, number: str):
    with pytest.raises(RecipientRefused):
        services.send_otp(number, now=NOW)
    set_d7verify(settings, NUMBER_TYPES=["MOBILE", "TOLL_FREE", "FIXED_LINE"])
    services.send_otp(number, now=NOW)
    assert len(locmem.outbox) == 1


def test_the_api_says_that_such_a_number_is_refused_and_not_why(settings: Any):
    set_d7verify(settings, ALLOWED_COUNTRIES=["AE"])
    for number in [f"{TALLINN}0000", "+97143000000"]:
        answer = Client().post(
            "/api/otp/send/", {"recipient": number}, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "recipient_refused")
        assert set(answer.json()) == {"code", "detail"}


def test_countries_and_kinds_that_are_only_observed_are_sent_to_and_said(
    settings: Any, observed: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
):
    limits = [LimitName.ALLOWED_COUNTRIES, LimitName.NUMBER_TYPES]
    set_d7verify(settings, ALLOWED_COUNTRIES=["AE"], LIMIT_MODES=dict.fromkeys(limits, "observe"))
    services.send_otp(NUMBER, now=NOW)
    assert observed == []
    services.send_otp("+442079460000", now=NOW)
    assert observed == [("number_types", "FIXED_LINE"), ("allowed_countries", "GB")]
    assert {"number_types passed by FIXED_LINE.", "allowed_countries passed by GB."} <= set(
        caplog.messages
    )
    assert len(locmem.outbox) == 2


# What it costs.


def test_home_numbers_take_no_statement_more_with_the_guard_than_without(settings: Any):
    def measure(number: str) -> list[int]:
        costs = [count(lambda: services.send_otp(number, now=NOW))]
        later = NOW + timedelta(seconds=60)
        otp = services.send_otp(number, now=later)
        latest = later + timedelta(seconds=60)
        costs.append(count(lambda: services.resend_otp(otp.otp_id, now=latest)))
        costs.append(count(lambda: approve(otp, now=latest)))
        return costs

    without = measure("+971501230001")
    set_d7verify(settings, HOME_COUNTRIES=["AE"])
    assert measure("+971501230002") == without


def test_outside_home_each_budget_takes_one_statement_to_claim_and_one_to_give_back(site: Any):
    services.send_otp(f"{TALLINN}0001", now=NOW)
    later = NOW + timedelta(seconds=60)
    otp = None

    def send() -> None:
        nonlocal otp
        otp = services.send_otp(f"{TALLINN}0001", now=later)

    assert count(send) == 5 + 2
    latest = later + timedelta(seconds=60)
    assert count(lambda: services.resend_otp(otp.otp_id, now=latest)) == 6 + 2
    assert count(lambda: approve(otp, now=latest)) == 4 + 2
    set_d7verify(site, SITE_SENDS_PER_DAY=100)
    services.send_otp(NUMBER, now=NOW)
    assert count(lambda: services.send_otp(NUMBER, now=later)) == 5 + 1
    # Refused: the number, the country, the prefix, and a look at what refused.
    send_all(neighbours(TALLINN, first=2), 10, now=latest)
    services.stop_recipient(f"{TALLINN}9999", now=NOW)
    services.allow_recipient(f"{TALLINN}9999", now=NOW)
    assert count(lambda: services.send_otp(f"{TALLINN}9999", now=latest)) == 4 + 1


# At once.


@pytest.mark.django_db(transaction=True)
def test_of_50_sends_to_neighbours_at_once_exactly_the_budget_goes_out(site: Any):
    set_d7verify(site, PREFIX_BUDGET=(10, 100), COUNTRY_BUDGET=(1000, 1000))
    numbers = list(itertools.islice(neighbours(TALLINN), 50))
    outcomes = run_at_once(50, lambda index: services.send_otp(numbers[index], now=NOW).status)
    assert outcomes == {"OPEN": 10, "Throttled": 40}
    assert len(locmem.outbox) == OTPSession.objects.count() == 10
    assert Budget.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_sends_that_fail_at_once_give_back_exactly_what_they_took(
    site: Any, gateway: type[FailingGateway]
):
    numbers = neighbours(TALLINN)
    send_all(numbers, 1)
    before = list(Budget.objects.order_by("scope").values_list("hour", "day"))
    failing = list(itertools.islice(numbers, 30))
    gateway.error = GatewayRefused("no")
    outcomes = run_at_once(30, lambda index: services.send_otp(failing[index], now=NOW))
    assert set(outcomes) <= {"GatewayRefused", "Throttled"}
    assert outcomes["GatewayRefused"] >= 4
    assert list(Budget.objects.order_by("scope").values_list("hour", "day")) == before


@pytest.mark.django_db(transaction=True)
def test_approvals_at_once_give_back_once(site: Any):
    set_d7verify(site, PREFIX_BUDGET=(5, 100))
    otp = services.send_otp(f"{TALLINN}0000", now=NOW)
    code = str(locmem.outbox[-1].code)
    send_all(neighbours(TALLINN, first=1), 10)

    def verify(_index: int) -> bool:
        try:
            return services.verify_otp(otp.otp_id, code, now=NOW).approved
        except SessionClosed:
            return False

    assert run_at_once(16, verify) == {"True": 1, "False": 15}
    assert send_all(neighbours(TALLINN, first=10), 10) == 1
