"""Every way in which D7 can fail: one error, one HTTP answer, rows that say what is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.emulator.faults import FAULTS, REPORT_FAULTS
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
)
from django_d7verify.models import Event, OTPSession, Pin

from .conftest import NUMBER, make_d7_settings
from .stories.site import (
    RESEND_PATH,
    SEND_PATH,
    STARTED_AT,
    VERIFY_PATH,
    Answer,
    Api,
    Clocks,
    assert_approved,
    assert_refused,
    assert_throttled,
    assert_wrong,
    wait_for_call,
)

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Fault:
    """One fault of the emulator, and what it has to become."""

    name: str
    error: type[Exception]
    status: int
    code: str
    #: Of a 503; that of a 504 is the 60 seconds, or those before a code is tried again.
    retry_after: int | None = None
    #: Kept with the event.
    reason: str = "other"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def is_uncertain(self) -> bool:
        """The message may be on its way, the code may have been compared."""
        return self.error is GatewayUncertain

    def __str__(self) -> str:
        return "-".join((self.name, *map(str, self.options)))


def refused(name: str, reason: str) -> Fault:
    return Fault(name, GatewayRefused, 502, "gateway_refused", reason=reason)


def unreachable(name: str, wait_seconds: int, reason: str, **options: Any) -> Fault:
    return Fault(
        name, GatewayUnreachable, 503, "gateway_unreachable", wait_seconds, reason, options
    )


def not_our_token(name: str) -> Fault:
    return Fault(name, ConfigurationError, 503, "gateway_unreachable", 10, "configuration_error")


def uncertain(name: str, **options: Any) -> Fault:
    return Fault(name, GatewayUncertain, 504, "gateway_uncertain", options=options)


TABLE = [
    unreachable("refuse", 10, "other", seconds=60),
    unreachable("too_many", 7, "rate_limited", retry_after=7),
    not_our_token("unauthorized"),
    not_our_token("forbidden"),
    refused("no_credit", "no_credit"),
    refused("invalid", "invalid_recipient"),
    uncertain("reset"),
    uncertain("slow", seconds=1),
    uncertain("stall"),
    uncertain("trickled_headers", interval_seconds=0.02),
    uncertain("cut_body"),
    uncertain("server_error"),
    uncertain("server_error", act=True),
    uncertain("not_json"),
    uncertain("not_json", act=True),
    uncertain("redirect"),
]
each_fault = pytest.mark.parametrize("fault", TABLE, ids=str)


#: For how long we wait where the fault is to let us wait; no other limit may end the call first.
HASTY = {
    "slow": {"read_timeout_seconds": 0.08},
    "stall": {"read_timeout_seconds": 0.08},
    "trickled_headers": {"total_timeout_seconds": 0.3},
}


@dataclass
class Bench:
    """A site before D7, and a hand on both."""

    api: Api
    d7: Emulator
    clocks: Clocks
    settings: Any

    @contextmanager
    def failing(self, fault: Fault, path: str) -> Iterator[None]:
        """The next call of *path* fails so; where it is by waiting, we soon give up."""
        patient = self.settings.D7VERIFY
        gateway = make_d7_settings(self.d7, **HASTY.get(fault.name, {}))
        self.settings.D7VERIFY = {**patient, "GATEWAYS": {"default": gateway}}
        self.d7.add_fault(fault.name, path, **fault.options)
        count = len(self.d7.calls(path)) + (fault.name != "refuse")
        yield
        wait_for_call(self.d7, path, count)
        self.d7.stop_refusing()
        self.settings.D7VERIFY = patient

    def set_limits(self, **limits: int) -> None:
        self.settings.D7VERIFY = {**self.settings.D7VERIFY, **limits}

    def newest_code(self) -> str:
        return str(self.d7.messages(NUMBER)[-1]["code"])


@pytest.fixture
def bench(d7: Emulator, settings: Any) -> Iterator[Bench]:
    with time_machine.travel(STARTED_AT, tick=False) as ours:
        yield Bench(Api(), d7, Clocks(ours, d7), settings)


def assert_answer(answer: Answer, fault: Fault, *, retry_after: int) -> None:
    """*retry_after* is that of a 504."""
    more: dict[str, Any] = {}
    if fault.is_uncertain:
        more = {"retry_after": retry_after, "otp_id": str(OTPSession.objects.get().otp_id)}
    elif fault.retry_after:
        more = {"retry_after": fault.retry_after}
    assert_refused(answer, fault.status, fault.code, **more)


def find_last_event() -> tuple[str, str]:
    event = Event.objects.latest("pk")
    return event.kind, event.reason


def test_the_table_has_every_fault_that_the_emulator_knows():
    assert {fault.name for fault in TABLE} | {"rejected"} == set(FAULTS) - REPORT_FAULTS


# The error.


@each_fault
@pytest.mark.parametrize("path", [SEND_PATH, RESEND_PATH, VERIFY_PATH])
def test_a_fault_is_exactly_one_error(bench: Bench, fault: Fault, path: str):
    otp_id, code = "", ""
    if path != SEND_PATH:
        otp_id = services.send_otp(NUMBER).otp_id
        code = bench.newest_code()
        bench.clocks.advance(60)
    call = {
        SEND_PATH: lambda: services.send_otp(NUMBER),
        RESEND_PATH: lambda: services.resend_otp(otp_id),
        VERIFY_PATH: lambda: services.verify_otp(otp_id, code),
    }[path]
    with bench.failing(fault, path), pytest.raises(fault.error) as caught:
        call()
    assert type(caught.value) is fault.error
    # Nothing is retried, whatever is known.
    assert len(bench.d7.calls(path)) == (0 if fault.name == "refuse" else 1)


# The answer, the rows, and what may be done next.


@each_fault
def test_a_send_that_fails_is_answered_kept_and_can_be_repeated_as_is_right(
    bench: Bench, fault: Fault
):
    budget = 2 if fault.is_uncertain else 1
    bench.set_limits(SENDS_PER_HOUR=budget, SENDS_PER_DAY=budget)
    with bench.failing(fault, SEND_PATH):
        answer = bench.api.send()
    assert_answer(answer, fault, retry_after=60)
    session, pin = OTPSession.objects.get(), Pin.objects.get()
    if fault.is_uncertain:
        assert (session.status, pin.status) == ("OPEN", "uncertain")
        assert find_last_event() == ("send_uncertain", fault.reason)
        assert_throttled(bench.api.send(), retry_after=60)
        bench.clocks.advance(60)
    else:
        assert (session.status, pin.status) == ("FAILED", "not_sent")
        assert find_last_event() == ("not_sent", fault.reason)
        assert bench.d7.messages() == []

    sent = bench.api.send()
    assert sent.status == 201
    assert_approved(bench.api.verify(sent["otp_id"], bench.newest_code()))
    # What was surely not sent has cost nothing of the hour and the day, and anything else has.
    bench.clocks.advance(60)
    assert bench.api.send()["code"] == "throttled"


@each_fault
def test_a_resend_that_fails_is_answered_kept_and_can_be_repeated_as_is_right(
    bench: Bench, fault: Fault
):
    budget = 3 if fault.is_uncertain else 2
    bench.set_limits(SENDS_PER_HOUR=budget, SENDS_PER_DAY=budget)
    otp_id = bench.api.send()["otp_id"]
    expires_at = OTPSession.objects.get().expires_at
    bench.clocks.advance(60)
    with bench.failing(fault, RESEND_PATH):
        answer = bench.api.resend(otp_id)
    assert_answer(answer, fault, retry_after=60)
    session, pin = OTPSession.objects.get(), Pin.objects.get(generation=2)
    if fault.is_uncertain:
        assert (session.status, session.resend_count, pin.status) == ("OPEN", 1, "uncertain")
        assert find_last_event() == ("send_uncertain", fault.reason)
        assert_throttled(bench.api.resend(otp_id), retry_after=60)
        bench.clocks.advance(60)
    else:
        assert (session.status, session.resend_count, pin.status) == ("OPEN", 0, "not_sent")
        assert session.expires_at == expires_at
        assert find_last_event() == ("not_sent", fault.reason)
        assert len(bench.d7.messages()) == 1

    resent = bench.api.resend(otp_id)
    assert (resent.status, resent["resend_count"]) == (200, 2 if fault.is_uncertain else 1)
    bench.clocks.advance(60)
    assert bench.api.resend(otp_id)["code"] == "throttled"
    assert_approved(bench.api.verify(otp_id, bench.newest_code()))


@each_fault
def test_a_code_that_could_not_be_checked_is_answered_kept_and_can_be_tried_again(
    bench: Bench, fault: Fault
):
    budget = 2 if fault.is_uncertain else 1
    bench.set_limits(FAILURES_PER_HOUR=budget, FAILURES_PER_DAY=budget, MAX_ATTEMPTS=budget)
    otp_id = bench.api.send()["otp_id"]
    with bench.failing(fault, VERIFY_PATH):
        answer = bench.api.verify(otp_id, bench.newest_code())
    assert_answer(answer, fault, retry_after=10)
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == ("OPEN", 1 if fault.is_uncertain else 0)
    assert find_last_event() == (
        ("answer_lost", "") if fault.is_uncertain else ("not_compared", fault.reason)
    )
    # The very next try is good: it is the last attempt, and the last failure, that there is.
    assert_approved(bench.api.verify(otp_id, bench.newest_code()))
    assert find_last_event() == ("approved", "")


@each_fault
def test_the_older_code_is_good_after_a_resend_that_fails(bench: Bench, fault: Fault):
    otp_id = bench.api.send()["otp_id"]
    bench.clocks.advance(60)
    with bench.failing(fault, RESEND_PATH):
        bench.api.resend(otp_id)
    # The one that is on the phone: D7's newest, whether or not we heard of it.
    assert_approved(bench.api.verify(otp_id, bench.newest_code()))


# A 200 that says no.


def test_a_send_that_d7_rejects_with_200_was_not_sent(bench: Bench):
    bench.d7.add_fault("rejected", SEND_PATH)
    assert_refused(bench.api.send(), 502, "gateway_refused")
    assert (OTPSession.objects.get().status, Pin.objects.get().status) == ("FAILED", "not_sent")
    assert bench.api.send().status == 201


def test_a_resend_that_d7_rejects_with_200_becomes_a_new_send(bench: Bench):
    otp_id = bench.api.send()["otp_id"]
    bench.clocks.advance(60)
    bench.d7.add_fault("rejected", RESEND_PATH)
    assert bench.api.resend(otp_id).status == 200
    assert len(bench.d7.messages(NUMBER)) == 2
    assert_approved(bench.api.verify(otp_id, bench.newest_code()))


def test_a_code_that_d7_rejects_with_200_is_wrong(bench: Bench):
    otp_id = bench.api.send()["otp_id"]
    bench.d7.add_fault("rejected", VERIFY_PATH)
    assert_wrong(bench.api.verify(otp_id, bench.newest_code()), attempts_left=4)
    assert find_last_event() == ("wrong_code", "")


def test_a_fault_in_the_send_after_a_resend_that_d7_forgot_is_a_fault_of_the_resend(bench: Bench):
    otp_id = bench.api.send()["otp_id"]
    bench.clocks.advance(60)
    bench.d7.reset()
    bench.d7.add_fault("no_credit", SEND_PATH)
    assert_refused(bench.api.resend(otp_id), 502, "gateway_refused")
    assert find_last_event() == ("not_sent", "no_credit")
    assert bench.api.resend(otp_id).status == 200
    assert_approved(bench.api.verify(otp_id, bench.newest_code()))
