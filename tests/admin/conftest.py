from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

#: All that the pages ask for, but for the full number.
PERMISSIONS = [
    "view_otpsession",
    "view_recipient",
    "view_budget",
    "cancel_otpsession",
    "refresh_otpsession",
    "export_otpsession",
    "view_statistics",
    "view_balance",
    "stop_recipient",
    "unlock_recipient",
    "lift_budget",
    "view_phonenumber",
    "reset_phonenumber",
]

StaffFactory = Callable[..., Client]


@pytest.fixture
def make_staff(db: None) -> StaffFactory:
    """Makes a signed-in member of staff with these permissions of the app."""

    def make(*permissions: str) -> Client:
        users = get_user_model()._default_manager
        user: Any = users.create(
            username=f"staff-{users.count()}", is_staff=True, password="unused"
        )
        found = Permission.objects.filter(
            content_type__app_label="django_d7verify", codename__in=permissions
        )
        assert found.count() == len(permissions)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        client.user = user
        return client

    return make


@pytest.fixture
def staff(make_staff: StaffFactory) -> Client:
    """May do everything, and sees numbers masked."""
    return make_staff(*PERMISSIONS)


@pytest.fixture
def owner(make_staff: StaffFactory) -> Client:
    """May do everything, and sees numbers in full."""
    return make_staff(*PERMISSIONS, "view_full_number")
