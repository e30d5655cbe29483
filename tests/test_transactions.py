"""Transactions of the app's own: run again where the database says so, and nowhere else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.test import Client

from django_d7verify import services, transactions
from django_d7verify.exceptions import ConfigurationError, Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import Budget, Event, OTPSession, Recipient
from django_d7verify.transactions import run_durably

from .conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TRIES = 4
IS_SQLITE = connection.vendor == "sqlite"


class DriverError(Exception):
    """As the driver of a database raises it, with its state where it has one."""

    def __init__(self, **states: str) -> None:
        super().__init__()
        for name, state in states.items():
            setattr(self, name, state)


def make_error(*args: object, **states: str) -> OperationalError:
    error = OperationalError(*args)
    error.__cause__ = DriverError(**states)
    return error


#: What each database says when the same statements may succeed if run again.
TRANSIENT = {
    "PostgreSQL, serialization failure": lambda: make_error("could not", sqlstate="40001"),
    "PostgreSQL, deadlock": lambda: make_error("deadlock detected", sqlstate="40P01"),
    "PostgreSQL by psycopg2, deadlock": lambda: make_error("deadlock detected", pgcode="40P01"),
    "MariaDB, deadlock": lambda: make_error(1213, "Deadlock found when trying to get lock"),
    "MariaDB, lock wait": lambda: make_error(1205, "Lock wait timeout exceeded"),
    "MariaDB, snapshot isolation": lambda: make_error(1020, "Record has changed since last read"),
    "SQLite, busy": lambda: make_error("database is locked"),
    "SQLite, shared cache": lambda: make_error("database table is locked: budgets"),
}
LASTING: dict[str, Callable[[], Exception]] = {
    "PostgreSQL, connection gone": lambda: make_error("server closed", sqlstate="57P01"),
    "PostgreSQL, disk full": lambda: make_error("could not extend file", sqlstate="53100"),
    "MariaDB, server gone": lambda: make_error(2006, "MySQL server has gone away"),
    "MariaDB, no column": lambda: make_error(1054, "Unknown column"),
    "SQLite, no table": lambda: make_error("no such table: budgets"),
    "SQLite, disk": lambda: make_error("disk I/O error"),
    "without words": OperationalError,
    "not unique": lambda: IntegrityError("database is locked"),
    "another database error": lambda: DatabaseError(1213, "Deadlock"),
    "a refusal": lambda: Throttled(60),
    "a bug": lambda: ZeroDivisionError("database is locked"),
}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited before each further try."""
    waited: list[float] = []
    pause_by(monkeypatch, waited.append)
    return waited


def pause_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], object]) -> None:
    monkeypatch.setattr(transactions, "time", SimpleNamespace(sleep=sleep))


class Work:
    """Writes a row, then fails as often as it is told to."""

    def __init__(self, make: Callable[[], Exception], times: int) -> None:
        self.make, self.times, self.calls = make, times, 0

    def __call__(self, scope: str, *, day: int) -> str:
        self.calls += 1
        Budget.objects.create(scope=scope, day=day)
        if self.calls <= self.times:
            raise self.make()
        return "done"


@pytest.mark.parametrize("name", TRANSIENT)
@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_what_may_succeed_is_run_again_and_written_once(pauses: list[float], name: str, times: int):
    work = Work(TRANSIENT[name], times)
    assert run_durably(work, "site", day=7) == "done"
    assert work.calls == times + 1
    assert list(Budget.objects.values_list("scope", "day")) == [("site", 7)]
    assert len(pauses) == times
    assert pauses == sorted(pauses)
    assert sum(pauses) < 0.5


@pytest.mark.parametrize("name", TRANSIENT)
def test_after_four_tries_the_database_is_said_to_be_busy_and_nothing_is_written(
    pauses: list[float], name: str
):
    work = Work(TRANSIENT[name], times=99)
    with pytest.raises(OperationalError):
        run_durably(work, "site", day=7)
    assert (work.calls, len(pauses)) == (TRIES, TRIES - 1)
    assert not Budget.objects.exists()


@pytest.mark.parametrize("name", LASTING)
def test_nothing_else_is_run_again_and_what_it_wrote_is_undone(pauses: list[float], name: str):
    work = Work(LASTING[name], times=1)
    error = LASTING[name]()
    with pytest.raises(type(error)):
        run_durably(work, "site", day=7)
    assert (work.calls, pauses) == (1, [])
    assert not Budget.objects.exists()


def test_what_it_answers_is_committed_by_then():
    committed: list[bool] = []

    def work() -> None:
        Budget.objects.create(scope="site")
        transaction.on_commit(lambda: committed.append(True))

    run_durably(work)
    assert committed == [True]


# Inside somebody else's transaction.


def test_inside_a_transaction_of_the_callers_nothing_is_run():
    work = Work(ZeroDivisionError, times=0)
    with transaction.atomic(), pytest.raises(ConfigurationError, match="non_atomic_requests"):
        run_durably(work, "site", day=7)
    assert work.calls == 0
    assert run_durably(work, "site", day=7) == "done"


def test_a_runtime_error_of_the_work_itself_is_not_taken_for_that():
    def work() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_durably(work)


def test_no_service_that_charges_works_inside_a_transaction_and_no_code_leaves():
    otp = services.send_otp(NUMBER, now=NOW)
    code = str(locmem.outbox[-1].code)
    later = NOW + timedelta(seconds=60)
    calls: list[Callable[[], Any]] = [
        lambda: services.send_otp("+971507654321", now=later),
        lambda: services.resend_otp(otp.otp_id, now=later),
        lambda: services.verify_otp(otp.otp_id, code, now=later),
        lambda: services.verify_otp(otp.otp_id, code[::-1], now=later),
        lambda: services.cancel_otp(otp.otp_id, now=later),
    ]
    for call in calls:
        with transaction.atomic(), pytest.raises(ConfigurationError):
            call()
    assert len(locmem.outbox) == 1
    session = OTPSession.objects.get()
    assert (session.attempts, session.resend_count, session.status) == (0, 0, "OPEN")
    assert services.verify_otp(otp.otp_id, code, now=later).approved


def test_the_api_works_under_atomic_requests_and_a_wrong_code_stays_charged(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = Client()

    def post(path: str, **body: str) -> Any:
        return client.post(f"/api/otp/{path}", body, content_type="application/json")

    otp_id = post("send/", recipient=NUMBER).json()["otp_id"]
    code = str(locmem.outbox[-1].code)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert post("verify/", otp_id=otp_id, otp_code=wrong).json()["attempts_left"] == 4
    assert OTPSession.objects.get().attempts == 1
    assert post("verify/", otp_id=otp_id, otp_code=code).status_code == 200


# A database that is really busy.


def make_budgets() -> None:
    Budget.objects.bulk_create([Budget(scope="a"), Budget(scope="b")])


def test_two_transactions_that_take_two_rows_in_opposite_order_both_commit():
    """A deadlock on PostgreSQL and MariaDB; on SQLite the second waits for the first."""
    make_budgets()
    both_hold_one = threading.Barrier(2, timeout=10)
    tries: Counter[str] = Counter()

    def take(first: str, second: str) -> None:
        tries[first] += 1
        Budget.objects.filter(scope=first).update(hour=F("hour") + 1)
        if not IS_SQLITE and tries[first] == 1:
            both_hold_one.wait()
        Budget.objects.filter(scope=second).update(hour=F("hour") + 1)

    def run(first: str, second: str) -> None:
        try:
            run_durably(take, first, second)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(run, "a", "b"), pool.submit(run, "b", "a")]:
            future.result()
    assert list(Budget.objects.values_list("hour", flat=True)) == [2, 2]
    assert sum(tries.values()) == (2 if IS_SQLITE else 3)


class Holder:
    """Another client of the database, which holds a row, or all of SQLite."""

    def __enter__(self) -> Holder:
        self.released = threading.Event()
        holds = threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(holds,))
        self.thread.start()
        assert holds.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        self.released.set()
        self.thread.join(10)

    def _hold(self, holds: threading.Event) -> None:
        try:
            with transaction.atomic():
                Recipient.objects.filter(number=NUMBER).update(stop_reason="held")
                holds.set()
                self.released.wait(10)
                transaction.set_rollback(True)
        finally:
            connection.close()


IMPATIENT = {
    "sqlite": "PRAGMA busy_timeout = 1",
    "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
    "postgresql": "SET lock_timeout = '50ms'",
}


@pytest.fixture
def impatient() -> Any:
    """This thread's connection does not wait long for others."""
    services.stop_recipient(NUMBER)
    services.allow_recipient(NUMBER)
    with connection.cursor() as cursor:
        cursor.execute(IMPATIENT[connection.vendor])
    yield
    connection.close()


@pytest.mark.usefixtures("impatient")
def test_a_row_that_another_holds_through_every_try_is_a_busy_database_and_charges_nothing(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
):
    if connection.vendor == "mysql":
        # Each try takes a whole second there.
        monkeypatch.setattr(transactions, "_TRIES", 2)
    with Holder(), pytest.raises(OperationalError):
        services.send_otp(NUMBER, now=NOW)
    assert locmem.outbox == []
    assert not OTPSession.objects.exists()
    assert not Event.objects.filter(session__isnull=False).exists()
    # PostgreSQL's own time-out, which a site sets, is an end and not a conflict.
    assert len(pauses) == {"sqlite": TRIES - 1, "mysql": 1, "postgresql": 0}[connection.vendor]
    services.send_otp(NUMBER, now=NOW)


@pytest.mark.usefixtures("impatient")
def test_a_row_that_is_let_go_between_two_tries_is_taken_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
):
    if connection.vendor == "postgresql":
        # It waits; what it calls a conflict is the deadlock above.
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
    with Holder() as holder:
        # In place of the pause: the other one's end.
        pause_by(monkeypatch, lambda _seconds: holder.release())
        timer = threading.Timer(0.05, holder.release)
        if connection.vendor == "postgresql":
            timer.start()
        assert services.send_otp(NUMBER, now=NOW).status == "OPEN"
        timer.cancel()
    assert len(locmem.outbox) == 1


@pytest.mark.usefixtures("impatient")
def test_the_api_answers_503_with_a_wait_while_the_database_is_busy_and_works_after(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(transactions, "_TRIES", 1)
    with Holder():
        answer = Client().post(
            "/api/otp/send/", {"recipient": NUMBER}, content_type="application/json"
        )
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unreachable")
    assert answer.headers["Retry-After"] == "10"
    assert locmem.outbox == []
    services.send_otp(NUMBER, now=NOW)
