from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_d7verify import services
from django_d7verify.exceptions import RecipientRefused
from django_d7verify.models import Recipient
from tests.conftest import NUMBER

from .conftest import StaffFactory
from .pages import RECIPIENTS as LIST
from .pages import read

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_number_added_in_any_spelling_stands_on_the_stop_list(staff: Client) -> None:
    answer = staff.post(
        f"{LIST}add/", {"number": "+971 50 123 45 67", "stop_reason": "asked for it"}
    )
    assert answer.status_code == 302
    recipient = Recipient.objects.get()
    assert (recipient.number, recipient.stop_reason) == (NUMBER, "asked for it")
    with pytest.raises(RecipientRefused):
        services.send_otp(NUMBER)


def test_a_number_that_is_known_already_is_stopped_by_adding_it(staff: Client) -> None:
    services.send_otp(NUMBER)
    answer = staff.post(f"{LIST}add/", {"number": NUMBER, "stop_reason": ""})
    assert answer.status_code == 302
    assert Recipient.objects.get().stopped_at


def test_what_is_no_number_is_said_to_be_none(staff: Client) -> None:
    answer = staff.post(f"{LIST}add/", {"number": "12", "stop_reason": ""})
    assert answer.status_code == 200
    assert "Enter a valid phone number" in answer.content.decode()


@pytest.mark.parametrize(("action", "stopped"), [("stop", True), ("allow", False)])
def test_staff_stop_and_allow_numbers_and_it_is_logged(
    staff: Client, action: str, stopped: bool
) -> None:
    services.stop_recipient(NUMBER)
    if stopped:
        services.allow_recipient(NUMBER)
    pk = Recipient.objects.get().pk
    staff.post(LIST, {"action": action, "_selected_action": [pk]})
    assert bool(Recipient.objects.get().stopped_at) is stopped
    assert LogEntry.objects.count() == 1


def test_pages_show_the_number_masked_and_delete_nothing(staff: Client, owner: Client) -> None:
    services.stop_recipient(NUMBER)
    pk = Recipient.objects.get().pk
    for page in [LIST, f"{LIST}{pk}/change/"]:
        content = read(staff, page)
        assert "+9715*****67" in content
        assert "1234567" not in content
        assert NUMBER in read(owner, page)
    assert staff.post(f"{LIST}{pk}/delete/").status_code == 403


@pytest.mark.parametrize("term", [NUMBER, "+971 50 123 45 67", "4567"])
def test_a_number_is_found_in_any_spelling_and_by_its_last_digits(staff: Client, term: str) -> None:
    services.stop_recipient(NUMBER)
    services.stop_recipient("+971507654321")
    assert "1 recipient" in read(staff, LIST, q=term)
    assert "+9715*****67" in read(staff, LIST, q=term)


def test_numbers_are_filtered_by_what_is_the_matter_with_them(staff: Client) -> None:
    services.stop_recipient(NUMBER)
    services.send_otp("+37251234568")
    assert "+372" not in read(staff, LIST, standing="stopped")
    assert "0 recipients" in read(staff, LIST, standing="disabled")
    Recipient.objects.filter(number=NUMBER).update(disabled=True)
    assert "+9715" in read(staff, LIST, standing="disabled")


def test_a_masked_number_is_not_spelt_out_by_lookups(staff: Client) -> None:
    services.stop_recipient(NUMBER)
    assert staff.get(f"{LIST}?number__startswith=%2B97150").status_code == 400


def test_the_stop_list_is_kept_by_who_may(make_staff: StaffFactory) -> None:
    services.stop_recipient(NUMBER)
    viewer = make_staff("view_recipient")
    assert viewer.get(f"{LIST}add/").status_code == 403
    pk = Recipient.objects.get().pk
    viewer.post(LIST, {"action": "allow", "_selected_action": [pk]})
    viewer.post(f"{LIST}{pk}/change/", {"number": "+37251234568"})
    assert Recipient.objects.get().stopped_at
    assert Recipient.objects.get().number == NUMBER
