from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_d7verify import services
from django_d7verify.exceptions import RecipientRefused
from django_d7verify.models import Recipient

from .conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/django_d7verify/recipient/"


@pytest.fixture
def staff(admin_client: Client) -> Client:
    return admin_client


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


def test_pages_show_the_number_masked_and_delete_nothing(staff: Client) -> None:
    services.stop_recipient(NUMBER)
    pk = Recipient.objects.get().pk
    for page in [LIST, f"{LIST}{pk}/change/"]:
        content = staff.get(page).content.decode()
        assert "+9715*****67" in content
        assert "1234567" not in content
    assert "+9715*****67" in staff.get(f"{LIST}?q=%2B971501234567").content.decode()
    assert staff.post(f"{LIST}{pk}/delete/").status_code == 403
