from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.utils import timezone
from time_machine import Traveller

from django_d7verify.models import PhoneNumber
from tests.conftest import NUMBER
from tests.stories.site import STARTED_AT

from .people import Browser

#: What the pages speak in these tests.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_d7verify.web.sessions.end_sessions",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def set_up(settings: Any) -> None:
    """A site that has the pages, and sends before it answers."""
    settings.MIDDLEWARE = MIDDLEWARE
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "django_d7verify.backends.PhoneOTPBackend",
    ]
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "DISPATCHER": "tests.web.people.AtOnce",
        "PURPOSES": {"transfer": {}},
        "TELL_OLD_NUMBER": False,
    }


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    set_up(settings)
    return settings


@pytest.fixture(autouse=True)
def clock() -> Iterator[Traveller]:
    with time_machine.travel(STARTED_AT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def user(db: None) -> Any:
    """A user without a number."""
    return get_user_model().objects.create_user("ann", password="secret")


@pytest.fixture
def owner(user: Any) -> Any:
    """A user whose number is ``NUMBER``."""
    bind(user, NUMBER)
    return user


def bind(user: Any, number: str) -> None:
    PhoneNumber.objects.create(
        user=user, number=number, primary_of=user, verified_at=timezone.now()
    )
