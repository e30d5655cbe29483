"""Users' own numbers: proven, bound, changed, taken away, kept where the site keeps them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_d7verify import services, signals
from django_d7verify.exceptions import ConfigurationError, NoNumber, NumberTaken, SessionClosed
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, PhoneNumber, Recipient
from django_d7verify.phone_stores import ModelPhoneStore, PhoneStore, get_phone_store
from django_d7verify.services import OTP
from django_d7verify.words import EventKind, Requester

from .conftest import NUMBER, set_d7verify
from .logging_in import OTHER_NUMBER, deliver, listen, make_user, send_login
from .parallel import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

THIRD_NUMBER = "+971509876543"


@pytest.fixture
def user() -> Any:
    return make_user(NUMBER)


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def prove(user: Any, number: str, *, now: datetime | None = None) -> OTP:
    otp = services.send_number_otp(number, user=user, now=now)
    return services.verify_otp(otp.otp_id, newest_code(), purpose="change_phone", now=now).otp


def find_kinds(number: str) -> list[str]:
    events = Event.objects.filter(recipient__number=number).order_by("pk")
    return list(events.values_list("kind", flat=True))


def numbers_of(user: Any) -> list[tuple[str, bool]]:
    rows = PhoneNumber.objects.filter(user=user).order_by("pk")
    return [(row.number, row.is_primary) for row in rows]


# Binding.


def test_the_first_number_is_bound_and_nobody_is_told():
    user = make_user(None)
    with listen(signals.phone_changed) as heard:
        services.bind_number(prove(user, NUMBER), user=user)
    assert numbers_of(user) == [(NUMBER, True)]
    assert get_phone_store().find_user(NUMBER) == user
    assert find_kinds(NUMBER) == [EventKind.BOUND]
    assert locmem.notices == []
    assert [(said["user"], said["old"], said["new"]) for said in heard] == [
        (user, "", "+9715*****67")
    ]


def test_the_audit_has_the_address_from_which_a_number_was_bound(user: Any):
    asker = Requester(address="192.0.2.1")
    services.bind_number(prove(user, OTHER_NUMBER), user=user, requester=asker)
    assert Event.objects.get(kind=EventKind.BOUND).address == "192.0.2.1"


def test_a_new_number_takes_the_place_of_the_old_one_which_is_told(user: Any):
    with listen(signals.phone_changed) as heard:
        services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert numbers_of(user) == [(OTHER_NUMBER, True)]
    assert get_phone_store().find_user(NUMBER) is None
    assert find_kinds(NUMBER) == [EventKind.UNBOUND, EventKind.NOTIFIED]
    assert find_kinds(OTHER_NUMBER) == [EventKind.BOUND]
    assert Event.objects.filter(by=user).count() == 2
    ((number, text),) = locmem.notices
    assert number == NUMBER
    assert "new phone number" in text
    assert not any(digits in text for digits in (NUMBER[-4:], OTHER_NUMBER[-4:]))
    assert heard[0]["old"] == "+9715*****67"
    assert all(NUMBER not in str(value) for value in heard[0].values())


def test_the_same_number_again_is_no_change(user: Any):
    services.bind_number(prove(user, NUMBER), user=user)
    assert numbers_of(user) == [(NUMBER, True)]
    assert locmem.notices == []
    assert find_kinds(NUMBER) == [EventKind.BOUND]


def test_a_secondary_number_becomes_the_primary_one(user: Any):
    PhoneNumber.objects.create(user=user, number=OTHER_NUMBER, verified_at=timezone.now())
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert numbers_of(user) == [(OTHER_NUMBER, True)]
    assert locmem.notices[0][0] == NUMBER


def test_a_number_that_another_user_has_is_not_taken_from_them(user: Any):
    other = make_user(OTHER_NUMBER)
    otp = prove(user, OTHER_NUMBER)
    with pytest.raises(NumberTaken) as caught:
        services.bind_number(otp, user=user)
    assert numbers_of(user) == [(NUMBER, True)]
    assert numbers_of(other) == [(OTHER_NUMBER, True)]
    assert locmem.notices == []
    assert find_kinds(OTHER_NUMBER) == []
    assert OTHER_NUMBER not in repr(caught.value)


def test_one_proof_binds_once(user: Any):
    otp = prove(user, OTHER_NUMBER)
    services.bind_number(otp, user=user)
    with pytest.raises(SessionClosed):
        services.bind_number(otp, user=user)
    assert len(locmem.notices) == 1


def test_one_proof_binds_once_at_once(user: Any):
    otp = prove(user, OTHER_NUMBER)
    outcomes = run_at_once(20, lambda _: services.bind_number(otp, user=user))
    assert outcomes == {"None": 1, "SessionClosed": 19}
    assert numbers_of(user) == [(OTHER_NUMBER, True)]


def test_a_proof_of_another_user_binds_nothing(user: Any):
    otp = prove(user, OTHER_NUMBER)
    thief = make_user(None)
    with pytest.raises(SessionClosed):
        services.bind_number(otp, user=thief)
    services.bind_number(otp, user=user)


def test_a_session_that_is_nobodys_binds_nothing(user: Any):
    otp = services.send_otp(OTHER_NUMBER, purpose="change_phone")
    proven = services.verify_otp(otp.otp_id, newest_code()).otp
    with pytest.raises(SessionClosed):
        services.bind_number(proven, user=user)


@pytest.mark.parametrize("purpose", ["login", "second_factor", "verify"])
def test_a_proof_for_another_purpose_binds_nothing(user: Any, purpose: str):
    otp = services.send_otp(OTHER_NUMBER, purpose=purpose, user=user)
    proven = services.verify_otp(otp.otp_id, newest_code()).otp
    with pytest.raises(SessionClosed):
        services.bind_number(proven, user=user)
    assert numbers_of(user) == [(NUMBER, True)]


def test_a_code_that_was_not_given_binds_nothing(user: Any):
    otp = services.send_number_otp(OTHER_NUMBER, user=user)
    with pytest.raises(SessionClosed):
        services.bind_number(otp, user=user)


def test_a_proof_binds_for_five_minutes(user: Any):
    now = timezone.now()
    otp = prove(user, OTHER_NUMBER, now=now)
    with pytest.raises(SessionClosed):
        services.bind_number(otp, user=user, now=now + timedelta(seconds=300))
    services.bind_number(otp, user=user, now=now + timedelta(seconds=299))


def test_a_new_number_is_charged_as_a_strangers_until_it_is_proven(user: Any):
    services.send_number_otp(OTHER_NUMBER, user=user)
    row = Recipient.objects.get()
    assert row.sends_hour > 0
    assert row.owned_sends_hour == 0
    assert not OTPSession.objects.get().owned


def test_two_changes_at_once_leave_one_primary_number_and_tell_each_that_was_replaced(user: Any):
    proofs = [prove(user, OTHER_NUMBER), prove(user, THIRD_NUMBER)]
    outcomes = run_at_once(2, lambda i: services.bind_number(proofs[i], user=user))
    assert outcomes == {"None": 2}
    ((left, _),) = numbers_of(user)
    replaced = {OTHER_NUMBER, THIRD_NUMBER, NUMBER} - {left}
    assert {number for number, _ in locmem.notices} == replaced


def test_two_first_numbers_at_once_leave_one(settings: Any):
    user = make_user(None)
    proofs = [prove(user, OTHER_NUMBER), prove(user, THIRD_NUMBER)]
    outcomes = run_at_once(2, lambda i: services.bind_number(proofs[i], user=user))
    assert outcomes == {"None": 2}
    assert len(numbers_of(user)) == 1


def test_a_number_that_two_users_prove_at_once_is_one_users(settings: Any):
    set_d7verify(settings, RESEND_WAIT_SECONDS=1)
    now = timezone.now()
    users = [make_user(None), make_user(None)]
    proofs = [
        prove(user, NUMBER, now=now + timedelta(seconds=seconds))
        for seconds, user in enumerate(users)
    ]
    outcomes = run_at_once(2, lambda i: services.bind_number(proofs[i], user=users[i]))
    assert outcomes == {"None": 1, "NumberTaken": 1}


@pytest.mark.parametrize("twice", ["primary_of", "number"])
def test_a_user_has_one_primary_number_and_a_number_one_user_on_every_database(
    user: Any, twice: str
):
    other = make_user(None)
    columns = {
        "primary_of": {"user": user, "primary_of": user, "number": OTHER_NUMBER},
        "number": {"user": other, "primary_of": other, "number": NUMBER},
    }[twice]
    with pytest.raises(IntegrityError), transaction.atomic():
        PhoneNumber.objects.create(verified_at=timezone.now(), **columns)
    for number in (OTHER_NUMBER, THIRD_NUMBER):
        PhoneNumber.objects.create(user=user, number=number, verified_at=timezone.now())


# Telling the number before.


def test_the_old_number_is_not_told_where_the_site_says_so(user: Any, settings: Any):
    set_d7verify(settings, TELL_OLD_NUMBER=False)
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert locmem.notices == []
    assert find_kinds(NUMBER) == [EventKind.UNBOUND]


def test_an_old_number_on_the_stop_list_is_not_told(user: Any):
    services.stop_recipient(NUMBER, reason="asked for it")
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert locmem.notices == []


def test_the_first_gateway_that_carries_texts_tells_the_old_number(user: Any, settings: Any):
    gateways = {
        "default": {"BACKEND": "tests.numbers_gateways.CodesOnlyGateway"},
        "texts": {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"},
    }
    set_d7verify(settings, GATEWAYS=gateways)
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert len(locmem.notices) == 1
    assert Event.objects.get(kind=EventKind.NOTIFIED).gateway == "texts"


def test_where_no_gateway_carries_texts_nobody_is_told(user: Any, settings: Any):
    gateways = {"default": {"BACKEND": "tests.numbers_gateways.CodesOnlyGateway"}}
    set_d7verify(settings, GATEWAYS=gateways)
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert numbers_of(user) == [(OTHER_NUMBER, True)]
    assert locmem.notices == []


@pytest.mark.parametrize("fault", ["GatewayRefused", "GatewayUncertain", "ConfigurationError"])
def test_a_gateway_that_fails_to_tell_undoes_nothing_and_is_in_the_audit(
    user: Any, settings: Any, fault: str, caplog: Any
):
    gateways = {
        "default": {
            "BACKEND": "tests.numbers_gateways.MuteGateway",
            "OPTIONS": {"fault": fault},
        }
    }
    set_d7verify(settings, GATEWAYS=gateways)
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert numbers_of(user) == [(OTHER_NUMBER, True)]
    assert find_kinds(NUMBER) == [EventKind.UNBOUND, EventKind.NOT_SENT]
    assert "was not told" in caplog.text
    assert NUMBER not in caplog.text


def test_a_site_without_templates_tells_the_old_number_all_the_same(user: Any, settings: Any):
    settings.TEMPLATES = []
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert "new phone number" in locmem.notices[0][1]


# Second factor.


def test_a_second_factor_goes_to_the_users_own_number_and_is_charged_to_their_own_limits(
    user: Any,
):
    otp = services.send_second_factor_otp(user)
    assert locmem.outbox[-1].recipient == NUMBER
    row = Recipient.objects.get()
    assert row.owned_sends_hour > 0
    assert row.sends_hour == 0
    result = services.verify_otp(otp.otp_id, newest_code(), purpose="second_factor")
    assert result.approved
    assert services.is_verified(user, within_seconds=60)


def test_a_user_without_a_number_has_no_second_factor():
    with pytest.raises(NoNumber):
        services.send_second_factor_otp(make_user(None))


def test_a_secondary_number_is_no_second_factor():
    user = make_user(None)
    PhoneNumber.objects.create(user=user, number=NUMBER, verified_at=timezone.now())
    with pytest.raises(NoNumber):
        services.send_second_factor_otp(user)


def test_a_second_factor_counts_for_its_user_its_purpose_and_its_time(user: Any):
    now = timezone.now()
    otp = services.send_second_factor_otp(user, now=now)
    assert not services.is_verified(user, within_seconds=300, now=now)
    services.verify_otp(otp.otp_id, newest_code(), purpose="second_factor", now=now)
    at_the_end = now + timedelta(seconds=299)
    assert services.is_verified(user, within_seconds=300, now=at_the_end)
    assert not services.is_verified(user, within_seconds=299, now=at_the_end)
    assert not services.is_verified(user, within_seconds=300, purpose="payout", now=now)
    assert not services.is_verified(make_user(None), within_seconds=300, now=now)


# Staff.


def test_staff_forget_the_numbers_of_a_person_and_it_is_in_the_audit(user: Any):
    staff = make_user(None)
    PhoneNumber.objects.create(user=user, number=OTHER_NUMBER, verified_at=timezone.now())
    with listen(signals.numbers_reset) as heard:
        assert services.reset_numbers(user, by=staff) == 2
    assert numbers_of(user) == []
    events = Event.objects.order_by("pk").values_list("kind", "by", "recipient")
    assert sorted(events) == sorted(
        (EventKind.FACTOR_RESET, staff.pk, number) for number in (NUMBER, OTHER_NUMBER)
    )
    assert [(said["user"], said["by"]) for said in heard] == [(user, staff)]
    with pytest.raises(NoNumber):
        services.send_second_factor_otp(user)


def test_a_person_without_numbers_has_none_to_forget():
    assert services.reset_numbers(make_user(None), by=None) == 0
    assert not Event.objects.exists()


def test_a_user_who_is_deleted_takes_their_numbers_along(user: Any):
    user.delete()
    assert not PhoneNumber.objects.exists()


# A store of the site's own.


class MemoryStore(PhoneStore):
    """Numbers in a dict, spelt as the site likes."""

    numbers: dict[str, Any] = {}

    def find_user(self, number: str) -> Any:
        pk = self.numbers.get(number.replace("+971", "00971 "))
        return get_user_model().objects.filter(pk=pk).first() if pk else None

    def find_number(self, user: Any) -> str:
        return next((number for number, pk in self.numbers.items() if pk == user.pk), "")

    def bind(self, user: Any, number: str, *, now: datetime) -> str:
        old = self.find_number(user)
        self.numbers.pop(old, None)
        self.numbers[number.replace("+971", "00971 ")] = user.pk
        return old.replace("00971 ", "+971 ")

    def remove_all(self, user: Any) -> list[str]:
        removed = [number for number, pk in self.numbers.items() if pk == user.pk]
        for number in removed:
            del self.numbers[number]
        return removed


@pytest.fixture
def memory(settings: Any) -> dict[str, Any]:
    set_d7verify(settings, PHONE_STORE="tests.test_numbers.MemoryStore")
    MemoryStore.numbers.clear()
    return MemoryStore.numbers


def test_a_store_of_the_sites_own_drives_login_change_and_reset(
    memory: dict[str, Any], settings: Any
):
    user = make_user(None)
    services.bind_number(prove(user, NUMBER), user=user)
    set_d7verify(settings, DISPATCHER="tests.logging_in.HeldDispatcher")
    later = timezone.now() + timedelta(seconds=60)
    otp = services.send_login_otp(NUMBER, now=later)
    deliver(now=later)
    assert services.verify_login(otp.otp_id, newest_code(), now=later).user == user
    set_d7verify(settings, DISPATCHER="django_d7verify.dispatchers.InlineDispatcher")
    services.bind_number(prove(user, OTHER_NUMBER), user=user)
    assert locmem.notices[0][0] == NUMBER
    assert find_kinds(NUMBER)[1:] == [EventKind.UNBOUND, EventKind.NOTIFIED]
    # "00971 507654321" is not E.164, and its audit has no number.
    assert services.reset_numbers(user, by=None) == 1
    assert memory == {}
    assert Event.objects.get(kind=EventKind.FACTOR_RESET).recipient is None
    assert not PhoneNumber.objects.exists()


def test_a_store_that_does_not_sign_up_says_so(memory: dict[str, Any], settings: Any):
    set_d7verify(settings, SIGN_UP=True, DISPATCHER="tests.logging_in.HeldDispatcher")
    otp = send_login(NUMBER)
    with pytest.raises(ConfigurationError, match="does not sign users up"):
        services.verify_login(otp.otp_id, newest_code())


@pytest.mark.parametrize("path", ["nowhere.Store", "tests.test_numbers.make_user", "builtins.dict"])
def test_a_path_to_no_store_is_a_mistake_of_the_site(settings: Any, path: str):
    set_d7verify(settings, PHONE_STORE=path)
    with pytest.raises(ConfigurationError, match="PHONE_STORE"):
        get_phone_store()


def test_who_gets_a_number_a_moment_before_has_it(monkeypatch: Any):
    user = make_user(NUMBER)
    with pytest.raises(NumberTaken):
        ModelPhoneStore().create_user(NUMBER, now=timezone.now())
    assert list(get_user_model().objects.all()) == [user]
