"""Pruning: what goes, what stays, and that nothing goes that somebody still needs."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_d7verify import services
from django_d7verify.arrivals import make_microseconds
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.gateways import locmem
from django_d7verify.models import Budget, DailyTotal, Event, OTPSession, Pin, Recipient
from django_d7verify.models.recipients import ARRIVALS
from django_d7verify.services import Figures
from django_d7verify.words import Delivery, SessionStatus

from .conftest import NUMBER
from .parallel import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=100)
OTHER = "+971501234568"
NONE = {"sessions": 0, "events": 0, "recipients": 0, "budgets": 0}


def send(number: str = NUMBER, *, now: datetime = OLD, age: bool = True, **options: Any) -> str:
    """A session as if begun at *now*, its number first seen then; its code is in the outbox."""
    otp_id = services.send_otp(number, now=now, **options).otp_id
    if age:
        Recipient.objects.filter(number=number).update(created_at=now)
    return otp_id


def approve(otp_id: str, *, now: datetime = OLD) -> None:
    code = str(locmem.outbox[-1].code)
    assert services.verify_otp(otp_id, code, now=now).approved


def miss(otp_id: str, *, now: datetime = OLD) -> None:
    code = str(locmem.outbox[-1].code)
    wrong = str((int(code) + 1) % 10**6).zfill(6)
    assert not services.verify_otp(otp_id, wrong, now=now).approved


def test_a_session_goes_after_its_days_with_its_pins_and_events():
    send()
    assert services.prune(now=OLD + timedelta(days=90)) == NONE
    pruned = services.prune(now=OLD + timedelta(days=90, seconds=1))
    assert pruned == {**NONE, "sessions": 1, "recipients": 1}
    for model in (OTPSession, Pin, Event, Recipient):
        assert not model.objects.exists()


def test_the_days_are_the_sites_choice(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "SESSION_RETENTION_DAYS": 101}
    send()
    assert services.prune(now=NOW) == NONE
    settings.D7VERIFY = {**settings.D7VERIFY, "SESSION_RETENTION_DAYS": 99}
    assert services.prune(now=NOW)["sessions"] == 1


def test_a_session_that_is_still_open_stays():
    otp_id = send()
    OTPSession.objects.update(expires_at=NOW + timedelta(seconds=1))
    assert services.prune(now=NOW) == NONE
    OTPSession.objects.update(status=SessionStatus.CANCELLED)
    assert services.prune(now=NOW)["sessions"] == 1
    assert not OTPSession.objects.filter(pk=otp_id).exists()


def test_what_is_pruned_is_added_to_the_totals_of_its_day_gateway_country_and_purpose():
    begun = OLD.replace(hour=23, minute=50)
    approved = send(now=begun)
    miss(approved, now=begun)
    approve(approved, now=begun)
    Pin.objects.update(delivery=Delivery.DELIVERED, parts=2, cost=Decimal("0.00812"))
    later = send(now=begun + timedelta(minutes=1))
    services.resend_otp(later, now=begun + timedelta(minutes=2))
    send(now=begun + timedelta(minutes=11), purpose="login")
    services.prune(now=NOW, batch_size=1)
    figures = ("day", "country", "gateway", "purpose", "sessions", "approved", "wrong", "sent")
    figures = (*figures, "delivered", "parts", "cost")
    day = begun.date()
    assert list(DailyTotal.objects.order_by("day").values_list(*figures)) == [
        (day, "AE", "default", "verify", 2, 1, 1, 3, 1, 2, Decimal("0.00812000")),
        (day + timedelta(days=1), "AE", "default", "login", 1, 0, 0, 1, 0, 0, Decimal(0)),
    ]


def test_statistics_are_the_same_before_and_after_but_for_the_times():
    approve(send())
    send(OTHER)
    later = OLD + timedelta(hours=1)
    services.resend_otp(send(OTHER, now=later), now=later + timedelta(minutes=2))
    Pin.objects.update(delivery=Delivery.DELIVERED, cost=Decimal("0.00812"))
    before = services.get_statistics(days=30, now=OLD + timedelta(days=2))
    services.prune(now=NOW)
    assert not OTPSession.objects.exists()
    cache.clear()
    after = services.get_statistics(days=30, now=OLD + timedelta(days=2))
    for total in (before.total, before.by_country["AE"], before.by_purpose["verify"]):
        counts = (total.sessions, total.sent, total.delivered, total.approved, total.cost)
        found = after.total
        assert counts == (
            *(found.sessions, found.sent, found.delivered, found.approved),
            found.cost,
        )
    assert before.total.sessions == 3
    assert after.total.median_seconds is None


def test_a_number_that_nobody_has_is_in_no_total():
    services.send_login_otp(NUMBER, now=OLD)
    assert services.prune(now=NOW)["sessions"] == 1
    assert not DailyTotal.objects.exists()


def test_a_day_is_one_of_utc(settings: Any):
    settings.TIME_ZONE = "Asia/Dubai"
    send(now=OLD.replace(hour=22))
    services.prune(now=NOW)
    assert DailyTotal.objects.get().day == OLD.date() == date(2026, 2, 21)


def test_codes_count_for_the_gateway_that_carried_them_and_sessions_for_that_of_the_newest(
    settings: Any,
):
    gateway = settings.D7VERIFY["GATEWAYS"]["default"]
    settings.D7VERIFY = {"GATEWAYS": {"default": gateway, "other": gateway}}
    approved = send()
    services.resend_otp(approved, now=OLD + timedelta(minutes=1))
    Pin.objects.filter(generation=2).update(gateway="other")
    approve(approved, now=OLD + timedelta(minutes=1))
    before = services.get_statistics(now=OLD)
    services.prune(now=NOW)
    totals = DailyTotal.objects.order_by("gateway")
    assert list(totals.values_list("gateway", "sessions", "approved", "sent")) == [
        *[("default", 0, 0, 1), ("other", 1, 1, 1)]
    ]
    after = services.get_statistics(now=OLD)
    for alias, figures in before.by_gateway.items():
        assert after.by_gateway[alias] == replace(figures, seconds={})


def test_numbers_for_tests_are_in_no_figures_and_no_total(settings: Any):
    reviewer = "+12025550123"
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "TEST_NUMBERS": {reviewer: {"CODE": "314159"}},
    }
    otp_id = send(reviewer)
    services.resend_otp(otp_id, now=OLD + timedelta(minutes=1))
    assert services.verify_otp(otp_id, "314159", now=OLD + timedelta(minutes=1)).approved
    assert services.get_statistics(now=OLD).total == Figures()
    assert services.prune(now=NOW)["sessions"] == 1
    assert not DailyTotal.objects.exists()


def test_a_message_of_which_its_provider_bills_no_part_was_sent_all_the_same():
    send()
    Pin.objects.update(parts=0, delivery=Delivery.UNDELIVERED)
    assert services.get_statistics(now=OLD).total.sent == 1


def test_pruning_again_adds_nothing_and_a_later_run_adds_to_the_same_row():
    send()
    services.prune(now=NOW)
    assert services.prune(now=NOW) == NONE
    send()
    services.prune(now=NOW)
    assert DailyTotal.objects.get().sessions == 2


def test_totals_hold_no_number_and_nobody():
    names = {field.name for field in DailyTotal._meta.get_fields()}
    assert not {"recipient", "number", "user", "address", "session"} & names


def test_small_batches_prune_as_much_as_large_ones_and_say_how_far_they_are():
    for index in range(7):
        send(f"+97150123456{index}")
    OTPSession.objects.update(created_at=OLD)
    said: list[tuple[str, int]] = []
    pruned = services.prune(now=NOW, batch_size=3, report=lambda *words: said.append(words))
    assert pruned == {**NONE, "sessions": 7, "recipients": 7}
    assert [rows for kind, rows in said if kind == "sessions"] == [3, 6, 7, 7]


def test_a_dry_run_says_the_same_of_sessions_and_deletes_nothing():
    for index in range(5):
        send(f"+97150123456{index}")
    assert services.prune(now=NOW, dry_run=True, batch_size=2) == {**NONE, "sessions": 5}
    assert (OTPSession.objects.count(), DailyTotal.objects.count()) == (5, 0)


def test_what_staff_did_goes_after_its_own_days():
    services.stop_recipient(NUMBER, now=OLD)
    services.allow_recipient(NUMBER, now=OLD)
    assert services.prune(now=OLD + timedelta(days=365)) == NONE
    Recipient.objects.update(created_at=OLD)
    pruned = services.prune(now=OLD + timedelta(days=365, seconds=1))
    assert pruned == {**NONE, "events": 2, "recipients": 1}


def test_a_stopped_number_stays_for_good():
    services.stop_recipient(NUMBER, now=OLD)
    Recipient.objects.update(created_at=OLD)
    assert services.prune(now=OLD + timedelta(days=3650)) == {**NONE, "events": 1}
    assert Recipient.objects.get().stopped_at == OLD


@pytest.mark.parametrize(
    "use",
    [
        {"disabled": True},
        {"failures_in_a_row": 1},
        {"created_at": NOW - timedelta(days=89)},
        *({column: make_microseconds(NOW) + 1} for column in ARRIVALS),
    ],
    ids=lambda use: next(iter(use)),
)
def test_a_number_whose_row_still_guards_something_stays(use: dict[str, Any]):
    Recipient.objects.create(number=NUMBER)
    Recipient.objects.update(**{"created_at": OLD, **use})
    assert services.prune(now=NOW) == NONE
    Recipient.objects.update(
        created_at=OLD,
        disabled=False,
        failures_in_a_row=0,
        **dict.fromkeys(ARRIVALS, make_microseconds(NOW)),
    )
    assert services.prune(now=NOW) == {**NONE, "recipients": 1}


def test_a_number_with_a_session_or_an_act_of_staff_stays():
    send(now=NOW - timedelta(days=1), age=False)
    services.unlock_recipient(OTHER, now=NOW) or Recipient.objects.create(number=OTHER)
    services.unlock_recipient(OTHER, now=NOW)
    Recipient.objects.update(created_at=OLD, **dict.fromkeys(ARRIVALS, 0))
    assert services.prune(now=NOW) == NONE


def test_every_arrival_time_is_looked_at():
    found = {
        field.name
        for field in Recipient._meta.concrete_fields
        if type(field) is models.BigIntegerField
    }
    assert found - {"failures_in_a_row"} == set(ARRIVALS)


def test_budgets_go_when_they_are_whole_again():
    now = make_microseconds(NOW)
    Budget.objects.create(scope="country:EE", hour=now, day=now)
    Budget.objects.create(scope="country:LV", hour=now + 1, day=now)
    Budget.objects.create(scope="country:LT", hour=now, day=now + 1)
    assert services.prune(now=NOW) == {**NONE, "budgets": 1}
    assert not Budget.objects.filter(scope="country:EE").exists()


def test_it_is_refused_inside_a_transaction():
    send()
    with transaction.atomic(), pytest.raises(ConfigurationError):
        services.prune(now=NOW)


def test_a_batch_takes_a_handful_of_statements_whatever_its_size_and_counts_no_table():
    for index in range(20):
        send(f"+9715012345{index:02d}")
    with CaptureQueriesContext(connection) as captured:
        services.prune(now=NOW, batch_size=1000)
    statements = [query["sql"] for query in captured.captured_queries]
    assert not [sql for sql in statements if "COUNT(" in sql.upper()]
    changing = [sql for sql in statements if sql.split()[0] in {"DELETE", "UPDATE", "INSERT"}]
    # Sessions, pins, events, the total's UPDATE, INSERT and UPDATE; then the numbers, and what
    # would go with them.
    assert len(changing) <= 12, changing


def test_two_at_once_count_nothing_twice():
    for index in range(60):
        send(f"+9715012345{index:02d}")
    outcomes = run_at_once(4, lambda _: services.prune(now=NOW, batch_size=5)["sessions"] >= 0)
    assert outcomes == {"True": 4}
    services.prune(now=NOW)
    assert DailyTotal.objects.get().sessions == 60
    assert not Recipient.objects.exists()


def test_sends_to_numbers_that_are_being_pruned_succeed():
    now = timezone.now()
    numbers = [f"+9715012345{index:02d}" for index in range(40)]
    for number in numbers:
        send(number, now=now - timedelta(days=100))
    done = threading.Event()

    def work(index: int) -> str:
        if index == 0:
            while not done.is_set():
                services.prune(now=now, batch_size=3)
            return "pruned"
        try:
            for number in numbers[index - 1 :: 3]:
                services.send_otp(number, now=now)
        finally:
            if index == 3:
                done.set()
        return "sent"

    assert run_at_once(4, work) == {"pruned": 1, "sent": 3}
    assert OTPSession.objects.filter(created_at=now).count() == 40


def test_a_number_that_is_stopped_while_it_is_pruned_is_stopped():
    numbers = [f"+9715012345{index:02d}" for index in range(40)]
    for number in numbers:
        Recipient.objects.create(number=number)
    Recipient.objects.update(created_at=OLD)
    done = threading.Event()

    def work(index: int) -> str:
        if index == 0:
            while not done.is_set():
                services.prune(now=NOW, batch_size=2)
            return "pruned"
        try:
            stopped = sum(services.stop_recipient(number, now=NOW) for number in numbers)
            return f"{stopped} stopped"
        finally:
            done.set()

    assert run_at_once(2, work) == {"pruned": 1, "40 stopped": 1}
    assert Recipient.objects.filter(stopped_at=NOW).count() == 40
