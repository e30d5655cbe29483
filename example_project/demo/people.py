"""The people of the example."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_d7verify.models import PhoneNumber

#: Ada's, of the staff; anybody else's number signs up.
NUMBER = "+971502345678"


def make_people() -> None:
    """Make Ada, with the password ``ada`` and a number, unless she is there."""
    users = get_user_model()
    if users.objects.filter(username="ada").exists():
        return
    ada = users.objects.create_superuser("ada", password="ada")  # noqa: S106 - an example's
    PhoneNumber.objects.create(user=ada, primary_of=ada, number=NUMBER, verified_at=timezone.now())
