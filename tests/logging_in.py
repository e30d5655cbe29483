"""A site that people log in to by phone: users, and codes that wait to be sent by hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_d7verify import services
from django_d7verify.dispatching import Dispatcher
from django_d7verify.models import PhoneNumber
from django_d7verify.services import OTP

OTHER_NUMBER = "+971507654321"

#: Codes that wait, as ``Dispatcher.dispatch`` was told of them.
held: list[tuple[str, int]] = []


class HeldDispatcher(Dispatcher):
    """Keeps them until ``deliver`` is called."""

    def dispatch(self, otp_id: str, generation: int) -> None:
        held.append((otp_id, generation))


class FullDispatcher(Dispatcher):
    """Takes none."""

    def dispatch(self, otp_id: str, generation: int) -> None:
        raise RuntimeError("The queue of the site's own is full.")


def deliver(*, now: datetime | None = None) -> None:
    """Be the worker of all that waits."""
    waiting, held[:] = held[:], []
    for otp_id, generation in waiting:
        services.deliver_otp(otp_id, generation, now=now)


def make_user(number: str | None, **columns: Any) -> Any:
    """A user, and their number where there is one."""
    user = get_user_model().objects.create_user(username=uuid.uuid4().hex, **columns)
    if number:
        PhoneNumber.objects.create(
            user=user, number=number, primary_of=user, verified_at=timezone.now()
        )
    return user


def send_login(number: str, **more: Any) -> OTP:
    """A login's session, whose code has been sent."""
    otp = services.send_login_otp(number, **more)
    deliver()
    return otp


@contextmanager
def listen(signal: Any) -> Iterator[list[dict[str, Any]]]:
    """What *signal* says meanwhile."""
    heard: list[dict[str, Any]] = []

    def hear(**said: Any) -> None:
        heard.append(said)

    signal.connect(hear)
    try:
        yield heard
    finally:
        signal.disconnect(hear)
