from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_d7verify.models import Event, PhoneNumber
from django_d7verify.words import EventKind
from tests.conftest import NUMBER

from .conftest import StaffFactory
from .pages import read

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/django_d7verify/phonenumber/"
OTHER = "+971507654321"


@pytest.fixture
def ada() -> Any:
    ada = get_user_model()._default_manager.create(username="ada")
    now = timezone.now()
    PhoneNumber.objects.create(user=ada, number=NUMBER, primary_of=ada, verified_at=now)
    PhoneNumber.objects.create(user=ada, number=OTHER, verified_at=now)
    return ada


def test_numbers_are_masked_but_for_who_may_see_them(
    ada: Any, staff: Client, owner: Client
) -> None:
    pk = PhoneNumber.objects.get(number=NUMBER).pk
    for page in [LIST, f"{LIST}{pk}/change/"]:
        assert NUMBER not in read(staff, page)
        assert "+9715*****67" in read(staff, page)
        assert NUMBER in read(owner, page)


@pytest.mark.parametrize(
    ("term", "found"), [("+971 50 123 4567", 1), ("ada", 2), ("eve", 0), ("+971501234568", 0)]
)
def test_a_number_is_found_by_any_spelling_and_by_its_user(
    ada: Any, staff: Client, term: str, found: int
) -> None:
    answer = staff.get(LIST, {"q": term})
    assert len(answer.context["cl"].result_list) == found


def test_staff_take_all_numbers_of_a_user_away_and_it_is_in_the_audit(
    ada: Any, staff: Client
) -> None:
    pk = PhoneNumber.objects.get(number=NUMBER).pk
    staff.post(LIST, {"action": "reset", "_selected_action": [pk]})
    assert not PhoneNumber.objects.exists()
    events = Event.objects.filter(kind=EventKind.FACTOR_RESET)
    assert {event.recipient_id for event in events} == {NUMBER, OTHER}
    assert {event.by_id for event in events} == {staff.user.pk}
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_takes_none_away(ada: Any, make_staff: StaffFactory) -> None:
    viewer = make_staff("view_phonenumber")
    pk = PhoneNumber.objects.get(number=NUMBER).pk
    viewer.post(LIST, {"action": "reset", "_selected_action": [pk]})
    assert PhoneNumber.objects.count() == 2
