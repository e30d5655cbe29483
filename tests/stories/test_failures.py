"""What guards a number stands on the number: no new code and no new session begins it anew."""

from __future__ import annotations

import pytest

from django_d7verify.models import OTPSession, Recipient
from tests.conftest import NUMBER

from .site import (
    OTHER_NUMBER,
    VERIFY_PATH,
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_refused,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db


def fail(api: Api, otp_id: str, code: str, times: int) -> None:
    for variant in range(1, times + 1):
        answer = api.verify(otp_id, make_wrong(code, variant))
        assert answer["code"] == "invalid_code"


def assert_locked(answer, retry_after: int) -> None:
    assert_refused(answer, 429, "locked", retry_after=retry_after)


def test_ten_failures_in_an_hour_lock_the_number_over_all_its_sessions(
    api: Api, phones: Phones, clocks: Clocks, emulator
):
    first = api.send()["otp_id"]
    fail(api, first, phones.newest_code(), times=5)
    clocks.advance(60)
    second = api.send()["otp_id"]
    fail(api, second, phones.newest_code(), times=4)
    clocks.advance(60)
    third = api.send()["otp_id"]
    code = phones.newest_code()
    fail(api, third, code, times=1)

    # One failure of ten comes back every 360 s, and 120 s have passed.
    assert_locked(api.verify(third, code), retry_after=240)
    assert_locked(api.verify(third, make_wrong(code)), retry_after=240)
    assert_locked(api.send(), retry_after=240)
    assert_locked(api.resend(third), retry_after=240)
    assert OTPSession.objects.get(pk=third).attempts == 1
    if phones.makes_codes:
        assert len(emulator.calls(VERIFY_PATH)) == 10

    clocks.advance(239)
    assert_locked(api.verify(third, code), retry_after=1)
    clocks.advance(1)
    assert_approved(api.verify(third, code))


def test_a_resend_does_not_reset_the_failure_count(api: Api, phones: Phones, clocks: Clocks):
    otp_id = api.send()["otp_id"]
    fail(api, otp_id, phones.newest_code(), times=4)
    before = Recipient.objects.get()
    clocks.advance(60)
    assert api.resend(otp_id).status == 200
    after = Recipient.objects.get()
    assert after.failures_hour == before.failures_hour != 0
    assert after.failures_day == before.failures_day != 0
    assert_wrong(api.verify(otp_id, make_wrong(phones.newest_code())), attempts_left=0)


def test_an_approval_forgets_the_failures_of_the_hour_and_not_those_of_the_day(
    api: Api, phones: Phones, clocks: Clocks, settings
):
    settings.D7VERIFY = {**settings.D7VERIFY, "FAILURES_PER_HOUR": 5, "FAILURES_PER_DAY": 8}
    first = api.send()["otp_id"]
    fail(api, first, phones.newest_code(), times=4)
    assert_approved(api.verify(first, phones.newest_code()))
    clocks.advance(60)
    second = api.send()["otp_id"]
    code = phones.newest_code()
    fail(api, second, code, times=4)
    # One of eight comes back every 10,800 s.
    assert_locked(api.verify(second, code), retry_after=10_800 - 60)


def test_the_failures_of_one_number_lock_no_other(api: Api, phones: Phones, clocks: Clocks):
    for _ in range(2):
        otp_id = api.send()["otp_id"]
        fail(api, otp_id, phones.newest_code(), times=5)
        clocks.advance(60)
    assert api.send()["code"] == "locked"
    other = api.send(OTHER_NUMBER)
    assert_approved(api.verify(other["otp_id"], phones.newest_code(OTHER_NUMBER)))


def test_a_locked_number_is_sent_nothing(api: Api, phones: Phones, clocks: Clocks):
    for _ in range(2):
        fail(api, api.send()["otp_id"], phones.newest_code(), times=5)
        clocks.advance(60)
    sent = len(phones.codes(NUMBER))
    assert api.send()["code"] == "locked"
    assert len(phones.codes(NUMBER)) == sent == 2
