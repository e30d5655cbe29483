"""The site under test is what it is meant to be: several processes, and databases set up well."""

from __future__ import annotations

from django.db import connection

from .answers import assert_polite, call_at_once
from .figures import Figures
from .site import PROCESSES, Site

EXPECTED = {
    "sqlite": {"vendor": "sqlite", "begin": "IMMEDIATE", "journal": "wal", "timeout": 20_000},
    "postgresql": {"vendor": "postgresql", "begin": "", "isolation": "read committed"},
    "mysql": {"vendor": "mysql", "begin": "", "isolation": "READ-COMMITTED"},
}


def test_every_process_answers_and_is_connected_as_the_database_needs(
    site: Site, figures: Figures
) -> None:
    answers = call_at_once(64, lambda _: site.tell())
    figures.show("calls", answers)
    assert_polite(answers)
    assert [answer.body for answer in answers] == [EXPECTED[connection.vendor]] * 64
    assert len({answer.worker for answer in answers}) == PROCESSES
