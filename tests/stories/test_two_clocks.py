"""D7 counts its 60 seconds from its own acceptance, later than our claim: one promise."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from tests.conftest import NUMBER, make_d7_settings

from .site import (
    RESEND_PATH,
    SEND_PATH,
    Api,
    Clocks,
    assert_approved,
    assert_refused,
    assert_throttled,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def strict_d7(emulator: Emulator, settings: Any) -> Emulator:
    """D7 is told our whole 60 seconds, so that it refuses a resend at the end of our countdown."""
    gateway = make_d7_settings(emulator, retry_delay_seconds=60)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    return emulator


@pytest.mark.parametrize("seconds_late", [0, 1, 9, 9.9])
def test_a_resend_at_the_very_end_of_our_countdown_is_taken_however_late_d7_accepted(
    api: Api, d7: Emulator, clocks: Clocks, seconds_late: float
):
    sent = api.send()
    for resend_count in (1, 2, 3):
        clocks.advance(sent["resend_after"], provider_seconds=60 - seconds_late)
        sent = api.resend(sent["otp_id"])
        assert (sent.status, sent["resend_count"]) == (200, resend_count)
    assert_approved(api.verify(sent["otp_id"], d7.messages(NUMBER)[-1]["code"]))


def test_the_seconds_before_the_end_of_our_countdown_are_refused_by_us_and_not_by_d7(
    api: Api, d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    clocks.advance(59)
    assert_throttled(api.resend(otp_id), retry_after=1)
    assert d7.calls(RESEND_PATH) == []


def test_all_our_resends_fit_into_those_that_d7_was_asked_for(
    api: Api, d7: Emulator, clocks: Clocks, settings
):
    settings.D7VERIFY = {**settings.D7VERIFY, "SENDS_PER_HOUR": 10}
    otp_id = api.send()["otp_id"]
    for _ in range(5):
        clocks.advance(60)
        assert api.resend(otp_id).status == 200
    clocks.advance(60)
    assert_refused(api.resend(otp_id), 400, "session_closed")
    assert (len(d7.calls(SEND_PATH)), len(d7.calls(RESEND_PATH))) == (1, 5)
    assert_approved(api.verify(otp_id, d7.messages(NUMBER)[-1]["code"]))


def test_a_resend_that_d7_finds_too_frequent_tells_the_person_to_wait_and_loses_nothing(
    api: Api, strict_d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    first_code = strict_d7.messages(NUMBER)[-1]["code"]
    budgets = Recipient.objects.values("sends_hour", "sends_day").get()
    expires_at = OTPSession.objects.get().expires_at
    clocks.advance(60, provider_seconds=51)

    assert_throttled(api.resend(otp_id), retry_after=10)
    assert api.state(otp_id).body == {
        "otp_id": otp_id,
        "status": "OPEN",
        "expiry": 540,
        "resend_count": 0,
        "resend_after": 10,
        "delivery": "",
    }
    session = OTPSession.objects.get()
    assert (session.status, session.resend_count, session.expires_at) == ("OPEN", 0, expires_at)
    assert Recipient.objects.values("sends_hour", "sends_day").get() == budgets
    assert Pin.objects.get(generation=2).status == "not_sent"
    event = Event.objects.latest("pk")
    assert (event.kind, event.reason, event.generation) == ("not_sent", "too_frequent", 2)
    # The code that was sent is still good.
    assert len(strict_d7.messages(NUMBER)) == 1
    assert_approved(api.verify(otp_id, first_code))


def test_a_resend_ten_seconds_after_d7_found_one_too_frequent_works(
    api: Api, strict_d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    clocks.advance(60, provider_seconds=51)
    assert_throttled(api.resend(otp_id), retry_after=10)
    clocks.advance(10)
    resent = api.resend(otp_id)
    assert (resent.status, resent["resend_count"], resent["resend_after"]) == (200, 1, 60)
    assert_approved(api.verify(otp_id, strict_d7.messages(NUMBER)[-1]["code"]))


def test_a_resend_that_d7_finds_too_frequent_does_not_loop(
    api: Api, strict_d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    clocks.advance(60, provider_seconds=51)
    assert_throttled(api.resend(otp_id), retry_after=10)
    # Impatience within the ten seconds is our affair: D7 is not asked, nor the wait begun anew.
    for waited in range(1, 10):
        clocks.advance(1, provider_seconds=0)
        assert_throttled(api.resend(otp_id), retry_after=10 - waited)
        assert_throttled(api.send(), retry_after=10 - waited)
    assert len(strict_d7.calls(RESEND_PATH)) == 1
    clocks.advance(1, provider_seconds=0)
    # D7's clock stood still: once more, and once only, it is asked.
    assert_throttled(api.resend(otp_id), retry_after=10)
    assert (len(strict_d7.calls(RESEND_PATH)), len(strict_d7.calls(SEND_PATH))) == (2, 1)


def test_a_new_send_is_not_held_up_by_d7_finding_a_resend_too_frequent(
    api: Api, strict_d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    clocks.advance(60, provider_seconds=51)
    assert_throttled(api.resend(otp_id), retry_after=10)
    clocks.advance(10, provider_seconds=0)
    sent = api.send()
    assert sent.status == 201
    assert_approved(api.verify(sent["otp_id"], strict_d7.messages(NUMBER)[-1]["code"]))
