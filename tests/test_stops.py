"""The stop list: numbers that are never sent to, and the provider's own list beside it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_d7verify import services, signals
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayUncertain,
    InvalidRecipient,
    RecipientRefused,
    Refused,
)
from django_d7verify.gateways import get_gateway, locmem
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.words import EventKind, SessionStatus

from .conftest import NUMBER
from .contract.wires import PATIENCE_SECONDS, make_gateway_settings
from .parallel import run_at_once
from .test_statements import count

pytestmark = pytest.mark.django_db

OTHER = "+971507654321"
THIRD = "+37255512345"
BLACKLIST_PATH = "/messenger/api/blacklist"


def assert_refused(call: Callable[[], object]) -> None:
    with pytest.raises(RecipientRefused) as caught:
        call()
    assert caught.value.code == "recipient_refused"
    assert NUMBER[1:] not in str(caught.value)


# Nothing is sent.


def test_a_number_never_seen_before_can_be_stopped_and_is_sent_nothing() -> None:
    assert services.stop_recipient(NUMBER, reason="Asked for it")
    row = Recipient.objects.get()
    assert (row.number, row.stop_reason) == (NUMBER, "Asked for it")
    assert row.stopped_at is not None
    assert_refused(lambda: services.send_otp(NUMBER))
    assert locmem.outbox == []
    assert OTPSession.objects.count() == 0


@pytest.mark.parametrize("seen", [True, False], ids=["known", "never seen"])
@pytest.mark.parametrize("owned", [True, False], ids=["own", "anonymous"])
def test_a_refused_send_takes_two_statements_and_changes_nothing(
    django_user_model: Any, seen: bool, owned: bool
) -> None:
    user = django_user_model.objects.create(username="owner") if owned else None
    now = timezone.now()
    if seen:
        services.send_otp(NUMBER, user=user, now=now - timedelta(hours=1))
    services.stop_recipient(NUMBER)
    before = list(Recipient.objects.values_list())

    def send() -> None:
        assert_refused(lambda: services.send_otp(NUMBER, user=user, now=now))

    assert count(send) == 2
    assert list(Recipient.objects.values_list()) == before
    assert len(locmem.outbox) == seen


@pytest.mark.parametrize("owned", [True, False], ids=["own", "anonymous"])
def test_a_refused_resend_takes_one_statement_and_changes_nothing(
    django_user_model: Any, owned: bool
) -> None:
    user = django_user_model.objects.create(username="owner") if owned else None
    now = timezone.now()
    otp = services.send_otp(NUMBER, user=user, now=now - timedelta(seconds=60))
    services.stop_recipient(NUMBER)
    before = list(OTPSession.objects.values_list())

    def resend() -> None:
        assert_refused(lambda: services.resend_otp(otp.otp_id, now=now))

    assert count(resend) == 1
    assert list(OTPSession.objects.values_list()) == before
    assert len(locmem.outbox) == 1


@pytest.mark.parametrize("spelling", ["+971 50 123 4567", "00971501234567", "+971-50-1234567"])
def test_every_spelling_of_a_stopped_number_is_stopped(settings: Any, spelling: str) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "DEFAULT_REGION": "AE"}
    services.stop_recipient(NUMBER)
    assert_refused(lambda: services.send_otp(spelling))
    assert services.allow_recipient(spelling)
    services.send_otp(NUMBER)
    assert services.stop_recipient(spelling)
    assert_refused(lambda: services.send_otp(NUMBER, now=timezone.now() + timedelta(hours=1)))
    assert Recipient.objects.count() == 1


def test_a_stop_is_for_all_purposes_and_all_gateways(settings: Any, emulator: Emulator) -> None:
    gateways = {
        "default": make_gateway_settings("LocMemGateway", emulator),
        "other": make_gateway_settings("D7VerifyGateway", emulator),
    }
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    services.stop_recipient(NUMBER)
    for purpose in ("verify", "login", "change_phone"):
        for gateway in (None, "other"):
            assert_refused(lambda p=purpose, g=gateway: services.send_otp(
                NUMBER, purpose=p, gateway=g
            ))  # fmt: skip
    assert emulator.calls() == []


def test_a_number_that_is_stopped_after_the_last_look_is_still_not_sent_to() -> None:
    """Between what a send looks at and what it claims: the claim itself asks."""

    def stop(**_kwargs: object) -> None:
        services.stop_recipient(NUMBER)

    signals.pre_send.connect(stop, dispatch_uid="stops")
    try:
        assert_refused(lambda: services.send_otp(NUMBER))
    finally:
        signals.pre_send.disconnect(dispatch_uid="stops")
    assert locmem.outbox == []


def test_a_veto_of_the_site_sends_nothing_and_takes_nothing_of_the_number() -> None:
    def veto(recipient: str, **_more: object) -> None:
        if recipient == NUMBER:
            raise RecipientRefused("Not at this hour.")

    signals.pre_send.connect(veto)
    try:
        assert_refused(lambda: services.send_otp(NUMBER))
    finally:
        signals.pre_send.disconnect(veto)
    assert locmem.outbox == []
    assert not OTPSession.objects.exists()
    services.send_otp(NUMBER)
    assert len(locmem.outbox) == 1


@pytest.mark.parametrize("call", ["send", "resend"])
def test_the_stop_list_is_asked_in_the_update_that_claims_the_send(call: str) -> None:
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now - timedelta(seconds=60))
    with CaptureQueriesContext(connection) as captured:
        if call == "send":
            services.send_otp(NUMBER, now=now)
        else:
            services.resend_otp(otp.otp_id, now=now)
    table = Recipient._meta.db_table
    claims = [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].startswith("UPDATE") and table in query["sql"].partition(" SET ")[0]
    ]
    assert len(claims) == 1
    condition = claims[0].partition(" WHERE ")[2]
    assert "stopped_at" in condition
    assert "IS NULL" in condition


@pytest.mark.django_db(transaction=True)
def test_of_calls_at_once_none_that_begins_after_the_stop_sends() -> None:
    stopped = threading.Event()
    now = timezone.now()

    def call(index: int) -> str:
        if index == 5:
            services.stop_recipient(NUMBER)
            stopped.set()
            return "stopped"
        if index > 30:
            assert stopped.wait(PATIENCE_SECONDS)
        when = "after" if stopped.is_set() else "before"
        try:
            services.send_otp(NUMBER, now=now + timedelta(minutes=index))
        except Refused as error:
            return f"{error.code} {when}"
        return f"sent {when}"

    outcomes = run_at_once(60, call)
    assert outcomes["stopped"] == 1
    assert {outcome for outcome in outcomes if outcome.endswith("after")} == {
        "recipient_refused after"
    }


def test_a_code_sent_before_the_stop_still_works() -> None:
    """The list says whom to send nothing: who holds a code has proven the number."""
    otp = services.send_otp(NUMBER)
    services.stop_recipient(NUMBER)
    assert services.verify_otp(otp.otp_id, str(locmem.outbox[-1].code)).approved


def test_the_api_answers_that_it_cannot_send_to_this_number() -> None:
    services.stop_recipient(NUMBER)
    body = {"recipient": NUMBER}
    answer = Client().post("/api/otp/send/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "recipient_refused")
    assert NUMBER not in answer.content.decode()


# Putting on, taking off.


def test_an_allowed_number_is_sent_to_again_under_its_old_limits() -> None:
    now = timezone.now()
    services.send_otp(NUMBER, now=now)
    before = Recipient.objects.get()
    services.stop_recipient(NUMBER, reason="Complained")
    assert services.allow_recipient(NUMBER)
    after = Recipient.objects.get()
    assert (after.stopped_at, after.stop_reason) == (None, "")
    assert (after.next_send, after.sends_hour) == (before.next_send, before.sends_hour)
    assert services.send_otp(NUMBER, now=now + timedelta(seconds=60)).status == SessionStatus.OPEN


def test_a_second_stop_and_a_second_allowance_say_that_nothing_changed() -> None:
    assert services.stop_recipient(NUMBER, reason="first") is True
    assert services.stop_recipient(NUMBER, reason="second") is False
    assert Recipient.objects.get().stop_reason == "first"
    assert services.allow_recipient(NUMBER) is True
    assert services.allow_recipient(NUMBER) is False
    assert services.allow_recipient(OTHER) is False
    kinds = Event.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.STOPPED, EventKind.ALLOWED]


def test_who_stopped_a_number_and_when_is_kept(django_user_model: Any) -> None:
    clerk = django_user_model.objects.create(username="clerk")
    now = timezone.now()
    services.stop_recipient(NUMBER, by=clerk, now=now)
    event = Event.objects.get()
    assert (event.kind, event.by, event.recipient_id) == (EventKind.STOPPED, clerk, NUMBER)
    assert Recipient.objects.get().stopped_at == event.at == now


@pytest.mark.parametrize("text", ["", "12", "+97150123456", "vanity", "+971501234567 ext. 5"])
def test_what_is_no_number_is_put_on_no_list(text: str) -> None:
    for act in (services.stop_recipient, services.allow_recipient):
        with pytest.raises(InvalidRecipient) as caught:
            act(text)
        assert not text or text not in str(caught.value)
    assert Recipient.objects.count() == 0


def test_a_number_of_a_kind_that_is_never_sent_to_can_be_stopped() -> None:
    assert services.stop_recipient("+18002255288")
    assert Recipient.objects.get().stopped_at is not None


def test_a_long_reason_is_cut_and_not_refused() -> None:
    services.stop_recipient(NUMBER, reason="x" * 1000)
    assert Recipient.objects.get().stop_reason == "x" * 200


@pytest.mark.django_db(transaction=True)
def test_stopping_is_logged_without_the_whole_number(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="django_d7verify")
    services.stop_recipient(NUMBER)
    services.allow_recipient(NUMBER)
    assert "+9715*****67" in caplog.text
    assert NUMBER[1:] not in caplog.text


# The provider's list.


@pytest.fixture(params=["MessengerSMSGateway", "Messenger2FAGateway"])
def listing(request: pytest.FixtureRequest, settings: Any, emulator: Emulator) -> Emulator:
    """A site whose provider keeps a list of its own, which blocks nothing."""
    gateways = {"default": make_gateway_settings(request.param, emulator)}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    return emulator


def put_on_theirs(*numbers: str) -> None:
    """As another program of the same account would."""
    gateway = get_gateway("default")
    for number in numbers:
        gateway.add_to_blacklist(number)


def get_theirs(emulator: Emulator) -> list[str]:
    entries = get_gateway("default").get_blacklist()
    assert emulator.calls(BLACKLIST_PATH)[-1]["auth"] == "bearer"
    return sorted(entries)


def test_both_lists_are_compared_and_neither_is_changed(listing: Emulator) -> None:
    services.stop_recipient(NUMBER)
    services.stop_recipient(OTHER)
    put_on_theirs(OTHER, THIRD)
    compared = services.compare_blacklist("default")
    assert compared.both == [OTHER]
    assert compared.only_ours == [NUMBER]
    assert compared.only_theirs == [THIRD]
    assert NUMBER not in repr(compared)
    assert get_theirs(listing) == [THIRD, OTHER]
    assert Recipient.objects.exclude(stopped_at=None).count() == 2


def test_a_push_adds_only_what_the_provider_has_not(listing: Emulator) -> None:
    services.stop_recipient(NUMBER)
    services.stop_recipient(OTHER)
    put_on_theirs(OTHER)
    assert services.push_blacklist("default") == 1
    assert get_theirs(listing) == [NUMBER, OTHER]
    sent = listing.calls(f"{BLACKLIST_PATH}/create")[-1]
    assert (sent["auth"], sent["body"]) == ("body", {"receiver": NUMBER[1:]})
    assert services.push_blacklist("default") == 0
    assert len(listing.calls(f"{BLACKLIST_PATH}/create")) == 2


def test_a_pull_stops_what_only_the_provider_has(listing: Emulator) -> None:
    services.stop_recipient(NUMBER, reason="ours")
    put_on_theirs(NUMBER, THIRD)
    assert services.pull_blacklist("default") == 1
    assert_refused(lambda: services.send_otp(THIRD))
    reasons = Recipient.objects.order_by("stop_reason").values_list("stop_reason", flat=True)
    assert list(reasons) == ["blacklist of default", "ours"]
    assert services.pull_blacklist("default") == 0


def test_what_is_no_valid_number_is_not_pulled_and_stops_no_other(
    listing: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    # The number of the provider's own samples; no country has such a one.
    put_on_theirs("+37255555555555", THIRD)
    caplog.set_level(logging.WARNING, logger="django_d7verify")
    assert services.pull_blacklist("default") == 1
    assert "no valid number" in caplog.text
    assert "55555555" not in caplog.text
    assert services.compare_blacklist("default").only_theirs == ["+37255555555555"]


def test_the_providers_list_alone_blocks_nothing(listing: Emulator) -> None:
    put_on_theirs(NUMBER)
    assert services.send_otp(NUMBER).status == SessionStatus.OPEN


def test_a_push_that_is_cut_off_can_be_done_again(listing: Emulator) -> None:
    for number in (NUMBER, OTHER):
        services.stop_recipient(number)
    listing.add_fault("cut_body", f"{BLACKLIST_PATH}/create")
    with pytest.raises(GatewayUncertain):
        services.push_blacklist("default")
    # The first was added all the same.
    assert services.push_blacklist("default") == 1
    assert services.compare_blacklist("default").only_ours == []


@pytest.mark.parametrize("name", ["D7VerifyGateway", "D7MessagesGateway", "LocMemGateway"])
def test_a_provider_without_a_list_is_a_mistake_of_the_sites(
    settings: Any, emulator: Emulator, name: str
) -> None:
    gateways = {"default": make_gateway_settings(name, emulator)}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    for act in (services.compare_blacklist, services.push_blacklist, services.pull_blacklist):
        with pytest.raises(ConfigurationError, match="keeps no blacklist"):
            act("default")
    assert emulator.calls() == []


def test_an_account_whose_list_has_no_address_is_a_mistake_of_the_sites(
    listing: Emulator, settings: Any
) -> None:
    gateways = settings.D7VERIFY["GATEWAYS"]
    options = {**gateways["default"]["OPTIONS"]}
    del options["blacklist_url"]
    gateways["default"] = {**gateways["default"], "OPTIONS": options}
    with pytest.raises(ConfigurationError, match="blacklist_url"):
        services.compare_blacklist("default")
