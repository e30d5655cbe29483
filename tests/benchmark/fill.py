"""
Fill the tables with made-up sessions, to see how the app does on a site that has run for long.

On PostgreSQL or SQLite, by SQL of the database's own, into an empty database that is migrated::

    D7VERIFY_TEST_DATABASE_URL=postgresql://… python -m tests.benchmark.fill --sessions 10000000

Sessions spread evenly over the days before now, each with a code and the events of its end; a
seventh of them has a second code. There is one number for five sessions.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta
from typing import Any

import django
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

_BATCH = 500_000
#: What differs between the databases.
_DIALECTS = {
    "postgresql": {
        "series": "generate_series(%d::bigint, %d) AS series(i)",
        "id": "md5(i::text)::uuid",
        "instant": "to_timestamp({})",
    },
    "sqlite": {
        "series": "(WITH RECURSIVE series(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM series"
        " WHERE i < %d) SELECT i FROM series)",
        "id": "md5(CAST(i AS text))",
        "instant": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', {}, 'unixepoch')",
    },
}

_STATUS = """CASE WHEN i * 7919 % 100 < 62 THEN 'APPROVED' WHEN i * 7919 % 100 < 64 THEN 'LOCKED'
    WHEN i * 7919 % 100 < 67 THEN 'CANCELLED' WHEN i * 7919 % 100 < 68 THEN 'FAILED'
    ELSE 'OPEN' END"""
_PURPOSE = """CASE WHEN i * 31 % 100 < 60 THEN 'login' WHEN i * 31 % 100 < 90 THEN 'verify'
    WHEN i * 31 % 100 < 97 THEN 'second_factor' ELSE 'change_phone' END"""
_COUNTRY = """CASE WHEN i * 101 % 100 < 50 THEN 'AE' WHEN i * 101 % 100 < 70 THEN 'SA'
    WHEN i * 101 % 100 < 80 THEN 'EE' WHEN i * 101 % 100 < 88 THEN 'DE'
    WHEN i * 101 % 100 < 94 THEN 'FI' WHEN i * 101 % 100 < 99 THEN 'GB' ELSE 'FR' END"""
_GATEWAY = "CASE WHEN i * 53 % 100 < 85 THEN 'default' ELSE 'backup' END"
_NUMBER = "'+971' || (500000000 + i % {numbers})"
_IS_SENT = f"({_STATUS}) <> 'FAILED'"
_SECONDS = "(8 + i * 17 % 50)"
_GENERATION = "(CASE WHEN i % 7 = 0 THEN 2 ELSE 1 END)"

_NUMBERS = f"""INSERT INTO django_d7verify_recipient (number, last_digits, created_at,
    next_send, sends_hour, sends_day, failures_hour, failures_day, owned_sends_hour,
    owned_sends_day,
    owned_failures_hour, owned_failures_day, failures_in_a_row, disabled, stopped_at, stop_reason,
    claim)
SELECT {_NUMBER}, substr({_NUMBER}, length({_NUMBER}) - 3), {{at}},
    0, 0, 0, 0, 0, 0, 0, 0, 0, i % 3, i % 5000 = 0,
    CASE WHEN i % 9000 = 0 THEN {{at}} ELSE NULL END, '', '' FROM {{series}}"""
_SESSIONS = f"""INSERT INTO django_d7verify_otpsession (otp_id, recipient_id, country, purpose,
    gateway, owned, hidden, decoy, status, created_at, expires_at, approved_at, generation,
    attempts, max_attempts, resend_count, max_resends, salt, unanswered, address, user_agent,
    language)
SELECT {{id}}, {_NUMBER}, {_COUNTRY}, {_PURPOSE}, {_GATEWAY}, false, i * 31 % 100 < 60,
    i % 211 = 0, {_STATUS}, {{at}}, {{expires}},
    CASE WHEN {_STATUS} = 'APPROVED' THEN {{approved}} ELSE NULL END, {_GENERATION},
    CASE WHEN {_STATUS} IN ('APPROVED', 'LOCKED') THEN 1 ELSE 0 END, 5, {_GENERATION} - 1, 5, '',
    '', '203.0.113.' || i % 250, 'Mozilla/5.0 (X11; Linux x86_64) made up', 'en' FROM {{series}}"""
_PINS = f"""INSERT INTO django_d7verify_pin (session_id, generation, gateway, code_length,
    code_alphabet, digest, reference, status, budgets, created_at, sent_at, expires_at, delivery,
    delivery_word, message_id, parts, cost)
SELECT {{id}}, {{generation}}, {_GATEWAY}, 6, 'numeric', '', 'made-up-' || i,
    CASE WHEN {_IS_SENT} THEN 'sent' ELSE 'not_sent' END, '', {{at}},
    CASE WHEN {_IS_SENT} THEN {{at}} ELSE NULL END, {{expires}},
    CASE WHEN NOT {_IS_SENT} THEN '' WHEN i * 19 % 1000 < 20 THEN 'undelivered'
        WHEN i * 19 % 1000 < 21 THEN 'queued' ELSE 'delivered' END,
    '', '', 1, CASE WHEN {_IS_SENT} THEN 0.034 ELSE NULL END FROM {{series}} WHERE {{where}}"""
_EVENTS = f"""INSERT INTO django_d7verify_event (session_id, kind, at, generation, gateway, reason,
    answer, address)
SELECT {{id}}, {{kind}}, {{then}}, {_GENERATION}, {_GATEWAY}, '', '', '' FROM {{series}}
WHERE {{where}}"""


def fill(sessions: int, *, days: int = 365) -> None:
    """Write *sessions* sessions of the last *days* days, and what belongs to them."""
    numbers = max(1, sessions // 5)
    words = _DIALECTS[connection.vendor]
    now = timezone.now().timestamp()
    second = f"({now} - ({sessions} - i) * {timedelta(days=days).total_seconds() / sessions})"
    names: dict[str, Any] = {
        "numbers": numbers,
        "id": words["id"],
        "at": words["instant"].format(second),
        "expires": words["instant"].format(f"{second} + 600"),
        "approved": words["instant"].format(f"{second} + {_SECONDS}"),
    }
    steps = [
        (_SESSIONS, {}),
        (_PINS, {"generation": "1", "where": "true"}),
        # The second of two codes is the newest; both stand.
        (_PINS, {"generation": "2", "where": "i % 7 = 0"}),
        (_EVENTS, {"kind": "'sent'", "then": names["at"], "where": _IS_SENT}),
        (
            _EVENTS,
            {
                "kind": "'approved'",
                "then": names["approved"],
                "where": f"({_STATUS}) = 'APPROVED'",
            },
        ),
    ]
    with connection.cursor() as cursor:
        rebuild = _drop_indexes(cursor)
        _run(cursor, _NUMBERS, names, 1, numbers)
        # Batch by batch, so that rows lie on the disk in the order of time, as they would.
        for first in range(1, sessions + 1, _BATCH):
            last = min(sessions, first + _BATCH - 1)
            for statement, more in steps:
                _run(cursor, statement, {**names, **more}, first, last)
            say(f"{last:,} sessions")
        for definition in rebuild:
            cursor.execute(definition)
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def _run(cursor: Any, statement: str, names: dict[str, Any], first: int, last: int) -> None:
    series = _DIALECTS[connection.vendor]["series"] % (first, last)
    text = statement.format(**names, series=series)
    cursor.execute(text.replace("%%", "%") if connection.vendor == "sqlite" else text)


def _drop_indexes(cursor: Any) -> list[str]:
    """Take the indexes away while rows come; what makes them again."""
    if connection.vendor != "postgresql":
        cursor.execute("PRAGMA synchronous = OFF")
        return []
    # No keys are checked: they are made to fit.
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'django_d7verify_%'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    rows = cursor.fetchall()
    for name, _definition in rows:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in rows]


def say(text: str) -> None:
    """*text*, with the time."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sessions", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    fill(options.sessions, days=options.days)


if __name__ == "__main__":
    main()
