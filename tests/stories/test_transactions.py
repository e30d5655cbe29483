"""No caller's transaction may undo a charge, or hold a claim back from others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction

from django_d7verify import services
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.models import Event, OTPSession, Recipient
from tests.conftest import NUMBER

from .site import (
    OTHER_NUMBER,
    Api,
    Clocks,
    Phones,
    assert_approved,
    assert_closed,
    assert_throttled,
    assert_wrong,
    make_wrong,
)


@pytest.fixture
def atomic_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Django's own tests do: the setting of a database cannot be overridden at run time.
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)


@pytest.mark.django_db(transaction=True)
def test_a_wrong_code_is_counted_under_atomic_requests(
    atomic_requests: None, api: Api, phones: Phones, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    code = phones.newest_code()
    for variant in range(1, 6):
        assert_wrong(api.verify(otp_id, make_wrong(code, variant)), attempts_left=5 - variant)
    assert_closed(api.verify(otp_id, code))
    session = OTPSession.objects.get()
    assert (session.attempts, session.status) == (5, "LOCKED")


@pytest.mark.django_db(transaction=True)
def test_a_whole_story_can_be_told_under_atomic_requests(
    atomic_requests: None, api: Api, phones: Phones, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    assert_throttled(api.send(), retry_after=60)
    clocks.advance(60)
    assert api.resend(otp_id).status == 200
    assert_approved(api.verify(otp_id, phones.newest_code()))
    assert_closed(api.verify(otp_id, phones.newest_code()))
    clocks.advance(60)
    other = api.send()["otp_id"]
    assert api.cancel(other)["status"] == "CANCELLED"
    assert api.state(other)["status"] == "CANCELLED"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("atomic_requests", "clocks")
def test_what_is_known_of_a_send_is_kept_under_atomic_requests(api: Api, d7):
    d7.add_fault("no_credit")
    assert api.send().status == 502
    assert [event.kind for event in Event.objects.all()] == ["not_sent"]
    # Given back, so at once.
    d7.add_fault("server_error")
    assert api.send().status == 504
    assert [event.kind for event in Event.objects.all()] == ["not_sent", "send_uncertain"]
    assert_throttled(api.send(), retry_after=60)


def call_every_service(otp_id: str, code: str, token: str) -> list[Callable[[], Any]]:
    return [
        lambda: services.send_otp(OTHER_NUMBER),
        lambda: services.resend_otp(otp_id),
        lambda: services.verify_otp(otp_id, code),
        lambda: services.verify_otp(otp_id, make_wrong(code)),
        lambda: services.cancel_otp(otp_id),
        lambda: services.consume_verification_token(token, purpose="verify"),
    ]


@pytest.mark.django_db
def test_a_service_inside_a_transaction_is_refused_with_nothing_sent_asked_or_written(
    phones: Phones, clocks: Clocks, emulator
):
    approved = services.send_otp(NUMBER)
    result = services.verify_otp(approved.otp_id, phones.newest_code())
    token = services.make_verification_token(result.otp)
    clocks.advance(60)
    otp_id = services.send_otp(NUMBER).otp_id
    code = phones.newest_code()
    clocks.advance(60)
    before = [list(model.objects.values()) for model in (OTPSession, Recipient, Event)]
    calls, sent = emulator.calls(), phones.all_codes()

    for call in call_every_service(otp_id, code, token):
        with transaction.atomic(), pytest.raises(ConfigurationError, match="non_atomic_requests"):
            call()

    assert [list(model.objects.values()) for model in (OTPSession, Recipient, Event)] == before
    assert (emulator.calls(), phones.all_codes()) == (calls, sent)
    # Outside of it, each of them does what it is for.
    assert services.resend_otp(otp_id).resend_count == 1
    assert services.verify_otp(otp_id, phones.newest_code()).approved
    assert services.consume_verification_token(token, purpose="verify")


@pytest.mark.django_db
def test_a_transaction_learns_nothing_of_a_code_it_could_not_pay_for(
    phones: Phones, clocks: Clocks
):
    otp_id = services.send_otp(NUMBER).otp_id
    code = phones.newest_code()
    told = []
    for text in (code, make_wrong(code)):
        with transaction.atomic(), pytest.raises(ConfigurationError) as caught:
            services.verify_otp(otp_id, text)
        told.append(str(caught.value))
    assert told[0] == told[1]
