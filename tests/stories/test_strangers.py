"""What people who are not known do to a number whose owner the site knows."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.exceptions import LockedOut, Throttled
from django_d7verify.models import OTPSession, Recipient
from tests.conftest import NUMBER

from .site import (
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_refused,
    assert_throttled,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("owner")


@pytest.fixture
def stranger(api: Api) -> Api:
    return api


@pytest.fixture(autouse=True)
def five_failures(settings: Any) -> None:
    """As many as one session has, so that the number is locked by one."""
    settings.D7VERIFY = {**settings.D7VERIFY, "FAILURES_PER_HOUR": 5}


def guess_until_locked(stranger: Api, phones: Phones, clocks: Clocks) -> None:
    otp_id = stranger.send()["otp_id"]
    for variant in range(1, 6):
        stranger.verify(otp_id, make_wrong(phones.newest_code(), variant))
    clocks.advance(60)
    assert_refused(stranger.send(), 429, "locked", retry_after=660)


def test_guesses_of_strangers_do_not_lock_the_owner_out(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    guess_until_locked(stranger, phones, clocks)
    otp = services.send_otp(NUMBER, user=owner)
    assert services.verify_otp(otp.otp_id, phones.newest_code()).approved


def test_guesses_of_strangers_neither_close_nor_spend_a_session_of_the_owner(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    otp = services.send_otp(NUMBER, user=owner)
    code = phones.newest_code()
    clocks.advance(60)
    guess_until_locked(stranger, phones, clocks)
    assert OTPSession.objects.get(pk=otp.otp_id).attempts == 0
    # Right and wrong are answered by HTTP too: the session is the owner's, whoever carries it.
    assert_wrong(stranger.verify(otp.otp_id, make_wrong(code)), attempts_left=4)
    assert_approved(stranger.verify(otp.otp_id, code))


def test_sends_of_strangers_do_not_spend_the_sends_of_the_owner(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    for _ in range(5):
        assert stranger.send().status == 201
        clocks.advance(60)
    assert_throttled(stranger.send(), retry_after=420)
    for _ in range(5):
        otp = services.send_otp(NUMBER, user=owner)
        clocks.advance(60)
    assert services.verify_otp(otp.otp_id, phones.newest_code()).approved


def test_sends_of_the_owner_do_not_spend_those_of_strangers(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    for _ in range(5):
        services.send_otp(NUMBER, user=owner)
        clocks.advance(60)
    with pytest.raises(Throttled):
        services.send_otp(NUMBER, user=owner)
    assert stranger.send().status == 201


def test_a_send_of_a_stranger_neither_closes_nor_uses_my_session(
    stranger: Api, phones: Phones, clocks: Clocks
):
    mine = stranger.send()["otp_id"]
    code = phones.newest_code()
    clocks.advance(60)
    theirs = stranger.send()["otp_id"]
    # It is my phone that their code comes to, and neither session knows the other's.
    assert_wrong(stranger.verify(theirs, code), attempts_left=4)
    stranger.cancel(theirs)
    assert_approved(stranger.verify(mine, code))


def test_the_sixty_seconds_are_shared_with_strangers(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    stranger.send()
    with pytest.raises(Throttled) as caught:
        services.send_otp(NUMBER, user=owner)
    assert caught.value.retry_after_seconds == 60
    clocks.advance(60)
    otp = services.send_otp(NUMBER, user=owner)
    assert_throttled(stranger.resend(otp.otp_id), retry_after=60)
    assert len(phones.codes()) == 2


def test_guesses_of_strangers_never_disable_a_number(
    stranger: Api, phones: Phones, clocks: Clocks, owner, settings
):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 5}
    guess_until_locked(stranger, phones, clocks)
    recipient = Recipient.objects.get()
    assert (recipient.failures_in_a_row, recipient.disabled) == (0, False)
    assert services.send_otp(NUMBER, user=owner)


def test_failures_in_a_row_of_the_owner_disable_the_number_for_the_owner_alone(
    stranger: Api, phones: Phones, clocks: Clocks, owner, settings
):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 3}
    otp = services.send_otp(NUMBER, user=owner)
    code = phones.newest_code()
    for variant in (1, 2, 3):
        assert not services.verify_otp(otp.otp_id, make_wrong(code, variant)).approved
    with pytest.raises(LockedOut):
        services.verify_otp(otp.otp_id, code)
    # No clock opens it again; only staff or a new binding does.
    clocks.advance(7 * 86_400)
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, user=owner)
    theirs = stranger.send()
    assert_approved(stranger.verify(theirs["otp_id"], phones.newest_code()))


def test_a_right_code_of_the_owner_begins_the_row_of_failures_anew(
    phones: Phones, clocks: Clocks, owner, settings
):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 3}
    for _ in range(2):
        otp = services.send_otp(NUMBER, user=owner)
        code = phones.newest_code()
        for variant in (1, 2):
            assert not services.verify_otp(otp.otp_id, make_wrong(code, variant)).approved
        assert services.verify_otp(otp.otp_id, code).approved
        clocks.advance(60)


def test_failures_of_the_owner_lock_the_owner_by_the_hour_and_nobody_else(
    stranger: Api, phones: Phones, clocks: Clocks, owner
):
    otp = services.send_otp(NUMBER, user=owner)
    for variant in range(1, 6):
        services.verify_otp(otp.otp_id, make_wrong(phones.newest_code(), variant))
    clocks.advance(60)
    with pytest.raises(LockedOut) as caught:
        services.send_otp(NUMBER, user=owner)
    assert caught.value.retry_after_seconds == 660
    theirs = stranger.send()
    assert_approved(stranger.verify(theirs["otp_id"], phones.newest_code()))
    assert_refused(stranger.resend(otp.otp_id), 400, "session_closed")
