"""Logging in by phone, as a site's own code does it: services and the auth backend."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone

from django_d7verify import services, signals
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import (
    ConfigurationError,
    InvalidCode,
    InvalidRecipient,
    LockedOut,
    RecipientRefused,
    Refused,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, PhoneNumber, Pin, Recipient
from django_d7verify.services import LoginResult
from django_d7verify.words import EventKind, PinStatus, Requester, SessionStatus

from .conftest import NUMBER, set_d7verify
from .logging_in import OTHER_NUMBER, deliver, listen, make_user, send_login
from .parallel import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def by_hand(settings: Any) -> None:
    """Codes wait until ``deliver`` is called."""
    set_d7verify(settings, DISPATCHER="tests.logging_in.HeldDispatcher")


@pytest.fixture
def user() -> Any:
    return make_user(NUMBER)


def log_in(number: str = NUMBER, **more: Any) -> LoginResult:
    otp = send_login(number)
    return services.verify_login(otp.otp_id, newest_code(), **more)


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def find_kinds() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_the_code_leaves_after_the_answer_and_logs_its_user_in_once(user: Any):
    otp = services.send_login_otp(NUMBER)
    assert locmem.outbox == []
    assert Pin.objects.get().status == PinStatus.QUEUED
    deliver()
    result = services.verify_login(otp.otp_id, newest_code())
    assert (result.approved, result.user, result.created) == (True, user, False)
    assert (result.status, result.attempts_left) == (SessionStatus.APPROVED, 0)
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())
    assert find_kinds() == [EventKind.SENT, EventKind.APPROVED, EventKind.LOGGED_IN]


def test_a_session_knows_its_user_from_the_login_on_and_shows_nobody_before(user: Any):
    otp = send_login(NUMBER)
    assert (otp.user_id, OTPSession.objects.get().user_id) == (None, None)
    result = services.verify_login(otp.otp_id, newest_code())
    assert result.user == OTPSession.objects.get().user == user
    assert services.is_verified(user, within_seconds=60, purpose="login")


def test_a_wrong_code_is_an_answer_without_a_user(user: Any):
    otp = send_login(NUMBER)
    wrong = "000000" if newest_code() != "000000" else "000001"
    result = services.verify_login(otp.otp_id, wrong)
    assert (result.approved, result.user, result.attempts_left) == (False, None, 4)


def test_a_number_that_nobody_has_gets_nothing_and_an_answer():
    otp = send_login(NUMBER)
    assert (otp.status, otp.resend_after, otp.attempts_left) == (SessionStatus.OPEN, 60, 5)
    assert locmem.outbox == []
    session = OTPSession.objects.get()
    assert (session.decoy, session.hidden, session.user) == (True, True, None)
    assert find_kinds() == [EventKind.DECOY]


def test_no_code_is_right_for_a_decoy_even_the_one_that_was_made(monkeypatch: Any):
    monkeypatch.setattr("django_d7verify.codes.make_code", lambda *_args: "314159")
    otp = send_login(NUMBER)
    assert Pin.objects.get().digest
    assert not services.verify_login(otp.otp_id, "314159").approved
    assert OTPSession.objects.get().attempts == 1


def test_a_decoy_counts_and_locks_like_any_other():
    otp = send_login(NUMBER)
    left = [services.verify_login(otp.otp_id, "314159").attempts_left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, "314159")
    assert services.get_otp(otp.otp_id).status == SessionStatus.LOCKED


def test_an_inactive_user_gets_a_decoy_even_where_people_may_sign_up(user: Any, settings: Any):
    set_d7verify(settings, SIGN_UP=True)
    get_user_model().objects.update(is_active=False)
    send_login(NUMBER)
    assert locmem.outbox == []
    assert OTPSession.objects.get().decoy


def test_a_user_who_is_made_inactive_after_the_send_is_not_logged_in(user: Any):
    otp = send_login(NUMBER)
    get_user_model().objects.update(is_active=False)
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())
    assert EventKind.LOGGED_IN not in find_kinds()
    get_user_model().objects.update(is_active=True)
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())


def test_a_number_that_moved_after_the_send_logs_in_whose_it_is_now(user: Any):
    otp = send_login(NUMBER)
    other = make_user(OTHER_NUMBER)
    PhoneNumber.objects.filter(user=other).delete()
    PhoneNumber.objects.filter(user=user).update(user=other, primary_of=other)
    assert services.verify_login(otp.otp_id, newest_code()).user == other
    assert not services.is_verified(user, within_seconds=60, purpose="login")


@pytest.mark.parametrize("sign_up", [False, True])
def test_a_number_that_was_taken_away_after_the_send_opens_nobodys_account(
    user: Any, settings: Any, sign_up: bool
):
    set_d7verify(settings, SIGN_UP=sign_up)
    otp = send_login(NUMBER)
    services.reset_numbers(user, by=None)
    if sign_up:
        assert services.verify_login(otp.otp_id, newest_code()).user != user
        return
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())


def test_a_login_without_an_approval_is_refused(user: Any):
    otp = send_login(NUMBER)
    services.cancel_otp(otp.otp_id)
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())
    with pytest.raises(SessionClosed):
        services.verify_login("8ae0340c-3b77-4664-a00e-1d78da109de2", "123456")


def test_a_session_of_another_purpose_logs_nobody_in(user: Any):
    otp = services.send_otp(NUMBER, purpose="second_factor", user=user)
    deliver()
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())
    assert OTPSession.objects.get().attempts == 0


def test_an_approval_that_was_used_elsewhere_logs_nobody_in(user: Any):
    otp = send_login(NUMBER)
    approved = services.verify_otp(otp.otp_id, newest_code())
    with pytest.raises(SessionClosed):
        services.verify_login(otp.otp_id, newest_code())
    token = services.make_verification_token(approved.otp)
    assert services.consume_verification_token(token, purpose="login").recipient == NUMBER


def test_a_site_that_asks_for_the_code_itself_logs_its_own_user_in():
    stranger_to_the_store = make_user(None)
    otp = services.send_otp(NUMBER, purpose="login", user=stranger_to_the_store)
    deliver()
    assert services.verify_login(otp.otp_id, newest_code()).user == stranger_to_the_store
    other = services.send_otp(OTHER_NUMBER, purpose="login")
    deliver()
    with pytest.raises(SessionClosed):
        services.verify_login(other.otp_id, newest_code())


def test_of_50_logins_with_one_code_at_once_exactly_one_is_given(user: Any):
    otp = send_login(NUMBER)
    code = newest_code()
    outcomes = run_at_once(50, lambda _: services.verify_login(otp.otp_id, code).user.pk)
    assert outcomes == {str(user.pk): 1, "SessionClosed": 49}
    assert find_kinds().count(EventKind.LOGGED_IN) == 1


# Sign-up.


def test_with_sign_up_a_number_that_nobody_has_becomes_a_user_by_the_first_login(settings: Any):
    set_d7verify(settings, SIGN_UP=True)
    result = log_in()
    assert result.created
    assert result.user == PhoneNumber.objects.get(number=NUMBER, primary_of__isnull=False).user
    assert not result.user.has_usable_password()
    assert len(result.user.get_username()) == 32
    assert not any(part in result.user.get_username() for part in (NUMBER, NUMBER[1:]))
    assert get_user_model().objects.count() == 1
    with pytest.raises(Throttled):
        services.send_login_otp(NUMBER)


def test_who_signed_up_is_logged_in_the_next_time(settings: Any):
    set_d7verify(settings, SIGN_UP=True)
    first = log_in().user
    later = timezone.now() + timedelta(seconds=61)
    otp = services.send_login_otp(NUMBER, now=later)
    deliver(now=later)
    second = services.verify_login(otp.otp_id, newest_code(), now=later)
    assert (second.user, second.created) == (first, False)


def test_two_sign_ups_at_once_make_one_user(settings: Any):
    set_d7verify(settings, SIGN_UP=True, RESEND_WAIT_SECONDS=1)
    now = timezone.now()
    sessions = []
    for second in range(4):
        otp = services.send_login_otp(NUMBER, now=now + timedelta(seconds=second))
        deliver(now=now + timedelta(seconds=second))
        sessions.append((otp.otp_id, newest_code()))
    later = now + timedelta(seconds=5)
    outcomes = run_at_once(4, lambda i: services.verify_login(*sessions[i], now=later).user.pk)
    user = get_user_model().objects.get()
    assert outcomes == {str(user.pk): 4}
    assert PhoneNumber.objects.count() == 1


def test_without_sign_up_nobody_is_made():
    send_login(NUMBER)
    assert get_user_model().objects.count() == 0


# What is refused, and what is said.


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("number", "error"),
    [("+97143331234", RecipientRefused), ("12", InvalidRecipient), ("+", InvalidRecipient)],
)
def test_a_number_that_is_not_sent_to_is_refused_whoever_has_it(
    known: bool, number: str, error: type[Refused]
):
    if known:
        PhoneNumber.objects.create(user=make_user(None), number=number, verified_at=timezone.now())
    with pytest.raises(error):
        services.send_login_otp(number)


@pytest.mark.parametrize("known", [True, False])
def test_a_locked_number_is_refused_whoever_has_it(known: bool):
    if known:
        make_user(NUMBER)
    now = timezone.now()
    for hour in range(2):
        otp = services.send_login_otp(NUMBER, now=now + timedelta(seconds=61 * hour))
        deliver(now=now + timedelta(seconds=61 * hour))
        for _ in range(5):
            _try_wrong(otp.otp_id, now + timedelta(seconds=61 * hour))
    with pytest.raises(LockedOut):
        services.send_login_otp(NUMBER, now=now + timedelta(seconds=122))


def _try_wrong(otp_id: str, now: datetime) -> None:
    code = newest_code() if locmem.outbox else "123456"
    services.verify_login(otp_id, f"{(int(code) + 1) % 1_000_000:06}", now=now)


def test_a_resend_of_a_login_leaves_after_the_answer_too(user: Any):
    now = timezone.now()
    otp = services.send_login_otp(NUMBER, now=now)
    deliver(now=now)
    first = newest_code()
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    assert len(locmem.outbox) == 1
    deliver(now=later)
    assert len(locmem.outbox) == 2
    if first != newest_code():
        assert not services.verify_login(otp.otp_id, first, now=later).approved
    assert services.verify_login(otp.otp_id, newest_code(), now=later).user == user


def test_the_code_before_still_counts_while_the_next_one_waits(user: Any):
    now = timezone.now()
    otp = services.send_login_otp(NUMBER, now=now)
    deliver(now=now)
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    assert services.verify_login(otp.otp_id, newest_code(), now=later).user == user


def test_a_provider_made_code_counts_while_the_next_one_waits(user: Any, d7: Emulator):
    now = timezone.now()
    otp = services.send_login_otp(NUMBER, now=now)
    deliver(now=now)
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    code = str(d7.messages(NUMBER)[-1]["code"])
    assert services.verify_login(otp.otp_id, code, now=later).user == user


def test_the_signal_of_a_login_says_who_and_whether_they_are_new(user: Any, settings: Any):
    set_d7verify(settings, SIGN_UP=True)
    requester = Requester(address="192.0.2.7")
    with listen(signals.logged_in) as heard:
        log_in(requester=requester)
        log_in(OTHER_NUMBER)
    assert [(said["user"] == user, said["created"]) for said in heard] == [
        (True, False),
        (False, True),
    ]
    assert heard[0]["requester"] == requester
    assert heard[0]["otp"].status == SessionStatus.APPROVED


def test_a_veto_by_the_site_is_asked_without_the_user(user: Any):
    heard: list[Any] = []

    def veto(user: Any, **_said: Any) -> None:
        heard.append(user)
        raise RecipientRefused("No.")

    signals.pre_send.connect(veto)
    try:
        for number in (NUMBER, OTHER_NUMBER):
            with pytest.raises(RecipientRefused):
                services.send_login_otp(number)
    finally:
        signals.pre_send.disconnect(veto)
    assert heard == [None, None]
    assert not Recipient.objects.exists()


def test_a_login_inside_a_transaction_is_a_mistake_of_the_site(user: Any):
    otp = send_login(NUMBER)
    with transaction.atomic(), pytest.raises(ConfigurationError):
        services.verify_login(otp.otp_id, newest_code())
    assert services.verify_login(otp.otp_id, newest_code()).user == user


# The auth backend.


@pytest.fixture
def backend(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "django_d7verify.backends.PhoneOTPBackend",
    ]


@pytest.mark.usefixtures("backend")
def test_the_backend_logs_in_once_by_id_and_code(user: Any):
    otp = send_login(NUMBER)
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    found = authenticate(request, otp_id=otp.otp_id, otp_code=newest_code())
    assert found == user
    assert found.backend == "django_d7verify.backends.PhoneOTPBackend"
    assert authenticate(request, otp_id=otp.otp_id, otp_code=newest_code()) is None
    assert authenticate(None, otp_id=otp.otp_id, otp_code=newest_code()) is None


@pytest.mark.usefixtures("backend")
def test_the_backend_knows_nobody_by_a_wrong_code_or_without_one(user: Any):
    otp = send_login(NUMBER)
    wrong = f"{(int(newest_code()) + 1) % 1_000_000:06}"
    assert authenticate(None, otp_id=otp.otp_id, otp_code=wrong) is None
    for otp_id, code in [
        (otp.otp_id, "no code"),
        (otp.otp_id, 123456),
        ("no id", newest_code()),
        (5, newest_code()),
        ("", ""),
    ]:
        assert authenticate(None, otp_id=otp_id, otp_code=code) is None
    assert authenticate(None, otp_id=otp.otp_id) is None
    assert authenticate(None, username=user.get_username(), password=newest_code()) is None
    assert OTPSession.objects.get().attempts == 1


@pytest.mark.usefixtures("backend")
def test_the_backend_knows_nobody_who_is_inactive(user: Any):
    otp = send_login(NUMBER)
    get_user_model().objects.update(is_active=False)
    assert authenticate(None, otp_id=otp.otp_id, otp_code=newest_code()) is None


@pytest.mark.usefixtures("backend")
def test_the_backend_inside_a_transaction_is_a_mistake_of_the_site(user: Any):
    otp = send_login(NUMBER)
    with transaction.atomic(), pytest.raises(ConfigurationError):
        authenticate(None, otp_id=otp.otp_id, otp_code=newest_code())


@pytest.mark.usefixtures("backend")
def test_the_backend_holds_the_limit_on_wrong_codes_by_address(user: Any, settings: Any):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["2/h"])
    otp = send_login(NUMBER)
    wrong = f"{(int(newest_code()) + 1) % 1_000_000:06}"
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    for _ in range(3):
        assert authenticate(request, otp_id=otp.otp_id, otp_code=wrong) is None
    assert authenticate(request, otp_id=otp.otp_id, otp_code=newest_code()) is None
    assert OTPSession.objects.get().attempts == 2
    other = RequestFactory().post("/", REMOTE_ADDR="192.0.2.8")
    assert authenticate(other, otp_id=otp.otp_id, otp_code=newest_code()) == user


@pytest.mark.usefixtures("backend")
def test_the_services_tell_no_signal_of_djangos_what_was_typed(user: Any):
    with listen(user_login_failed) as heard:
        otp = send_login(NUMBER)
        services.verify_login(otp.otp_id, f"{(int(newest_code()) + 1) % 1_000_000:06}")
        with pytest.raises(InvalidCode):
            services.verify_login(otp.otp_id, "no code")
    assert heard == []


def test_nobody_is_never_verified():
    otp = services.send_otp(NUMBER)
    deliver()
    assert services.verify_otp(otp.otp_id, newest_code()).approved
    assert not services.is_verified(AnonymousUser(), within_seconds=60, purpose="verify")
