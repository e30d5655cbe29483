"""
Schedules that nobody thought of: hypothesis chooses the calls, their faults and the clock.

After each step the rows must still say what is true of every schedule, and add up. Limits are
small, so that schedules meet them; ``D7VERIFY_TEST_SCHEDULES=500`` tries so many new ones.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from django_d7verify import limits, services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import (
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    GatewayUnreachable,
)
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.models import Event, OTPSession, Pin, Recipient
from django_d7verify.services import OTP
from django_d7verify.words import EventKind, GatewayReason, PinStatus, SessionStatus

from .conftest import make_d7_settings

pytestmark = pytest.mark.django_db
logger = logging.getLogger(__name__)

STARTED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBERS = ["+971501234567", "+971507654321"]
RULES = {
    "MAX_ATTEMPTS": 3,
    "MAX_RESENDS": 2,
    "SENDS_PER_HOUR": 4,
    "SENDS_PER_DAY": 8,
    "FAILURES_PER_HOUR": 4,
    "FAILURES_PER_DAY": 6,
    "MAX_FAILURES_IN_A_ROW": 4,
    # Wall-clock time, of which schedules take none.
    "BREAKER_FAILURES": 1000,
}
ASKED = os.environ.get("D7VERIFY_TEST_SCHEDULES")

SEND_PATH = "/verify/v1/otp"
#: By name: options of the emulator's faults. Those that wait take too long to be many.
WIRE_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "no credit": ("no_credit", {}),
    "too many": ("too_many", {}),
    "credentials": ("unauthorized", {}),
    "invalid": ("invalid", {}),
    "rejected": ("rejected", {}),
    "lost before": ("server_error", {"act": False}),
    "lost after": ("server_error", {"act": True}),
    "unreadable after": ("not_json", {"act": True}),
    "cut": ("cut_body", {}),
    "reset": ("reset", {}),
}
#: By name: whether the message leaves, and what the gateway then raises.
OWN_FAULTS: dict[str, tuple[bool, Callable[[], Exception]]] = {
    "refused": (False, lambda: GatewayRefused("no")),
    "too soon": (False, lambda: GatewayRefused("no", reason=GatewayReason.TOO_FREQUENT)),
    "unreachable": (False, lambda: GatewayUnreachable("nobody")),
    "credentials": (False, lambda: ConfigurationError("not our token")),
    "lost before": (False, lambda: GatewayUncertain("cut off")),
    "lost after": (True, lambda: GatewayUncertain("cut off")),
}
MOVES = [1, 10, 50, 59, 120, 299, 540, 599, 600, 900, 3600, 4 * 3600, 20 * 3600]
DUE_IN = st.sampled_from([60, 0, 59, 60, 61, 60])
#: Events of attempts that were charged to the number and stayed so.
FAILED = (EventKind.WRONG_CODE, EventKind.LOCKED, EventKind.ANSWER_LOST)
ANSWERED = (*FAILED, EventKind.APPROVED)
DAY = timedelta(days=1)
#: Schedules that never come here show nothing.
EVERYWHERE = {
    *("send", "resend", "approved", "wrong", "consumed", "Throttled", "SessionClosed"),
    *("GatewayRefused", "GatewayUncertain"),
}


class FaultyGateway(locmem.LocMemGateway):
    """Our own codes; the next call has the fault of that name."""

    fault: ClassVar[str] = ""

    def send(self, message: CodeMessage) -> Receipt:
        leaves, make_error = OWN_FAULTS.get(self.fault, (True, None))
        receipt = super().send(message) if leaves else Receipt()
        if make_error is not None:
            raise make_error()
        return receipt


# Preconditions. No lambdas: the lowest Hypothesis reads their source again at each step.


def some_are_open(schedule: Schedule) -> bool:
    return len(schedule.ended) < len(schedule.sessions)


def some_code_is_old(schedule: Schedule) -> bool:
    return any(len(codes) > 1 for codes in schedule.codes.values())


def began(number: int) -> Callable[[Schedule], bool]:
    def did_begin(schedule: Schedule) -> bool:
        return len(schedule.sessions) >= number

    return did_begin


class Schedule(RuleBasedStateMachine):
    """People, strangers, a provider that fails, and a clock."""

    #: None where the codes are ours.
    emulator: ClassVar[Emulator | None] = None
    faults: ClassVar[list[str]] = []
    user: ClassVar[Any] = None
    #: What came of the calls, over all schedules.
    outcomes: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        Event.objects.all().delete()
        Pin.objects.all().delete()
        OTPSession.objects.all().delete()
        Recipient.objects.all().delete()
        locmem.outbox.clear()
        if self.emulator:
            self.emulator.reset()
        self.now = STARTED_AT
        self.fault = ""
        self.seen_messages = 0
        #: By session: its codes, each with the generation of its pin.
        self.codes: dict[str, list[tuple[int, str]]] = {}
        self.sessions: list[str] = []
        #: By number: when messages came.
        self.arrived: dict[str, list[datetime]] = {number: [] for number in NUMBERS}
        self.approved: set[str] = set()
        self.consumed: set[str] = set()
        #: By session: the first status that was not OPEN.
        self.ended: dict[str, SessionStatus] = {}

    # What happens.

    @rule(seconds=st.sampled_from(MOVES))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        if self.emulator:
            self.emulator.advance_clock(seconds)

    @rule(data=st.data(), number=st.sampled_from(NUMBERS), owned=st.booleans(), seconds=DUE_IN)
    def send(self, data: st.DataObject, number: str, seconds: int, *, owned: bool) -> None:
        self.wait(seconds)
        user = self.user if owned else None
        with_fault = self.draw_fault(data)
        result = self.call(lambda: services.send_otp(number, user=user, now=self.now), with_fault)
        self.take_message(result, number, f"send {with_fault}")

    @precondition(some_are_open)
    @rule(data=st.data(), seconds=DUE_IN)
    def resend(self, data: st.DataObject, seconds: int) -> None:
        self.wait(seconds)
        otp_id = self.draw_session(data)
        with_fault = self.draw_fault(data)
        result = self.call(lambda: services.resend_otp(otp_id, now=self.now), with_fault)
        number = OTPSession.objects.get(pk=otp_id).recipient_id
        self.take_message(result, number, f"resend {with_fault}")

    @precondition(some_are_open)
    @rule(data=st.data())
    def verify_right(self, data: st.DataObject) -> None:
        otp_id = self.draw_session(data)
        if not self.codes[otp_id]:
            return
        generation, code = self.codes[otp_id][-1]
        with_fault = self.draw_fault(data) if self.emulator else ""
        must_pass = not with_fault and self.is_good(otp_id, generation)
        approved = self.verify(otp_id, generation, code, with_fault)
        assert approved or not must_pass, "the newest code was refused"
        if approved:
            self.consume(otp_id)

    @precondition(some_are_open)
    @rule(data=st.data(), times=st.sampled_from([1, 2, 3]))
    def verify_wrong(self, data: st.DataObject, times: int) -> None:
        otp_id = self.draw_session(data)
        with_fault = self.draw_fault(data) if self.emulator else ""
        known = {code for codes in self.codes.values() for _, code in codes}
        wrong = next(f"{code:06}" for code in range(10**6) if f"{code:06}" not in known)
        for _ in range(times):
            assert not self.verify(otp_id, 0, wrong, with_fault)

    @precondition(some_code_is_old)
    @rule(data=st.data())
    def verify_old(self, data: st.DataObject) -> None:
        otp_id = data.draw(
            st.sampled_from([each for each in self.sessions if len(self.codes[each]) > 1])
        )
        generation, code = data.draw(st.sampled_from(self.codes[otp_id][:-1]))
        self.verify(otp_id, generation, code, "")

    @precondition(began(2))
    @rule(data=st.data())
    def verify_with_the_code_of_another_session(self, data: st.DataObject) -> None:
        otp_id, other = self.draw_session(data), self.draw_session(data)
        if otp_id != other and self.codes[other]:
            assert not self.verify(otp_id, 0, self.codes[other][-1][1], "")

    @precondition(began(3))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        otp_id = self.draw_session(data)
        otp = self.call(lambda: services.cancel_otp(otp_id, now=self.now))
        assert otp.status != SessionStatus.OPEN

    @precondition(began(1))
    @rule(data=st.data())
    def consume_any(self, data: st.DataObject) -> None:
        self.consume(data.draw(st.sampled_from(self.sessions)))

    # What is done alike.

    def consume(self, otp_id: str) -> None:
        token = services.make_verification_token(services.get_otp(otp_id, now=self.now))
        result = self.call(
            lambda: services.consume_verification_token(token, purpose="verify", now=self.now)
        )
        if isinstance(result, OTP):
            assert otp_id in self.approved - self.consumed
            self.consumed.add(otp_id)
            self.outcomes["consumed"] += 1

    def draw_session(self, data: st.DataObject) -> str:
        # Those that are open are of more interest; the newest is the first to be shrunk to.
        newest = self.sessions[::-1][:4]
        still_open = [otp_id for otp_id in newest if otp_id not in self.ended]
        return str(data.draw(st.sampled_from([*still_open * 4, *newest])))

    def draw_fault(self, data: st.DataObject) -> str:
        return str(data.draw(st.sampled_from([*[""] * 2 * len(self.faults), *self.faults])))

    def call(self, function: Callable[[], Any], fault: str = "") -> Any:
        """What it answers, or the error that it raises, which must be one of the app's."""
        FaultyGateway.fault = fault
        if self.emulator and fault:
            name, options = WIRE_FAULTS[fault]
            self.emulator.add_fault(name, SEND_PATH, **options)
        try:
            result = function()
        except D7VerifyError as error:
            self.outcomes[type(error).__name__] += 1
            return error
        except ConfigurationError as error:
            assert fault == "credentials"
            return error
        finally:
            FaultyGateway.fault = ""
            if self.emulator:
                self.emulator.clear_faults()
        return result

    def take_message(self, result: object, number: str, what: str) -> None:
        messages = self.read_messages()
        new, self.seen_messages = messages[self.seen_messages :], len(messages)
        assert len(new) == 1 if isinstance(result, OTP) else len(new) <= 1
        otp_id = getattr(result, "otp_id", None)
        if otp_id is not None and otp_id not in self.codes:
            self.sessions.append(otp_id)
            self.codes[otp_id] = []
        if new:
            # Where it is said that nothing was sent, nothing was.
            assert isinstance(result, OTP | GatewayUncertain), what
            (to, code) = new[0]
            assert to == number
            self.arrived[number].append(self.now)
            newest = Pin.objects.filter(session=otp_id).latest("generation")
            self.codes[str(otp_id)].append((newest.generation, code))
            self.outcomes[what.strip()] += 1

    def read_messages(self) -> list[tuple[str, str]]:
        if self.emulator:
            return [(str(m["recipient"]), str(m["code"])) for m in self.emulator.messages()]
        return [(message.recipient, str(message.code)) for message in locmem.outbox]

    def verify(self, otp_id: str, generation: int, code: str, fault: str) -> bool:
        live = self.find_live(otp_id)
        result = self.call(lambda: services.verify_otp(otp_id, code, now=self.now), fault)
        if isinstance(result, Exception):
            return False
        self.outcomes["approved" if result.approved else "wrong"] += 1
        if result.approved:
            assert generation in live, "a code that was replaced was taken"
            assert otp_id not in self.approved, "approved twice"
            self.approved.add(otp_id)
        return bool(result.approved)

    def find_live(self, otp_id: str) -> set[int]:
        """Generations of codes that may be right: those since the last that was confirmed."""
        live = set()
        for pin in Pin.objects.filter(session=otp_id).order_by("-generation"):
            if pin.status != PinStatus.NOT_SENT:
                live.add(pin.generation)
            if pin.status == PinStatus.SENT:
                break
        return live

    def is_good(self, otp_id: str, generation: int) -> bool:
        """Whether the code of *generation* must be taken now: nobody may be stranded."""
        session = OTPSession.objects.select_related("recipient").get(pk=otp_id)
        pin = session.pins.get(generation=generation)
        if self.emulator:
            # D7's newest code, under the id that we know, not in the last second of its life.
            newest = session.pins.exclude(status=PinStatus.NOT_SENT).latest("generation")
            is_known = pin == newest and pin.status == PinStatus.SENT and not session.unanswered
            if not is_known or pin.expires_at < self.now + timedelta(seconds=30):
                return False
        locked = limits.find_lock(session.recipient, now=self.now, owned=session.owned)
        return (
            session.status_at(self.now) == SessionStatus.OPEN
            and pin.expires_at > self.now
            and locked is None
        )

    # What is true of every schedule.

    @invariant()
    def the_rules_hold(self) -> None:
        if self.sessions:
            self.rows = list(OTPSession.objects.order_by("created_at"))
            self.events = list(Event.objects.order_by("pk").values_list("session", "kind", "at"))
            self.check_rows()
            self.check_failures()
            self.check_messages()

    def check_rows(self) -> None:
        kinds: dict[Any, Counter[str]] = {row.otp_id: Counter() for row in self.rows}
        for otp_id, kind, _ in self.events:
            kinds[otp_id][kind] += 1
        pins: dict[Any, list[tuple[int, str]]] = {row.otp_id: [] for row in self.rows}
        for otp_id, *pin in Pin.objects.values_list("session", "generation", "status"):
            pins[otp_id].append(tuple(pin))
        for row in self.rows:
            self.check_session(row, kinds[row.otp_id], pins[row.otp_id])

    def check_session(
        self, row: OTPSession, kinds: Counter[str], pins: list[tuple[int, str]]
    ) -> None:
        otp_id, statuses = str(row.otp_id), Counter(status for _, status in pins)
        assert 0 <= row.attempts <= row.max_attempts
        assert row.attempts == sum(kinds[kind] for kind in ANSWERED)
        assert kinds[EventKind.APPROVED] == (otp_id in self.approved)
        assert (row.status == SessionStatus.APPROVED) == (otp_id in self.approved)
        assert kinds[EventKind.CONSUMED] == (otp_id in self.consumed) == bool(row.consumed_at)
        assert kinds[EventKind.SENT] == statuses[PinStatus.SENT]
        assert kinds[EventKind.SEND_UNCERTAIN] == statuses[PinStatus.UNCERTAIN]
        assert kinds[EventKind.NOT_SENT] == statuses[PinStatus.NOT_SENT]
        assert statuses[PinStatus.CLAIMED] == 0
        resent = [each for each in pins if each[0] > 1 and each[1] != PinStatus.NOT_SENT]
        assert row.resend_count == len(resent) <= row.max_resends
        assert sorted(generation for generation, _ in pins) == [*range(1, row.generation + 1)]
        assert bool(row.salt) == (row.status == SessionStatus.OPEN)
        status = row.status_at(self.now)
        if status != SessionStatus.OPEN:
            assert self.ended.setdefault(otp_id, status) == status
        else:
            assert otp_id not in self.ended, "reopened"

    def check_failures(self) -> None:
        owners = {row.otp_id: (row.recipient_id, row.owned) for row in self.rows}
        approvals: dict[tuple[str, bool], int] = Counter()
        in_a_row: dict[tuple[str, bool], int] = Counter()
        failures: dict[tuple[str, bool], list[datetime]] = {owner: [] for owner in owners.values()}
        for otp_id, kind, at in self.events:
            owner = owners[otp_id]
            if kind == EventKind.APPROVED:
                approvals[owner] += 1
                in_a_row[owner] = 0
            elif kind in FAILED:
                in_a_row[owner] += 1
                failures[owner].append(at)
        for recipient in Recipient.objects.all():
            assert recipient.failures_in_a_row == in_a_row[recipient.number, True]
            most = RULES["MAX_FAILURES_IN_A_ROW"]
            assert recipient.disabled == (recipient.failures_in_a_row >= most)
            assert recipient.failures_in_a_row <= most
            if recipient.disabled:
                self.outcomes["disabled"] += 1
        for owner, instants in failures.items():
            assert count_most(instants, DAY) <= 2 * RULES["FAILURES_PER_DAY"] - 1
            if not approvals[owner]:
                hour = timedelta(hours=1)
                assert count_most(instants, hour) <= 2 * RULES["FAILURES_PER_HOUR"] - 1

    def check_messages(self) -> None:
        for instants in self.arrived.values():
            gaps = [after - before for before, after in itertools.pairwise(instants)]
            assert not gaps or min(gaps) >= timedelta(seconds=60)
            # The known user's and everybody's.
            assert count_most(instants, DAY) <= 2 * (2 * RULES["SENDS_PER_DAY"] - 1)


def count_most(instants: list[datetime], period: timedelta) -> int:
    """The most of *instants* that lie in one period."""
    return max(
        (sum(begun <= each < begun + period for each in instants) for begun in instants), default=0
    )


def play(schedule: type[Schedule], examples: int, steps: int) -> Counter[str]:
    """Try schedules; answers what came of the calls."""
    schedule.outcomes = Counter()
    run_state_machine_as_test(
        schedule,
        settings=settings(
            max_examples=int(ASKED or examples),
            stateful_step_count=steps,
            derandomize=not ASKED,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    logger.info("%s", sorted(schedule.outcomes.items()))
    return schedule.outcomes


@pytest.fixture(autouse=True)
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.D7VERIFY = {
        **RULES,
        "GATEWAYS": {"default": {"BACKEND": f"{__name__}.FaultyGateway"}},
    }


def test_every_schedule_of_our_own_codes_keeps_the_rules():
    class OwnCodes(Schedule):
        faults = list(OWN_FAULTS)
        user = get_user_model().objects.create(username="ann")

    assert set(play(OwnCodes, examples=30, steps=40)) >= EVERYWHERE


def test_every_schedule_of_provider_made_codes_keeps_the_rules(settings: Any, emulator: Emulator):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {"default": make_d7_settings(emulator)},
    }

    class ProviderMadeCodes(Schedule):
        faults = list(WIRE_FAULTS)
        user = get_user_model().objects.create(username="ann")

    ProviderMadeCodes.emulator = emulator
    assert set(play(ProviderMadeCodes, examples=18, steps=40)) >= EVERYWHERE
