"""Who runs a command, for the audit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError


def find_user(username: str | None) -> Any:
    """The user of that name; None without one. Raises ``CommandError``."""
    if username is None:
        return None
    users: Any = get_user_model()
    try:
        return users.objects.get_by_natural_key(username)
    except users.DoesNotExist:
        raise CommandError("No such user.") from None
