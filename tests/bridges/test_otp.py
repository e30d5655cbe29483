"""A user's phone in django-otp, its admin and django-two-factor-auth, each as it is."""

from __future__ import annotations

import datetime
from typing import Any

import django_otp
import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_d7verify import services
from django_d7verify.contrib.otp.forms import PhoneTokenForm
from django_d7verify.contrib.otp.models import PhoneDevice
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, GatewayUnreachable
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, PhoneNumber
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.words import ERROR_TEXTS, EventKind
from tests.conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"


@pytest.fixture
def user() -> Any:
    made = get_user_model().objects.create_superuser("ann", password=PASSWORD)
    get_phone_store().bind(made, NUMBER, now=timezone.now())
    return made


@pytest.fixture
def device(user: Any) -> PhoneDevice:
    return PhoneDevice.objects.get()


def read_code() -> str:
    return locmem.outbox[-1].code or ""


def make_wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


# The device.


def test_a_user_has_a_device_while_they_have_a_number(user: Any):
    assert [str(found) for found in django_otp.devices_for_user(user)] == ["+9715*****67"]
    services.reset_numbers(user, by=user)
    assert not django_otp.user_has_device(user)


def test_a_number_that_is_not_primary_is_no_device(user: Any):
    PhoneNumber.objects.update(primary_of=None)
    assert not django_otp.user_has_device(user)


def test_there_is_no_device_that_is_not_confirmed(user: Any):
    assert not list(django_otp.devices_for_user(user, confirmed=False))


def test_a_code_is_right_once(device: PhoneDevice):
    assert device.is_interactive()
    assert device.generate_challenge() == "We sent a code to +9715*****67."
    code = read_code()
    assert not device.verify_token(make_wrong(code))
    assert device.verify_token(code)
    assert not device.verify_token(code)
    assert OTPSession.objects.get().purpose == "second_factor"
    assert services.is_verified(device.user, within_seconds=60)


def test_wrong_tokens_lock_the_session(device: PhoneDevice):
    device.generate_challenge()
    code = read_code()
    for _ in range(5):
        assert not device.verify_token(make_wrong(code))
    assert not device.verify_token(code)


def test_without_a_code_no_token_is_right(device: PhoneDevice):
    assert not device.verify_token("000000")
    assert not Event.objects.exists()


def test_a_code_for_another_purpose_is_none_for_the_device(device: PhoneDevice):
    services.send_otp(NUMBER, purpose="verify", user=device.user)
    assert not device.verify_token(read_code())


def test_where_no_code_can_be_sent_the_person_is_told_and_nothing_is_raised(
    device: PhoneDevice, monkeypatch: pytest.MonkeyPatch
):
    device.generate_challenge()
    assert device.generate_challenge() == ERROR_TEXTS["throttled"]
    assert len(locmem.outbox) == 1

    def refuse(*_: object) -> None:
        raise GatewayUnreachable("Gone.")

    monkeypatch.setattr(locmem.LocMemGateway, "send", refuse)
    with time_machine.travel(timezone.now() + datetime.timedelta(seconds=61), tick=False):
        assert device.generate_challenge() == ERROR_TEXTS["gateway_unreachable"]


def test_in_a_transaction_a_token_is_refused_loudly_and_never_compared(device: PhoneDevice):
    device.generate_challenge()
    with pytest.raises(ConfigurationError, match="outside"):
        django_otp.verify_token(device.user, device.persistent_id, read_code())
    assert device.verify_token(read_code())


def test_deleting_the_device_forgets_the_number_and_stands_in_the_audit(device: PhoneDevice):
    device.delete()
    assert not PhoneNumber.objects.exists()
    assert Event.objects.get().kind == EventKind.FACTOR_RESET


def test_deleting_the_user_deletes_the_number(user: Any):
    user.delete()
    assert not PhoneNumber.objects.exists()


# Forms.


def use_form(user: Any, **data: str) -> PhoneTokenForm:
    return PhoneTokenForm(user, data=data)


def test_the_form_sends_and_checks(device: PhoneDevice):
    user, chosen = device.user, device.persistent_id
    form = use_form(user, otp_device=chosen, otp_challenge="1")
    assert form.errors == {"__all__": ["We sent a code to +9715*****67."]}
    form = use_form(user, otp_device=chosen, otp_token=make_wrong(read_code()))
    assert not form.is_valid()
    assert OTPSession.objects.get().attempts == 1
    form = use_form(user, otp_device=chosen, otp_token=read_code())
    assert form.is_valid(), form.errors
    assert user.otp_device == device


def test_the_form_says_why_a_token_was_not_compared(device: PhoneDevice):
    user, chosen = device.user, device.persistent_id
    form = use_form(user, otp_device=chosen, otp_token="123456")
    assert form.errors == {"__all__": [ERROR_TEXTS["session_closed"]]}
    device.generate_challenge()
    form = use_form(user, otp_device=chosen, otp_token="12")
    assert form.errors == {"__all__": [ERROR_TEXTS["malformed_code"]]}
    assert user.otp_device is None


def test_the_form_says_that_an_answer_was_lost_and_not_that_a_message_may_be(
    user: Any, emulator: Emulator, settings: Any
):
    gateway = {
        "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
        "OPTIONS": {"api_token": "t", "originator": "SignOTP", "api_url": emulator.url},
    }
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    device = PhoneDevice.objects.get()
    device.generate_challenge()
    emulator.add_fault("cut_body", path="/verify/v1/otp/verify-otp")
    token = str(emulator.messages(NUMBER)[-1]["code"])
    form = use_form(user, otp_device=device.persistent_id, otp_token=token)
    assert form.errors == {"__all__": [ERROR_TEXTS["attempt_uncertain"]]}


def test_nobody_gets_in_by_the_phone_of_another(device: PhoneDevice):
    thief = get_user_model().objects.create_user("thief")
    device.generate_challenge()
    form = use_form(thief, otp_device=device.persistent_id, otp_token=read_code())
    assert not form.is_valid()
    assert OTPSession.objects.get().attempts == 0


def test_other_devices_go_their_own_way_through_the_form(user: Any):
    tokens = StaticDevice.objects.create(user=user, name="backup")
    tokens.token_set.create(token="abcdefgh")
    form = use_form(user, otp_device=tokens.persistent_id, otp_token="abcdefgh")
    assert form.is_valid(), form.errors
    assert user.otp_device == tokens


# Sites.


def test_the_admin_of_django_otp_opens_with_a_code(device: PhoneDevice):
    client = Client()
    page = "/otp-admin/login/?next=/otp-admin/"
    person = {"username": "ann", "password": PASSWORD, "otp_device": device.persistent_id}
    answer = client.post(page, {**person, "otp_challenge": "1"})
    assert b"We sent a code to +9715*****67." in answer.content
    assert client.get("/otp-admin/").status_code == 302
    answer = client.post(page, {**person, "otp_token": read_code()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/otp-admin/")
    assert client.get("/otp-admin/").status_code == 200
    assert client.get("/secret/").content == b"behind two factors"
    assert OTPSession.objects.get().address == "127.0.0.1"


def test_a_session_is_verified_no_more_when_the_number_is_another(device: PhoneDevice):
    client = Client()
    device.generate_challenge()
    person = {"username": "ann", "password": PASSWORD, "otp_device": device.persistent_id}
    client.post("/otp-admin/login/?next=/otp-admin/", {**person, "otp_token": read_code()})
    assert client.get("/secret/").status_code == 200
    get_phone_store().bind(device.user, "+971501234568", now=timezone.now())
    assert client.get("/secret/").status_code == 302


def log_in(client: Client) -> Any:
    step = {"login_view-current_step": "auth"}
    person = {"auth-username": "ann", "auth-password": PASSWORD}
    return client.post("/account/login/", {**step, **person})


def give(client: Client, code: str) -> Any:
    step = {"login_view-current_step": "token", "token-otp_token": code}
    return client.post("/account/login/", step)


def test_two_factor_auth_sends_the_code_and_takes_it(device: PhoneDevice):
    client = Client()
    answer = log_in(client)
    assert b"Enter the code that we sent to +9715*****67." in answer.content
    code = read_code()
    assert give(client, make_wrong(code)).status_code == 200
    assert client.get("/secret/").status_code == 302
    answer = give(client, code)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/secret/")
    assert client.get("/secret/").content == b"behind two factors"


def test_two_factor_auth_shows_its_page_also_when_it_is_too_soon_for_another_code(
    device: PhoneDevice,
):
    log_in(Client())
    client = Client()
    assert log_in(client).status_code == 200
    assert len(locmem.outbox) == 1
    assert give(client, read_code()).status_code == 302


def test_two_factor_auth_offers_the_phone_beside_a_generator(user: Any):
    generator = TOTPDevice.objects.create(user=user, name="default", confirmed=True)
    client = Client()
    page = log_in(client).content.decode()
    assert "Send a code to +9715*****67" in page
    assert not locmem.outbox
    assert give(client, f"{totp(generator.bin_key):06}").status_code == 302


def test_who_has_no_number_is_told_so_by_the_setup_of_two_factor_auth(user: Any):
    services.reset_numbers(user, by=user)
    client = Client()
    client.force_login(user)
    client.post("/account/two_factor/setup/", {"setup_view-current_step": "welcome"})
    chosen = {"setup_view-current_step": "method", "method-method": "d7verify"}
    client.post("/account/two_factor/setup/", chosen)
    step = {"setup_view-current_step": "d7verify"}
    answer = client.post("/account/two_factor/setup/", step)
    assert b"Add a phone number to your account first." in answer.content
