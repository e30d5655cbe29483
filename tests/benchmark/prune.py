"""
Prune a million rows while codes are sent and verified, on PostgreSQL::

    D7VERIFY_TEST_DATABASE_URL=postgresql://… python -m tests.benchmark.prune

Makes a database of its own beside the one that is named, and removes it. People send and verify at
a steady pace, and another process prunes every few seconds for a few seconds, so that whatever else
the machine does slows both alike. Exits with 1 where a call failed, or where the median or the 95th
percentile of a kind was more than half as long again while it pruned.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import django

#: Sessions, each with a pin, an event and a third of a number, long past their days.
_FILL = (
    """INSERT INTO django_d7verify_recipient (number, last_digits, created_at,
    next_send, sends_hour, sends_day, failures_hour, failures_day, owned_sends_hour,
    owned_sends_day, owned_failures_hour,
    owned_failures_day, failures_in_a_row, disabled, stop_reason, claim)
    SELECT '+97152' || (1000000 + i), right((1000000 + i)::text, 4),
    now() - interval '200 days', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    false, '', '' FROM generate_series(1, {numbers}) AS series(i)""",
    """INSERT INTO django_d7verify_otpsession (otp_id, recipient_id, country, purpose, gateway,
    owned, hidden, decoy, status, created_at, expires_at, approved_at, generation, attempts,
    max_attempts, resend_count, max_resends, salt, unanswered, address, user_agent, language)
    SELECT md5(i::text)::uuid, '+97152' || (1000001 + i % {numbers}), 'AE', 'verify', 'default',
    false, false, false, 'APPROVED', {then}, {then} + interval '10 minutes', {then}, 1, 1, 5, 0, 5,
    '', '', '203.0.113.7', 'Mozilla/5.0 made up', 'en'
    FROM generate_series(1, {sessions}) AS series(i)""",
    """INSERT INTO django_d7verify_pin (session_id, generation, gateway, code_length,
    code_alphabet, digest, reference, status, budgets, created_at, sent_at, expires_at, delivery,
    delivery_word, message_id, parts, cost)
    SELECT md5(i::text)::uuid, 1, 'default', 6, 'numeric', '', 'made-up-' || i, 'sent', '',
    {then}, {then}, {then}, 'delivered', '', '', 1, 0.008
    FROM generate_series(1, {sessions}) AS series(i)""",
    """INSERT INTO django_d7verify_event (session_id, kind, at, generation, gateway, reason, answer,
    address) SELECT md5(i::text)::uuid, 'approved', {then}, 1, 'default', '', '', ''
    FROM generate_series(1, {sessions}) AS series(i)""",
)
_THEN = "(now() - interval '190 days' + i * interval '90 days' / {sessions})"
PHASES = ("beside", "while")
_PEOPLE = 4
#: Between two calls of one person, so that the machine is busy and not full.
_PAUSE_SECONDS = 0.05
_ALLOWED_RATIO = 1.5


class Load:
    """People who send and verify, and what each of their calls took."""

    def __init__(self) -> None:
        self.phase = "beside"
        self.seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.failures: list[str] = []
        self._numbers = itertools.count(1_000_000)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._act) for _ in range(_PEOPLE)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _act(self) -> None:
        from django.db import connections

        from django_d7verify import services
        from django_d7verify.gateways import locmem

        while not self._stop.is_set():
            number = f"+97150{next(self._numbers)}"
            try:
                otp_id = self._time("send", services.send_otp, number).otp_id
                mine = next(one for one in reversed(locmem.outbox) if one.recipient == number)
                self._time("verify", services.verify_otp, otp_id, str(mine.code))
            except Exception as error:  # noqa: BLE001 - every failure is counted
                self.failures.append(f"{self.phase}: {error!r}")
        connections.close_all()

    def _time(self, kind: str, call: Callable[..., Any], *arguments: str) -> Any:
        phase, begun = self.phase, time.perf_counter()
        answer = call(*arguments)
        self.seconds[phase, kind].append(time.perf_counter() - begun)
        self._stop.wait(_PAUSE_SECONDS)
        return answer

    def find_percentile(self, phase: str, kind: str, percent: int) -> float:
        """Milliseconds within which so many of a hundred calls were answered."""
        return statistics.quantiles(self.seconds[phase, kind], n=100)[percent - 1] * 1000


def fill(sessions: int) -> None:
    """Write what is to be pruned."""
    from django.db import connection

    then = _THEN.format(sessions=sessions)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in _FILL:
            cursor.execute(statement.format(sessions=sessions, numbers=sessions // 3, then=then))
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def prune(turn: Any, pipe: Any, batch_size: int) -> None:
    """The other process, which works while it is its turn."""
    from django_d7verify import services

    turn.wait()
    pipe.send(services.prune(batch_size=batch_size, report=lambda *_: turn.wait()))


def measure(sessions: int, seconds: int, batch_size: int) -> bool:
    """Whether all went well; prints a table."""
    fill(sessions)
    context = multiprocessing.get_context("fork")
    turn, (ours, theirs) = context.Event(), context.Pipe()
    pruner = context.Process(target=prune, args=(turn, theirs, batch_size))
    pruner.start()
    load = Load()
    load.start()
    working = 0.0
    while not ours.poll():
        load.phase = "beside"
        time.sleep(seconds)
        begun = time.monotonic()
        load.phase = "while"
        turn.set()
        ours.poll(seconds)
        working += time.monotonic() - begun
        turn.clear()
        load.phase = "between"
        time.sleep(1)  # Till the last batch of the turn is done.
    load.stop()
    pruned = ours.recv()
    pruner.join()
    rows = 3 * pruned["sessions"] + pruned["recipients"]
    print(f"{rows:,} rows pruned in {working:.0f} s ({pruned}), {len(load.failures)} calls failed")
    for failure in load.failures[:5]:
        print(failure)
    shown = [_show(load, kind) for kind in ("send", "verify")]
    return all(shown) and not load.failures


def _show(load: Load, kind: str) -> bool:
    ratios = []
    for percent in (50, 95):
        beside, during = (load.find_percentile(phase, kind, percent) for phase in PHASES)
        ratios.append(during / beside)
        print(
            f"{kind:<6} p{percent}: {beside:6.1f} ms without, {during:6.1f} ms while it prunes; "
            f"{ratios[-1]:.2f} times"
        )
    calls = [len(load.seconds[phase, kind]) for phase in PHASES]
    print(f"{kind:<6} calls: {calls[0]} without, {calls[1]} while it prunes")
    return max(ratios) <= _ALLOWED_RATIO


def main() -> int:
    """Make the database, measure, and remove it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sessions", type=int, default=310_000)
    parser.add_argument("--seconds", type=int, default=10, help="of a turn")
    parser.add_argument("--batch-size", type=int, default=500)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection

    if connection.vendor != "postgresql":
        parser.error("Name a PostgreSQL in D7VERIFY_TEST_DATABASE_URL.")
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        return 0 if measure(options.sessions, options.seconds, options.batch_size) else 1
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
