"""
Whose number is whose: the one place that a site replaces which keeps numbers elsewhere.

``D7VERIFY["PHONE_STORE"]`` names a class of this shape. Numbers are E.164 with the plus.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from .conf import conf
from .exceptions import ConfigurationError, NumberTaken
from .models import PhoneNumber


class PhoneStore(ABC):
    """Finds users by number and numbers by user. Each call commits what it writes."""

    @abstractmethod
    def find_user(self, number: str) -> Any:
        """
        The user whose number this is, or None.

        It is asked for every number that anybody types: one statement, the same for all.
        """

    @abstractmethod
    def find_number(self, user: Any) -> str:
        """The number that codes for *user* go to, or ""."""

    @abstractmethod
    def bind(self, user: Any, number: str, *, now: datetime) -> str:
        """
        Make *number*, which was just proven, the one for *user*; answers the one before, or "".

        Raises ``NumberTaken`` where it is another user's.
        """

    @abstractmethod
    def remove_all(self, user: Any) -> list[str]:
        """Forget every number of *user*; answers them."""

    def create_user(self, number: str, *, now: datetime) -> Any:
        """
        A new user who has *number*, for ``SIGN_UP``; without a password, with a random name.

        Raises ``NumberTaken`` where somebody got it a moment before.
        """
        raise ConfigurationError(f"{type(self).__name__} does not sign users up.")


class ModelPhoneStore(PhoneStore):
    """Numbers in ``PhoneNumber``, beside whichever user model the site has."""

    @sensitive_variables()
    def find_user(self, number: str) -> Any:
        """The user, read together with the number: one SELECT."""
        row = PhoneNumber.objects.select_related("user").filter(number=number).first()
        return row.user if row else None

    def find_number(self, user: Any) -> str:
        """The primary one. One SELECT."""
        row = PhoneNumber.objects.filter(primary_of=user.pk).first()
        return row.number if row else ""

    @sensitive_variables()
    def bind(self, user: Any, number: str, *, now: datetime) -> str:
        """Replace the primary one; it is then nobody's."""
        users = get_user_model()._base_manager.using(router.db_for_write(PhoneNumber))
        with _transaction():
            # Of two binds at once the second sees the first one's number, even where there was
            # no row of numbers to lock.
            users.select_for_update().filter(pk=user.pk).first()
            before = [row.number for row in PhoneNumber.objects.filter(primary_of=user.pk)]
            PhoneNumber.objects.filter(primary_of=user.pk).exclude(number=number).delete()
            if not PhoneNumber.objects.filter(user=user.pk, number=number).update(
                primary_of=user.pk, verified_at=now
            ):
                _insert(user, number, now)
        return next((old for old in before if old != number), "")

    @sensitive_variables()
    def remove_all(self, user: Any) -> list[str]:
        """Delete their rows."""
        with _transaction():
            rows = PhoneNumber.objects.filter(user=user.pk).select_for_update()
            numbers = [row.number for row in rows]
            PhoneNumber.objects.filter(user=user.pk).delete()
        return numbers

    @sensitive_variables()
    def create_user(self, number: str, *, now: datetime) -> Any:
        """By the manager's ``create_user``, named by a UUID: a number is no public name."""
        users: Any = get_user_model()
        with _transaction():
            user = users._default_manager.create_user(**{users.USERNAME_FIELD: uuid.uuid4().hex})
            _insert(user, number, now)
        return user


def _transaction() -> Any:
    return transaction.atomic(using=router.db_for_write(PhoneNumber))


@sensitive_variables()
def _insert(user: Any, number: str, now: datetime) -> None:
    row = PhoneNumber(user=user, number=number, primary_of=user, verified_at=now)
    # And no error of the database, whose words have the number in them.
    PhoneNumber.objects.bulk_create([row], ignore_conflicts=True)
    if not PhoneNumber.objects.filter(user=user.pk, number=number).exists():
        raise NumberTaken("Another user has this number.")


def get_phone_store() -> PhoneStore:
    """The site's store. Raises ``ConfigurationError`` for a bad path."""
    try:
        store = import_string(conf.PHONE_STORE)()
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"D7VERIFY['PHONE_STORE']: {error}") from error
    if not isinstance(store, PhoneStore):
        raise ConfigurationError(f"D7VERIFY['PHONE_STORE']: {conf.PHONE_STORE} is no PhoneStore.")
    return store
