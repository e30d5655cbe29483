"""Codes sent by Django Tasks, or by its backport on Django 5.2."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.module_loading import import_string

from django_d7verify import services
from django_d7verify.contrib import tasks
from django_d7verify.contrib.tasks import TasksDispatcher, deliver
from django_d7verify.dispatchers import ThreadDispatcher
from django_d7verify.dispatching import get_dispatcher
from django_d7verify.exceptions import GatewayUnreachable
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.words import EventKind, PinStatus, SessionStatus

from .conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

#: The package that has the ``@task`` in use: ``django.tasks`` or ``django_tasks``.
PACKAGE = tasks.ImmediateBackend.__module__.removesuffix(".backends.immediate")


class DownBackend(import_string(f"{PACKAGE}.backends.dummy.DummyBackend")):
    """A queue that takes nothing, as a broker that is gone."""

    def enqueue(self, *args: object, **kwargs: object) -> Any:
        raise ConnectionError("redis://:password@queue:6379 refused")


def use(settings: Any, backend: str) -> None:
    settings.TASKS = {"default": {"BACKEND": backend}}
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "DISPATCHER": "django_d7verify.contrib.tasks.TasksDispatcher",
    }


@pytest.fixture
def queue(settings: Any) -> Any:
    """Django's own dummy backend: it keeps what is enqueued, and runs nothing."""
    use(settings, f"{PACKAGE}.backends.dummy.DummyBackend")
    backend = deliver.get_backend()
    yield backend
    backend.clear()


def run(result: Any) -> None:
    result.task.call(*result.args, **result.kwargs)


def test_only_which_code_it_is_stands_in_the_queue_and_the_worker_makes_it(queue: Any):
    otp = services.send_otp(NUMBER)
    (result,) = queue.results
    assert (list(result.args), result.kwargs) == ([otp.otp_id, 1], {})
    pin = Pin.objects.get()
    assert (pin.status, pin.digest, locmem.outbox) == (PinStatus.QUEUED, "", [])
    run(result)
    (message,) = locmem.outbox
    assert services.verify_otp(otp.otp_id, message.code or "").approved


def test_a_task_that_runs_twice_sends_once(queue: Any):
    services.send_otp(NUMBER)
    (result,) = queue.results
    run(result)
    run(result)
    assert len(locmem.outbox) == 1
    assert Event.objects.filter(kind=EventKind.SENT).count() == 1


def test_a_task_is_enqueued_when_what_it_is_about_is_committed(
    queue: Any, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    enqueue = type(queue).enqueue

    def look(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append((connection.in_atomic_block, Pin.objects.count()))
        return enqueue(self, *args, **kwargs)

    monkeypatch.setattr(type(queue), "enqueue", look)
    services.send_otp(NUMBER)
    assert seen == [(False, 1)]


def test_of_a_queue_that_is_down_the_caller_is_told_and_nothing_is_charged(settings: Any):
    use(settings, f"{__name__}.DownBackend")
    with pytest.raises(GatewayUnreachable) as raised:
        services.send_otp(NUMBER)
    assert raised.value.reason == "queue_down"
    assert "password" not in str(raised.value)
    answer = Client().post("/api/otp/send/", {"recipient": NUMBER}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unreachable")
    assert {session.status for session in OTPSession.objects.all()} == {SessionStatus.FAILED}
    use(settings, f"{PACKAGE}.backends.immediate.ImmediateBackend")
    assert services.send_otp(NUMBER).status == SessionStatus.OPEN


def test_with_the_immediate_backend_the_caller_sends_and_hears_how_it_went(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    use(settings, f"{PACKAGE}.backends.immediate.ImmediateBackend")
    services.send_otp(NUMBER)
    assert len(locmem.outbox) == 1

    def refuse(*_: object) -> None:
        raise GatewayUnreachable("Gone.")

    monkeypatch.setattr(locmem.LocMemGateway, "send", refuse)
    with pytest.raises(GatewayUnreachable):
        services.send_otp("+971501234568")


def test_with_the_immediate_backend_codes_for_a_login_still_leave_after_the_answer(settings: Any):
    use(settings, f"{PACKAGE}.backends.immediate.ImmediateBackend")
    assert isinstance(get_dispatcher(), TasksDispatcher)
    assert isinstance(get_dispatcher(hidden=True), ThreadDispatcher)


def test_with_a_queue_codes_for_a_login_wait_in_it_for_known_and_unknown_numbers(queue: Any):
    services.send_login_otp(NUMBER)
    (result,) = queue.results
    run(result)
    assert not locmem.outbox
    assert Event.objects.get().kind == EventKind.DECOY


def test_another_queue_is_a_subclass_of_one_line(settings: Any, queue: Any):
    class Codes(TasksDispatcher):
        task = deliver.using(priority=10)

    Codes().dispatch("0190", 1)
    (result,) = queue.results
    assert result.task.priority == 10
