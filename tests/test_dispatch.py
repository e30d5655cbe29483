"""Codes that are sent after the answer: queued, taken once, given back, late, and in threads."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.utils import timezone

from django_d7verify import dispatching, services, signals
from django_d7verify.dispatchers import InlineDispatcher, ThreadDispatcher
from django_d7verify.dispatching import Dispatcher, get_dispatcher
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, GatewayUnreachable, SessionClosed
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.models import Budget, Event, OTPSession, Pin, Recipient
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .conftest import NUMBER, set_d7verify
from .logging_in import (
    OTHER_NUMBER,
    deliver,
    held,
    listen,
    make_user,
)
from .parallel import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

HELD = "tests.logging_in.HeldDispatcher"
FULL = "tests.logging_in.FullDispatcher"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def new_ones(settings: Any, monkeypatch: Any) -> None:
    """No dispatcher or breaker of another test; codes wait until ``deliver``."""
    monkeypatch.setattr(dispatching, "_made", {})
    set_d7verify(settings, DISPATCHER=HELD)


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def make_wrong() -> str:
    return f"{(int(newest_code()) + 1) % 1_000_000:06}" if locmem.outbox else "123456"


def find_kinds() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


class RefusingGateway(locmem.LocMemGateway):
    """A gateway with nothing behind it."""

    def send(self, message: CodeMessage) -> Receipt:
        raise GatewayUnreachable("Not there.", reason=GatewayReason.OTHER)


REFUSING = {"default": {"BACKEND": "tests.test_dispatch.RefusingGateway"}}


# What waits.


def test_a_code_that_waits_is_not_made_yet_and_the_answer_says_open():
    otp = services.send_otp(NUMBER)
    assert (otp.status, otp.resend_after, otp.attempts_left) == (SessionStatus.OPEN, 60, 5)
    pin = Pin.objects.get()
    assert (pin.status, pin.digest, pin.reference) == (PinStatus.QUEUED, "", "")
    assert held == [(otp.otp_id, 1)]
    assert locmem.outbox == []


def test_a_code_made_by_the_worker_is_right():
    otp = services.send_otp(NUMBER)
    deliver()
    assert services.verify_otp(otp.otp_id, newest_code()).approved


def test_a_provider_makes_the_code_for_the_worker_too(d7: Emulator):
    otp = services.send_otp(NUMBER)
    assert d7.messages(NUMBER) == []
    deliver()
    assert services.verify_otp(otp.otp_id, str(d7.messages(NUMBER)[-1]["code"])).approved


def test_a_code_that_is_tried_while_none_is_sent_is_wrong_and_charged():
    otp = services.send_otp(NUMBER)
    result = services.verify_otp(otp.otp_id, "123456")
    assert (result.approved, result.attempts_left) == (False, 4)
    assert Recipient.objects.get().failures_hour > 0
    deliver()
    assert services.verify_otp(otp.otp_id, newest_code()).approved


def test_tries_of_a_code_that_waits_are_as_many_as_of_any_other():
    otp = services.send_otp(NUMBER)
    for _ in range(5):
        services.verify_otp(otp.otp_id, "123456")
    with pytest.raises(SessionClosed):
        services.verify_otp(otp.otp_id, "123456")
    deliver()
    assert locmem.outbox == []


# The worker.


def test_of_20_workers_at_once_one_sends():
    otp = services.send_otp(NUMBER)
    outcomes = run_at_once(20, lambda _: services.deliver_otp(otp.otp_id, 1))
    assert outcomes == {"None": 20}
    assert len(locmem.outbox) == 1
    assert find_kinds() == [EventKind.SENT]
    assert services.verify_otp(otp.otp_id, newest_code()).approved


def test_of_20_workers_at_once_one_finds_that_nobody_has_the_number():
    otp = services.send_login_otp(NUMBER)
    run_at_once(20, lambda _: services.deliver_otp(otp.otp_id, 1))
    assert find_kinds() == [EventKind.DECOY]


@pytest.mark.parametrize("generation", [0, 2, -1])
def test_a_worker_with_the_wrong_number_of_a_code_does_nothing(generation: int):
    otp = services.send_otp(NUMBER)
    services.deliver_otp(otp.otp_id, generation)
    assert Pin.objects.get().status == PinStatus.QUEUED


@pytest.mark.parametrize("otp_id", ["8ae0340c-3b77-4664-a00e-1d78da109de2", "no id", ""])
def test_a_worker_for_a_session_that_is_gone_does_nothing(otp_id: str):
    services.deliver_otp(otp_id, 1)
    assert locmem.outbox == []


def test_a_worker_that_comes_after_the_code_has_expired_sends_nothing():
    now = timezone.now()
    services.send_otp(NUMBER, now=now)
    deliver(now=now + timedelta(seconds=600))
    assert locmem.outbox == []
    assert Pin.objects.get().status == PinStatus.NOT_SENT
    event = Event.objects.get()
    assert (event.kind, event.reason) == (EventKind.NOT_SENT, GatewayReason.OVERTAKEN)


def test_a_worker_that_comes_after_the_cancel_sends_nothing():
    otp = services.send_otp(NUMBER)
    services.cancel_otp(otp.otp_id)
    deliver()
    assert locmem.outbox == []
    assert OTPSession.objects.get().status == SessionStatus.CANCELLED


def test_a_worker_that_comes_after_a_newer_resend_sends_only_that():
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    deliver(now=later)
    assert len(locmem.outbox) == 1
    statuses = Pin.objects.order_by("generation").values_list("status", flat=True)
    assert list(statuses) == [PinStatus.NOT_SENT, PinStatus.SENT]
    assert services.verify_otp(otp.otp_id, newest_code(), now=later).approved


def test_a_worker_that_comes_late_tells_how_long_the_code_still_lives():
    now = timezone.now()
    services.send_otp(NUMBER, now=now)
    deliver(now=now + timedelta(seconds=100))
    assert locmem.outbox[0].expiry_seconds == 500


def test_a_worker_that_cannot_send_gives_everything_back_and_says_so(settings: Any):
    set_d7verify(settings, GATEWAYS=REFUSING, SITE_SENDS_PER_DAY=100)
    otp = services.send_otp(NUMBER)
    with listen(signals.otp_send_failed) as heard:
        deliver()
    assert [type(said["error"]) for said in heard] == [GatewayUnreachable]
    assert services.get_otp(otp.otp_id).status == SessionStatus.FAILED
    assert_given_back()
    services.send_otp(NUMBER)


def test_a_worker_that_cannot_resend_leaves_the_session_and_its_code(settings: Any):
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)
    deliver(now=now)
    set_d7verify(settings, GATEWAYS=REFUSING)
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    deliver(now=later)
    state = services.get_otp(otp.otp_id, now=later)
    assert (state.status, state.resend_count, state.resend_after) == ("OPEN", 0, 0)
    assert services.verify_otp(otp.otp_id, newest_code(), now=later).approved


def test_a_worker_fails_over(settings: Any):
    both = {
        "default": {**REFUSING["default"], "FAILOVER": ["second"]},
        "second": {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"},
    }
    set_d7verify(settings, GATEWAYS=both)
    otp = services.send_otp(NUMBER)
    deliver()
    assert Pin.objects.get().gateway == "second"
    assert services.verify_otp(otp.otp_id, newest_code()).approved


@pytest.mark.parametrize("number", [NUMBER, OTHER_NUMBER])
def test_a_login_that_could_not_be_sent_stays_open_and_keeps_its_wait(settings: Any, number: str):
    make_user(NUMBER)
    set_d7verify(settings, GATEWAYS=REFUSING)
    otp = services.send_login_otp(number)
    deliver()
    state = services.get_otp(otp.otp_id)
    assert (state.status, state.resend_count) == (SessionStatus.OPEN, 0)
    assert state.resend_after in (59, 60)
    reason = Event.objects.values_list("kind", flat=True).get()
    assert reason == (EventKind.NOT_SENT if number == NUMBER else EventKind.DECOY)


def test_a_worker_whose_text_has_no_code_in_it_marks_that_and_gives_all_back(settings: Any):
    otp = services.send_otp(NUMBER)
    set_d7verify(settings, CONTENT="No code.")
    deliver()
    assert services.get_otp(otp.otp_id).status == SessionStatus.FAILED
    assert Event.objects.get().reason == ConfigurationError.code
    assert_given_back()


def test_a_killed_worker_leaves_a_claimed_pin_and_a_way_out(monkeypatch: Any):
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)

    def die(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(locmem.LocMemGateway, "send", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(now=now)
    assert Pin.objects.get().status == PinStatus.CLAIMED
    # Nobody sends it a second time, as it may be out.
    services.deliver_otp(otp.otp_id, 1, now=now)
    assert locmem.outbox == []
    later = now + timedelta(seconds=60)
    services.resend_otp(otp.otp_id, now=later)
    deliver(now=later)
    assert services.verify_otp(otp.otp_id, newest_code(), now=later).approved


# A queue that does not take it.


def assert_given_back() -> None:
    row = Recipient.objects.get()
    now = timezone.now().timestamp() * 1_000_000
    assert row.next_send <= now
    assert row.sends_hour <= now
    assert row.sends_day <= now
    assert row.claim == ""
    assert all(budget.day <= now for budget in Budget.objects.all())


@pytest.mark.parametrize("known", [True, False])
def test_a_full_queue_gives_the_login_back_and_is_503(settings: Any, known: bool):
    if known:
        make_user(NUMBER)
    set_d7verify(
        settings,
        DISPATCHER=FULL,
        SITE_SENDS_PER_DAY=100,
        HOME_COUNTRIES=["EE"],
        TOKEN_STRATEGY="django_d7verify.token_strategies.SimpleJWTStrategy",
    )
    for _ in range(2):
        answer = Client().post(
            "/api/otp/login/send/", {"recipient": NUMBER}, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["retry_after"]) == (503, 10)
        assert_given_back()
    assert Budget.objects.count() == 3
    assert {pin.status for pin in Pin.objects.all()} == {PinStatus.NOT_SENT}
    assert {session.status for session in OTPSession.objects.all()} == {SessionStatus.FAILED}
    assert {event.reason for event in Event.objects.all()} == {GatewayReason.QUEUE_DOWN}


@pytest.mark.parametrize("known", [True, False])
def test_a_full_queue_gives_the_resend_back(settings: Any, known: bool):
    if known:
        make_user(NUMBER)
    now = timezone.now()
    otp = services.send_login_otp(NUMBER, now=now)
    deliver(now=now)
    set_d7verify(settings, DISPATCHER=FULL)
    later = now + timedelta(seconds=60)
    with pytest.raises(GatewayUnreachable):
        services.resend_otp(otp.otp_id, now=later)
    state = services.get_otp(otp.otp_id, now=later)
    assert (state.resend_count, state.resend_after, state.status) == (0, 0, "OPEN")
    assert OTPSession.objects.get().expires_at == now + timedelta(seconds=600)
    set_d7verify(settings, DISPATCHER=HELD)
    services.resend_otp(otp.otp_id, now=later)
    if known:
        deliver(now=later)
        assert services.verify_login(otp.otp_id, newest_code(), now=later).approved


class BrokenAfterDispatcher(Dispatcher):
    """The queue took it and its worker was fast; then the line to the queue broke."""

    at: ClassVar[str] = "sent"

    def dispatch(self, otp_id: str, generation: int) -> None:
        if self.at == "claimed":
            # Taken by a worker, which has not called the gateway yet.
            Pin.objects.claim_queued(otp_id, generation)
        else:
            services.deliver_otp(otp_id, generation)
        raise ConnectionError("The answer of the queue was lost.")


@pytest.mark.parametrize("at", ["claimed", "sent"])
def test_a_code_that_a_worker_has_taken_is_not_given_back(settings: Any, monkeypatch: Any, at: str):
    monkeypatch.setattr(BrokenAfterDispatcher, "at", at)
    set_d7verify(settings, DISPATCHER="tests.test_dispatch.BrokenAfterDispatcher")
    otp = services.send_otp(NUMBER)
    assert otp.status == SessionStatus.OPEN
    assert Pin.objects.get().status == at
    assert OTPSession.objects.get().status == SessionStatus.OPEN
    assert Recipient.objects.get().claim == f"{otp.otp_id}:1"
    assert EventKind.NOT_SENT not in find_kinds()


# Which dispatcher.


class OwnDispatcher(Dispatcher):
    """A queue of the site's own, as it is written in the README."""

    def dispatch(self, otp_id: str, generation: int) -> None:
        held.append((otp_id, generation))


def test_a_dispatcher_of_the_sites_own_is_named_by_its_path(settings: Any):
    set_d7verify(settings, DISPATCHER="tests.test_dispatch.OwnDispatcher")
    assert isinstance(get_dispatcher(), OwnDispatcher)
    assert get_dispatcher() is get_dispatcher(hidden=True)
    otp = services.send_otp(NUMBER)
    deliver()
    assert services.verify_otp(otp.otp_id, newest_code()).approved


def test_a_login_is_never_sent_inline(settings: Any):
    set_d7verify(settings, DISPATCHER="django_d7verify.dispatchers.InlineDispatcher")
    assert isinstance(get_dispatcher(), InlineDispatcher)
    assert isinstance(get_dispatcher(hidden=True), ThreadDispatcher)
    with pytest.raises(NotImplementedError):
        get_dispatcher().dispatch("", 1)


@pytest.mark.parametrize("path", ["nowhere.Queue", "builtins.dict", "builtins.len"])
def test_a_path_to_no_dispatcher_is_a_mistake_of_the_site_and_nothing_is_charged(
    settings: Any, path: str
):
    set_d7verify(settings, DISPATCHER=path)
    with pytest.raises(ConfigurationError, match="DISPATCHER"):
        services.send_otp(NUMBER)
    assert not OTPSession.objects.exists()
    assert not Recipient.objects.exists()


# Threads of the process.


@pytest.fixture
def threads(settings: Any) -> Iterator[ThreadDispatcher]:
    set_d7verify(settings, DISPATCHER="django_d7verify.dispatchers.ThreadDispatcher")
    dispatcher = get_dispatcher()
    assert isinstance(dispatcher, ThreadDispatcher)
    yield dispatcher
    assert dispatcher.wait_until_empty(10)


class SlowGateway(locmem.LocMemGateway):
    """Sends when it is told to."""

    may_send: ClassVar[threading.Event] = threading.Event()

    def send(self, message: CodeMessage) -> Receipt:
        assert self.may_send.wait(10)
        return super().send(message)


def test_a_thread_sends_after_the_answer(threads: ThreadDispatcher):
    make_user(NUMBER)
    otp = services.send_login_otp(NUMBER)
    assert threads.wait_until_empty(10)
    assert services.verify_login(otp.otp_id, newest_code()).approved


def test_threads_take_so_many_codes_and_no_more(threads: ThreadDispatcher, settings: Any):
    slow = {"default": {"BACKEND": "tests.test_dispatch.SlowGateway"}}
    set_d7verify(settings, GATEWAYS=slow, DISPATCH_THREADS=2, DISPATCH_QUEUE=3)
    SlowGateway.may_send.clear()
    try:
        for index in range(5):
            services.send_otp(f"+97150123456{index}")
        before = set(threading.enumerate())
        with pytest.raises(GatewayUnreachable) as caught:
            services.send_otp("+971501234569")
        assert caught.value.reason == GatewayReason.QUEUE_DOWN
        assert set(threading.enumerate()) <= before
        assert not threads.wait_until_empty(0)
    finally:
        SlowGateway.may_send.set()
    assert threads.wait_until_empty(10)
    assert len(locmem.outbox) == 5
    services.send_otp("+971501234569")


def test_a_bug_of_a_gateway_is_logged_without_secrets_and_ends_no_thread(
    threads: ThreadDispatcher, settings: Any, caplog: Any
):
    broken = {"default": {"BACKEND": "tests.stories.gateways.BrokenGateway"}}
    set_d7verify(settings, GATEWAYS=broken, DISPATCH_THREADS=1, CODE_LENGTH=10)
    services.send_otp(NUMBER)
    assert threads.wait_until_empty(10)
    assert "A bug in send." in caplog.text
    assert not any(secret in caplog.text for secret in (newest_code(), NUMBER, NUMBER[4:]))
    fine = {"default": {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}}
    set_d7verify(settings, GATEWAYS=fine)
    otp = services.send_otp(OTHER_NUMBER)
    assert threads.wait_until_empty(10)
    assert services.verify_otp(otp.otp_id, newest_code()).approved


def run_python(code: str) -> str:
    """What a process of its own writes, with a site whose database it keeps in memory."""
    begin = """
        import django, os, threading, time
        from django.conf import settings
        settings.configure(
            SECRET_KEY="x" * 50, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                            "django_d7verify"],
        )
        django.setup()
        from django_d7verify import services
        from django_d7verify.dispatchers import ThreadDispatcher
        dispatcher = ThreadDispatcher()
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(begin) + textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_codes_that_wait_are_sent_before_the_process_ends():
    # More than threads, and each takes a while: those in the queue count too.
    written = run_python(
        """
        def send(otp_id, generation):
            time.sleep(0.05)
            os.write(1, f"{otp_id} {generation}{os.linesep}".encode())

        services.deliver_otp = send
        for index in range(20):
            dispatcher.dispatch(f"session-{index}", 1)
        """
    )
    assert len(set(written.splitlines())) == 20


def test_after_a_fork_the_child_has_threads_of_its_own():
    written = run_python(
        """
        release = threading.Event()
        services.deliver_otp = lambda otp_id, generation: release.wait(10)
        for index in range(3):
            dispatcher.dispatch(f"parent-{index}", 1)
        dispatcher._changed.acquire()  # As another thread of the parent may have, at that moment.
        child = os.fork()
        if child == 0:
            services.deliver_otp = lambda otp_id, generation: print(otp_id, flush=True)
            dispatcher.dispatch("child", 1)
            print("empty" if dispatcher.wait_until_empty(10) else "stuck", flush=True)
            os._exit(0)
        dispatcher._changed.release()
        print(os.waitpid(child, 0)[1], flush=True)
        print("waiting" if not dispatcher.wait_until_empty(0) else "empty", flush=True)
        release.set()
        """
    )
    assert written.splitlines() == ["child", "empty", "0", "waiting"]
