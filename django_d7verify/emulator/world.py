"""All that the emulator knows, behind one lock, and what may be asked of it from outside."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from .clock import Clock
from .faults import REFUSE, FaultList, make_fault
from .phones import read_recipient
from .records import (
    KEPT_ROWS,
    BlacklistEntry,
    Message,
    Newest,
    OneTimeCode,
    Pin,
    SentRequest,
    find_code,
)
from .reporter import Reporter, Sequence, Step
from .reports import Outgoing, make_d7_report, make_messenger_report, make_post
from .switches import Switches
from .tokens import make_id
from .wire import Request

D7 = "d7"
MESSENGER = "messenger"

#: The sample of gateway-apis A.3, and the price of one part in those of A.5.
FULL_BALANCE = Decimal("99.9999999")
PART_COST = Decimal("0.0001")

#: Samples of gateway-apis B.3 begin about here.
FIRST_BLACKLIST_ID = 2222

FAILED_STATUSES = frozenset(
    {"un_delivered", "undelivered", "not_reachable", "spam_content", "insufficient_credit",
     "failed", "rejected", "expired"}
)  # fmt: skip


class World:
    """
    State of both providers. Handlers run under ``lock``; public methods take it themselves.

    *refuse* closes the door for some seconds, *recover* opens it and ends the connections
    that a fault holds; both are called without the lock.
    """

    def __init__(self, refuse: Callable[[float], None], recover: Callable[[], None]) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.switches = Switches()
        self.faults = FaultList()
        self.reporter = Reporter(self.clock, self.lock)
        self.otps: Newest[OneTimeCode] = Newest()
        self.requests: Newest[SentRequest] = Newest()
        self.lookups: Newest[dict[str, object]] = Newest()
        self.pins: Newest[Pin] = Newest()
        self.blacklist: Newest[BlacklistEntry] = Newest()
        self.spent = Decimal()
        self._refuse = refuse
        self._recover = recover
        self._messages: deque[Message] = deque(maxlen=KEPT_ROWS)
        self._calls: deque[dict[str, object]] = deque(maxlen=KEPT_ROWS)
        self._sequences: Newest[Sequence] = Newest()
        self._numbers = itertools.count(1)
        self.blacklist_ids = itertools.count(FIRST_BLACKLIST_ID)

    # Asked from outside.

    def messages(self, recipient: str | None = None) -> list[Message]:
        """The messages of all phones or of one, the newest last."""
        with self.lock:
            if recipient is None:
                return list(self._messages)
            wanted = read_recipient(recipient)
            return [message for message in self._messages if message.recipient == wanted]

    def calls(self, path: str | None = None) -> list[dict[str, object]]:
        """Requests received on provider paths, the newest last."""
        with self.lock:
            return [call for call in self._calls if path is None or call["path"] == path]

    def advance_clock(self, seconds: float) -> datetime:
        """Move the clock forward and return its time. Raises ``ValueError``."""
        with self.lock:
            self.clock.advance(seconds)
            self.reporter.wake()
            return self.clock.now()

    def add_fault(self, /, name: str, path: str = "", times: int = 1, **options: object) -> None:
        """See ``faults.make_fault``. ``refuse`` happens now, to every path."""
        fault = make_fault(name, path, times, **options)
        if name == REFUSE:
            self._refuse(fault.number("seconds"))
            return
        with self.lock:
            self.faults.add(fault)

    def deliver(self, recipient: str, status: str) -> Message:
        """
        Make a delivery report happen on the newest message of *recipient*.

        Reports of it that were still to come are dropped. Raises ``LookupError``.
        """
        with self.lock:
            found = self.messages(recipient)
            if not found:
                raise LookupError("No message for that recipient.")
            message = found[-1]
            if running := self._sequences.remove(str(message.id)):
                running.cancelled = True
            self._set_status(message, status)
            self._report(message, (status,), at=self.clock.now())
            return message

    def clear_messages(self) -> None:
        """Empty the inbox; codes, requests and switches stay."""
        with self.lock:
            self._messages.clear()

    def reset(self) -> None:
        """Empty again: messages, codes, calls, faults, switches, and the clock's moves."""
        self._recover()
        with self.lock:
            self.reporter.clear()
            for sequence in self._sequences.all():
                sequence.cancelled = True
            self._sequences.clear()
            self._messages.clear()
            self._calls.clear()
            self.faults.clear()
            self.switches.reset()
            self.clock.reset()
            for rows in (self.otps, self.requests, self.lookups, self.pins, self.blacklist):
                rows.clear()
            self.spent = Decimal()
            self.blacklist_ids = itertools.count(FIRST_BLACKLIST_ID)

    # Used by handlers, under the lock.

    def record_call(self, request: Request, status: int | None) -> None:
        """Keep *request*, and the status of its answer if it gets one."""
        call = {**request.as_call(), "status": status, "at": self.clock.now().isoformat()}
        with self.lock:
            self._calls.append(call)

    def put_message(
        self,
        *,
        provider: str,
        path: str,
        recipient: str,
        originator: str,
        text: str,
        encoding: str,
        parts: int,
        reference: str,
        code: str | None = None,
        report_url: str = "",
        schedule_time: datetime | None = None,
        status: str = "processed",
    ) -> Message:
        """Put a message on a phone and begin its reports."""
        now = self.clock.now()
        later = schedule_time is not None and schedule_time > now
        message = Message(
            id=next(self._numbers),
            provider=provider,
            recipient=recipient,
            originator=originator,
            text=text,
            code=code or find_code(text),
            reference=reference,
            encoding=encoding,
            parts=parts,
            status="scheduled" if later else status,
            at=now,
            path=path,
            msg_id=make_id(),
            report_url=report_url,
            schedule_time=schedule_time,
        )
        self._messages.append(message)
        self.spent += parts * PART_COST
        starts_at = schedule_time if later and schedule_time else now
        delay = timedelta(seconds=self.switches.report_delay_seconds)
        if status not in FAILED_STATUSES:
            self._report(message, ("sent", "delivered"), at=starts_at + delay, record=True)
        return message

    def call_back(self, url: str, fields: dict[str, str]) -> None:
        """POST *fields* to *url* soon (gateway-apis F.2)."""
        if url:
            step = partial(make_post, url, fields, "form")
            self.reporter.begin(
                [step],
                at=self.clock.now(),
                delay_seconds=0,
                retries=self.switches.report_retries,
            )

    def _report(
        self, message: Message, statuses: tuple[str, ...], *, at: datetime, record: bool = False
    ) -> None:
        """Report *statuses* one after the other, bent by a fault if one waits for them."""
        fault = self.faults.take_for_report(message.path) if message.report_url else None
        steps = [(status, record) for status in statuses]
        if fault and fault.name == "report_twice":
            steps = [step for status in statuses for step in ((status, record), (status, False))]
        elif fault and fault.name == "report_backward":
            steps = [(statuses[-1], record), ("sent", False)]
        silent = bool(fault and fault.name == "report_never")
        sequence = self.reporter.begin(
            [self._make_step(message, *step, silent=silent) for step in steps],
            at=at,
            delay_seconds=self.switches.report_delay_seconds,
            retries=self.switches.report_retries,
        )
        self._sequences.put(str(message.id), sequence)

    def _make_step(self, message: Message, status: str, record: bool, *, silent: bool) -> Step:
        def step() -> Outgoing | None:
            if record:
                self._set_status(message, status)
            return None if silent else self._make_report(message, status)

        return step

    def _make_report(self, message: Message, status: str) -> Outgoing | None:
        if not message.report_url:
            return None
        word = self._spell(message, status)
        if message.provider == D7:
            return make_d7_report(message, word, self.switches.report_format)
        values = self.switches.messenger_report_values
        return make_messenger_report(message, word, values, self.clock.now())

    def _set_status(self, message: Message, status: str) -> None:
        message.status = self._spell(message, status)
        otp = self.otps.find(message.reference)
        if otp is None or self.switches.verify_callbacks != "delivery":
            return
        # C20: by the newer page these addresses hear of the delivery.
        fields = {"otp_id": otp.otp_id, "recipient": otp.recipient, "status": message.status}
        if status == "delivered":
            self.call_back(otp.success_url, fields)
        elif status in FAILED_STATUSES:
            self.call_back(otp.failure_url, fields)

    def _spell(self, message: Message, status: str) -> str:
        """C10: D7 has two spellings of one status; Messenger has no list at all."""
        if status.lower().replace("_", "") != "undelivered":
            return status
        return self.switches.undelivered_spelling if message.provider == D7 else "undelivered"
