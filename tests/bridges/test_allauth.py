"""Signing up and logging in by phone with django-allauth as it is, over our gateways and limits."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user, get_user_model
from django.test import Client
from django.utils import timezone

from django_d7verify import services
from django_d7verify.exceptions import ConfigurationError, GatewayUncertain, GatewayUnreachable
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, PhoneNumber
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.words import EventKind, SessionStatus
from tests.conftest import NUMBER, make_d7_settings

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
OTHER = "+971501234568"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def user() -> Any:
    made = get_user_model().objects.create_user("ann", password=PASSWORD)
    get_phone_store().bind(made, NUMBER, now=timezone.now())
    return made


def sign_up(client: Client, phone: str = NUMBER) -> Any:
    return client.post("/accounts/signup/", {"phone": phone, "password1": PASSWORD})


def ask_for_code(client: Client, phone: str = NUMBER) -> Any:
    return client.post("/accounts/login/code/", {"phone": phone})


def read_code() -> str:
    return locmem.outbox[-1].code or ""


def make_wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def confirm(client: Client, code: str) -> Any:
    return client.post("/accounts/phone/verify/", {"code": code, "action": "verify"})


def is_signed_in(client: Client) -> bool:
    return bool(get_user(client).is_authenticated)


def test_who_signs_up_is_in_when_the_number_is_proven_and_not_before():
    client = Client()
    answer = sign_up(client, "+971 50 123-4567")
    assert answer.headers["Location"] == "/accounts/phone/verify/"
    assert not PhoneNumber.objects.exists()
    assert confirm(client, make_wrong(read_code())).status_code == 200
    assert not is_signed_in(client)
    assert confirm(client, read_code()).status_code == 302
    assert is_signed_in(client)
    assert PhoneNumber.objects.get().number == NUMBER
    session = OTPSession.objects.get()
    assert (session.status, session.address) == (SessionStatus.APPROVED, "127.0.0.1")
    events = Event.objects.order_by("pk").values_list("kind", "address")
    here = "127.0.0.1"
    assert list(events) == [
        *[(EventKind.SENT, ""), (EventKind.APPROVED, here), (EventKind.BOUND, here)]
    ]


def test_the_owner_of_a_number_logs_in_by_code(user: Any):
    client = Client()
    assert ask_for_code(client).headers["Location"] == "/accounts/login/code/confirm/"
    page = "/accounts/login/code/confirm/"
    assert client.post(page, {"code": make_wrong(read_code())}).status_code == 200
    assert not is_signed_in(client)
    assert client.post(page, {"code": read_code()}).status_code == 302
    assert get_user(client) == user
    assert OTPSession.objects.get().status == SessionStatus.APPROVED
    assert not OTPSession.objects.get().owned


def test_a_number_that_nobody_has_gets_nothing_and_the_same_page(user: Any):
    known, unknown = ask_for_code(Client()), ask_for_code(Client(), OTHER)
    assert known.status_code == unknown.status_code
    assert known.headers["Location"] == unknown.headers["Location"]
    assert [message.recipient for message in locmem.outbox] == [NUMBER]


def test_a_number_that_is_not_proven_is_nobodys():
    sign_up(Client())
    assert get_user_model().objects.count() == 1
    assert get_phone_store().find_user(NUMBER) is None


def test_a_change_of_number_tells_the_old_one_and_stands_in_the_audit(user: Any):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/accounts/phone/change/", {"phone": OTHER})
    assert get_phone_store().find_number(user) == NUMBER
    assert confirm(client, read_code()).status_code == 302
    assert get_phone_store().find_number(user) == OTHER
    assert Event.objects.filter(kind=EventKind.UNBOUND).count() == 1
    assert [number for number, _ in locmem.notices[-1:]] == [NUMBER]


def test_ours_are_the_limits_and_allauth_says_so(user: Any, clock: time_machine.Traveller):
    client = Client()
    assert ask_for_code(client).status_code == 302
    refused = ask_for_code(Client())
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert len(locmem.outbox) == 1
    clock.shift(datetime.timedelta(seconds=60))
    assert ask_for_code(Client()).status_code == 302
    assert len(locmem.outbox) == 2


def test_a_resend_too_soon_is_a_message_on_the_page_and_the_code_stays_good():
    client = Client()
    sign_up(client)
    answer = client.post("/accounts/phone/verify/", {"action": "resend"}, follow=True)
    assert answer.status_code == 200
    assert len(locmem.outbox) == 1
    assert confirm(client, read_code()).status_code == 302


def test_a_stopped_number_is_sent_nothing(user: Any):
    services.stop_recipient(NUMBER, by=user)
    assert ask_for_code(Client()).status_code == 400
    assert not locmem.outbox


def test_what_is_no_number_is_an_error_of_the_form():
    answer = sign_up(Client(), "+999999999")
    assert answer.status_code == 200
    assert b"Enter a valid phone number" in answer.content
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize(
    ("error", "status"), [(GatewayUnreachable("Gone."), 503), (GatewayUncertain("Cut."), 302)]
)
def test_a_code_that_was_not_sent_is_a_503_and_one_that_maybe_was_can_be_entered(
    user: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
):
    def fail(_gateway: object, message: Any) -> None:
        locmem.outbox.append(message)
        raise error

    monkeypatch.setattr(locmem.LocMemGateway, "send", fail)
    client = Client()
    assert ask_for_code(client).status_code == status
    client.post("/accounts/login/code/confirm/", {"code": read_code()})
    assert is_signed_in(client) is (status == 302)


def test_a_number_that_somebody_else_proves_first_is_theirs(user: Any):
    PhoneNumber.objects.all().delete()
    client = Client()
    sign_up(client)
    get_phone_store().bind(user, NUMBER, now=timezone.now())
    assert b"already registered" in confirm(client, read_code()).content
    assert not is_signed_in(client)
    assert get_phone_store().find_user(NUMBER) == user


def test_the_code_of_a_test_number_is_the_one_in_the_settings(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "TEST_NUMBERS": {NUMBER: {"CODE": "314159"}}}
    client = Client()
    sign_up(client)
    assert not locmem.outbox
    assert confirm(client, "314159").status_code == 302
    assert is_signed_in(client)


def test_with_a_queue_the_code_is_sent_by_the_caller_and_is_in_no_queue(settings: Any, user: Any):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "DISPATCHER": "django_d7verify.contrib.tasks.TasksDispatcher",
    }
    assert ask_for_code(Client()).status_code == 302
    assert len(locmem.outbox) == 1


def test_a_gateway_that_makes_its_own_codes_is_a_mistake_of_the_site(settings: Any, emulator: Any):
    gateway = make_d7_settings(emulator)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    with pytest.raises(ConfigurationError, match="its own codes only"):
        sign_up(Client())
    assert not OTPSession.objects.exists()
