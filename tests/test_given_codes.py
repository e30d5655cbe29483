"""Codes that another package made: sent by us, under all limits, and known to no queue."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, GatewayUnreachable, Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Recipient

from .conftest import NUMBER, make_d7_settings

pytestmark = pytest.mark.django_db

CODE = "271828"
LOCMEM = "django_d7verify.gateways.locmem.LocMemGateway"


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ann")


def test_a_given_code_is_sent_and_is_the_right_one(user: Any):
    otp = services.send_number_otp(NUMBER, user=user, code=CODE)
    assert [message.code for message in locmem.outbox] == [CODE]
    assert not services.verify_otp(otp.otp_id, "271829").approved
    result = services.verify_otp(otp.otp_id, CODE, purpose="change_phone")
    services.bind_number(result.otp, user=user)


def test_a_given_code_is_charged_as_any_other(user: Any):
    services.send_number_otp(NUMBER, user=user, code=CODE)
    with pytest.raises(Throttled):
        services.send_number_otp(NUMBER, user=user, code=CODE)
    assert len(locmem.outbox) == 1


def test_a_given_code_stands_in_no_repr_and_in_no_row(user: Any):
    services.send_number_otp(NUMBER, user=user, code=CODE)
    session = OTPSession.objects.get()
    assert CODE not in str(vars(session))
    assert CODE not in str([vars(pin) for pin in session.pins.all()])


def test_a_given_code_goes_into_no_queue(user: Any, settings: Any):
    dispatcher = "django_d7verify.dispatchers.ThreadDispatcher"
    settings.D7VERIFY = {**settings.D7VERIFY, "DISPATCHER": dispatcher}
    services.send_number_otp(NUMBER, user=user, code=CODE)
    assert [message.code for message in locmem.outbox] == [CODE]


def test_a_gateway_that_makes_its_own_codes_takes_none_and_nothing_is_charged(
    user: Any, d7: Emulator
):
    with pytest.raises(ConfigurationError, match="its own codes only"):
        services.send_number_otp(NUMBER, user=user, code=CODE)
    assert not d7.calls()
    assert not Recipient.objects.exists()


def test_a_given_code_fails_over_to_gateways_that_can_carry_it_only(
    user: Any, settings: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    gateways = {
        "default": {"BACKEND": LOCMEM, "FAILOVER": ["d7", "second"]},
        "d7": make_d7_settings(emulator),
        "second": {"BACKEND": LOCMEM},
    }
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}

    send = locmem.LocMemGateway.send

    def fail_first(gateway: locmem.LocMemGateway, message: Any) -> Any:
        if gateway.alias == "default":
            raise GatewayUnreachable("Gone.")
        return send(gateway, message)

    monkeypatch.setattr(locmem.LocMemGateway, "send", fail_first)
    services.send_number_otp(NUMBER, user=user, code=CODE)
    assert [message.code for message in locmem.outbox] == [CODE]
    assert not emulator.calls()
