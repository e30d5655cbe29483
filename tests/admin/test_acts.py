"""What staff may do: each act with its permission, its one change, and who did it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import Budget, Event, OTPSession, Pin, Recipient
from django_d7verify.words import Delivery, EventKind, SessionStatus
from tests.conftest import NUMBER

from .conftest import PERMISSIONS, StaffFactory
from .pages import BUDGETS, RECIPIENTS, SESSIONS, act, get_story, read

pytestmark = pytest.mark.django_db(transaction=True)

#: By act: what it asks for.
PERMISSION_OF = {
    "cancel": "cancel_otpsession",
    "refresh": "refresh_otpsession",
    "unlock": "unlock_recipient",
    "stop": "stop_recipient",
}


def give_wrong_codes(otp_id: str) -> None:
    code = str(locmem.outbox[-1].code)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _attempt in range(5):
        assert not services.verify_otp(otp_id, wrong).approved


@pytest.mark.parametrize("name", PERMISSION_OF)
def test_each_act_asks_for_its_own_permission(make_staff: StaffFactory, name: str) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    others = [one for one in PERMISSIONS if one != PERMISSION_OF[name]]
    without = make_staff(*others)
    assert act(without, otp_id, name).status_code == 403
    without.post(SESSIONS, {"action": name, "_selected_action": [otp_id]})
    assert OTPSession.objects.get().status == SessionStatus.OPEN
    assert not Recipient.objects.get().stopped_at
    assert not LogEntry.objects.exists()
    assert f'value="{name}"' not in read(without, get_story(otp_id))
    # Without a look at sessions, the permission alone does nothing.
    assert act(make_staff(PERMISSION_OF[name]), otp_id, name).status_code == 403
    assert act(make_staff("view_otpsession", PERMISSION_OF[name]), otp_id, name).status_code == 302


def test_an_act_that_is_none_and_one_that_is_only_looked_at_are_refused(staff: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    assert act(staff, otp_id, "approve").status_code == 403
    assert staff.get(f"{SESSIONS}{otp_id}/act/", {"action": "cancel"}).status_code == 403
    assert OTPSession.objects.get().status == SessionStatus.OPEN


def test_a_session_is_cancelled_once_and_its_story_says_by_whom(staff: Any) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    for _time in range(2):
        assert act(staff, otp_id, "cancel").url == get_story(otp_id)
    assert OTPSession.objects.get().status == SessionStatus.CANCELLED
    assert Event.objects.get(kind=EventKind.CANCELLED).by == staff.user
    assert LogEntry.objects.get().object_id == otp_id
    assert "1234567" not in LogEntry.objects.get().object_repr
    content = read(staff, get_story(otp_id))
    assert f"by {staff.user}" in content
    assert "1 open session was cancelled." in content
    assert "0 open sessions were cancelled." in content


def test_an_approved_session_stays_so_whoever_cancels_it(staff: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    services.verify_otp(otp_id, str(locmem.outbox[-1].code))
    act(staff, otp_id, "cancel")
    assert OTPSession.objects.get().status == SessionStatus.APPROVED
    assert not LogEntry.objects.exists()


def test_sessions_are_cancelled_from_the_list(staff: Client) -> None:
    ids = [services.send_otp(number).otp_id for number in (NUMBER, "+971507654321")]
    staff.post(SESSIONS, {"action": "cancel", "_selected_action": ids})
    statuses = set(OTPSession.objects.values_list("status", flat=True))
    assert statuses == {SessionStatus.CANCELLED}
    assert LogEntry.objects.count() == 2


def test_acts_work_where_every_view_is_in_a_transaction(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    first = services.send_otp(NUMBER).otp_id
    act(staff, first, "cancel")
    second = services.send_otp("+971507654321").otp_id
    staff.post(SESSIONS, {"action": "cancel", "_selected_action": [second]})
    assert not OTPSession.objects.filter(status=SessionStatus.OPEN).exists()


def test_a_locked_number_is_unlocked_from_its_session(staff: Any, settings: Any) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "FAILURES_PER_HOUR": 5}
    otp_id = services.send_otp(NUMBER).otp_id
    assert 'value="unlock"' not in read(staff, get_story(otp_id))
    give_wrong_codes(otp_id)
    assert "Locked for" in read(staff, get_story(otp_id))
    act(staff, otp_id, "unlock")
    assert Event.objects.get(kind=EventKind.UNLOCKED).by == staff.user
    content = read(staff, get_story(otp_id))
    assert "Nothing in the way" in content
    assert "Unlocked by staff" in content


def test_a_number_is_stopped_from_its_session_and_allowed_from_its_own_list(staff: Any) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    act(staff, otp_id, "stop")
    recipient = Recipient.objects.get()
    assert recipient.stopped_at
    assert Event.objects.get(kind=EventKind.STOPPED).by == staff.user
    assert 'value="stop"' not in read(staff, get_story(otp_id))
    staff.post(RECIPIENTS, {"action": "allow", "_selected_action": [recipient.pk]})
    assert Recipient.objects.get().stopped_at is None
    assert LogEntry.objects.count() == 2


def test_the_provider_is_asked_what_became_of_the_messages(staff: Client, d7: Emulator) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    Pin.objects.update(reference="none-of-its")
    act(staff, otp_id, "refresh")
    content = read(staff, get_story(otp_id))
    assert "Asked about messages: " in content
    assert LogEntry.objects.get().get_change_message() == "Asked the provider about delivery."


def test_news_of_a_refresh_are_on_the_page(
    staff: Client, settings: Any, emulator: Emulator
) -> None:
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {
            "default": {
                "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
                "OPTIONS": {"api_token": "t" * 20, "originator": "A", "api_url": emulator.url},
            }
        },
    }
    otp_id = services.send_otp(NUMBER).otp_id
    act(staff, otp_id, "refresh")
    assert Pin.objects.get().delivery != Delivery.UNKNOWN
    content = read(staff, get_story(otp_id))
    assert "Asked about messages: 1. News: 1. No answer: 0." in content
    assert "Delivery reported" in content


def test_a_provider_that_is_down_is_said_to_give_no_answer(
    staff: Client, settings: Any, emulator: Emulator
) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    options = {"api_token": "t" * 20, "originator": "A", "api_url": "http://127.0.0.1:1"}
    backend = "django_d7verify.gateways.d7.D7MessagesGateway"
    gateways = {"default": {"BACKEND": backend, "OPTIONS": options}}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    act(staff, otp_id, "refresh")
    assert "News: 0. No answer: 1." in read(staff, get_story(otp_id))


@pytest.fixture
def used_up(settings: Any) -> Budget:
    """A budget with no room left."""
    settings.D7VERIFY = {**settings.D7VERIFY, "SITE_SENDS_PER_DAY": 1}
    services.send_otp(NUMBER)
    with pytest.raises(Throttled):
        services.send_otp("+971507654321")
    budget: Budget = Budget.objects.get()
    return budget


def test_a_budget_that_is_used_up_is_lifted_and_codes_are_sent_again(
    staff: Any, used_up: Budget
) -> None:
    content = read(staff, BUDGETS)
    assert "1 of 1" in content
    assert "Used up for 23 h 59 min" in content or "Used up for 1 d 0 h" in content
    staff.post(BUDGETS, {"action": "lift", "_selected_action": [used_up.pk]})
    event = Event.objects.get(kind=EventKind.LIFTED)
    assert (event.by, event.reason) == (staff.user, "site")
    assert LogEntry.objects.count() == 1
    assert "0 of 1" in read(staff, BUDGETS)
    services.send_otp("+971507654321")


def test_lifting_a_budget_of_which_nothing_is_taken_changes_nothing(used_up: Budget) -> None:
    assert services.lift_budget("site")
    assert not services.lift_budget("site")
    assert not services.lift_budget("country:XX")
    assert Event.objects.filter(kind=EventKind.LIFTED).count() == 1


def test_a_budget_is_lifted_by_who_may(make_staff: StaffFactory, used_up: Budget) -> None:
    viewer = make_staff("view_budget")
    assert 'value="lift"' not in read(viewer, BUDGETS)
    viewer.post(BUDGETS, {"action": "lift", "_selected_action": [used_up.pk]})
    assert not Event.objects.filter(kind=EventKind.LIFTED).exists()
    assert "1 of 1" in read(viewer, f"{BUDGETS}{used_up.pk}/change/")


def test_no_act_is_on_a_whole_table(staff: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    form = {"action": "cancel", "_selected_action": [otp_id], "select_across": "1"}
    assert staff.post(SESSIONS, form).status_code == 403
    assert services.get_otp(otp_id).status == "OPEN"
    assert "across all pages" not in read(staff, SESSIONS)
