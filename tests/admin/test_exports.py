"""Sessions as CSV: whole, masked, harmless in a spreadsheet, and logged."""

from __future__ import annotations

import csv
import io
import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from django_d7verify import services
from django_d7verify.admin.exports import COLUMNS, make_harmless
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import Delivery
from tests.conftest import NUMBER

from .conftest import StaffFactory
from .pages import EXPORT, SESSIONS, read

pytestmark = pytest.mark.django_db(transaction=True)


def export(client: Client, **query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(client, EXPORT, **query))))


def test_each_session_is_a_line_with_its_number_masked(staff: Client, owner: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    Pin.objects.update(delivery=Delivery.DELIVERED, cost=Decimal("0.034"))
    [row] = export(staff)
    assert tuple(row) == COLUMNS
    assert row["otp_id"] == otp_id
    # A quote before it: a plus would begin a formula.
    assert row["number"] == "'+9715*****67"
    assert (row["status"], row["delivery"], row["codes"]) == ("OPEN", "delivered", "1")
    assert Decimal(row["cost"]) == Decimal("0.034")
    assert [row["number"] for row in export(owner)] == [f"'{NUMBER}"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert make_harmless(f"{start}HYPERLINK()") == f"'{start}HYPERLINK()"
    assert make_harmless("plain") == "plain"
    assert make_harmless(None) == ""


def test_the_filters_and_the_search_of_the_list_hold(staff: Client) -> None:
    now = timezone.now()
    services.send_otp(NUMBER, now=now - timedelta(days=40))
    services.send_otp("+37251234568")
    assert [row["country"] for row in export(staff)] == ["EE"]
    assert len(export(staff, period="90")) == 2
    assert [row["country"] for row in export(staff, q="4567")] == ["AE"]
    assert f"{EXPORT}?country=EE" in read(staff, SESSIONS, country="EE")


def test_more_than_a_page_is_exported(staff: Client) -> None:
    services.send_otp(NUMBER)
    row = OTPSession.objects.get()
    OTPSession.objects.bulk_create(
        OTPSession(
            recipient_id=NUMBER,
            purpose="verify",
            gateway="default",
            created_at=row.created_at,
            expires_at=row.expires_at,
            max_attempts=5,
            max_resends=5,
        )
        for _number in range(2100)
    )
    assert len(export(staff)) == 2101


def test_an_export_is_logged_without_the_number_that_was_searched_for(
    staff: Any, caplog: pytest.LogCaptureFixture
) -> None:
    services.send_otp(NUMBER)
    with caplog.at_level(logging.INFO, logger="django_d7verify"):
        export(staff, q=NUMBER, country="AE")
    entry = LogEntry.objects.get()
    assert entry.user == staff.user
    assert "country: AE" in entry.get_change_message()
    assert "masked" in entry.get_change_message()
    for text in [entry.get_change_message(), caplog.text]:
        assert "1234567" not in text
    assert f"exported by user {staff.user.pk}" in caplog.text


def test_an_export_is_for_who_may(make_staff: StaffFactory) -> None:
    services.send_otp(NUMBER)
    viewer = make_staff("view_otpsession", "view_full_number")
    assert viewer.get(EXPORT).status_code == 403
    assert EXPORT not in read(viewer, SESSIONS)
    assert make_staff("export_otpsession").get(EXPORT).status_code == 403
    assert not LogEntry.objects.exists()
