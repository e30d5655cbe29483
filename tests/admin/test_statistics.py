"""The figures, exact on a small story, and their page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_d7verify import services
from django_d7verify.admin import statistics as page
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Pin
from django_d7verify.services import Figures
from django_d7verify.services.statistics import add_figures
from django_d7verify.words import Delivery, PinStatus

from .conftest import StaffFactory
from .pages import STATISTICS, read

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(autouse=True)
def gateways(settings: Any) -> None:
    one = {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": one, "backup": one}}


def tell(
    number: str, at: datetime, *, approved_after: int | None = None, **options: Any
) -> OTPSession:
    """A session, approved after so many seconds."""
    otp_id = services.send_otp(number, now=at, **options).otp_id
    if approved_after is not None:
        then = at + timedelta(seconds=approved_after)
        assert services.verify_otp(otp_id, str(locmem.outbox[-1].code), now=then).approved
    session: OTPSession = OTPSession.objects.get(pk=otp_id)
    return session


@pytest.fixture
def story() -> None:
    """
    Yesterday's last second: one that is approved today. Today: two approved, one with a resend,
    one that is not, a decoy and one that never left.
    """
    tell("+971501234501", MIDNIGHT - timedelta(seconds=1), approved_after=10, purpose="login")
    tell("+971501234502", MIDNIGHT, approved_after=20, purpose="login")
    resent = tell("+37251234503", MIDNIGHT + timedelta(hours=1))
    services.resend_otp(resent.pk, now=MIDNIGHT + timedelta(hours=1, seconds=70))
    then = MIDNIGHT + timedelta(hours=1, seconds=95)
    assert services.verify_otp(resent.pk, str(locmem.outbox[-1].code), now=then).approved
    tell("+37251234504", MIDNIGHT + timedelta(hours=2), gateway="backup")
    decoy = tell("+971501234505", MIDNIGHT + timedelta(hours=3))
    OTPSession.objects.filter(pk=decoy.pk).update(decoy=True)
    failed = tell("+971501234506", MIDNIGHT + timedelta(hours=4))
    OTPSession.objects.filter(pk=failed.pk).update(status="FAILED")
    Pin.objects.filter(session=failed).update(status=PinStatus.NOT_SENT)
    Pin.objects.filter(session=resent).update(delivery=Delivery.DELIVERED, cost=Decimal("0.25"))
    Pin.objects.filter(session=resent, generation=1).update(delivery=Delivery.UNDELIVERED)


def test_figures_are_exact(story: None) -> None:
    found = services.get_statistics(days=7, now=TODAY)
    assert (found.first_day, found.last_day) == (date(2026, 11, 16), date(2026, 11, 22))
    total = found.total
    assert (total.sessions, total.sent, total.delivered, total.approved) == (5, 5, 1, 3)
    assert total.cost == Decimal("0.5")
    assert total.conversion == 0.6
    assert total.delivery_rate == 0.2
    # Of 10, 20 and 95.
    assert total.median_seconds == 20
    assert total.seconds == {10: 1, 20: 1, 95: 1}


def test_figures_are_spread_by_day_country_gateway_and_purpose(story: None) -> None:
    found = services.get_statistics(days=7, now=TODAY)

    def get_sums(spread: Any) -> dict[Any, tuple[int, int, int]]:
        return {key: (one.sessions, one.sent, one.approved) for key, one in spread.items()}

    days = get_sums(found.by_day)
    assert list(days) == [date(2026, 11, day) for day in range(16, 23)]
    # Approved after midnight, and still of the day on which it began.
    assert days[date(2026, 11, 21)] == (1, 1, 1)
    assert days[date(2026, 11, 22)] == (4, 4, 2)
    assert days[date(2026, 11, 16)] == (0, 0, 0)
    assert get_sums(found.by_country) == {"AE": (3, 2, 2), "EE": (2, 3, 1)}
    assert get_sums(found.by_gateway) == {"default": (4, 4, 3), "backup": (1, 1, 0)}
    assert get_sums(found.by_purpose) == {"verify": (3, 3, 1), "login": (2, 2, 2)}


def test_what_lies_before_the_window_is_left_out(story: None) -> None:
    tell("+971501234507", MIDNIGHT - timedelta(days=6))
    tell("+971501234508", MIDNIGHT - timedelta(days=6, seconds=1))
    assert services.get_statistics(days=7, now=TODAY).total.sessions == 6


def test_a_site_without_sessions_has_figures_all_the_same(staff: Client) -> None:
    empty = services.get_statistics(days=7, now=TODAY).total
    assert empty == Figures()
    assert (empty.conversion, empty.median_seconds) == (None, None)
    assert "Nothing in this time." in read(staff, STATISTICS)


def test_days_that_change_no_more_are_read_once(story: None) -> None:
    first = services.get_statistics(days=30, now=TODAY)
    with CaptureQueriesContext(connection) as captured:
        assert services.get_statistics(days=30, now=TODAY) == first
    # Today and the two days before it: what is kept of them, and what was pruned.
    assert len(captured) == 4


def test_what_there_is_no_time_for_is_missing_and_comes_later(story: None) -> None:
    days = [date(2026, 11, day) for day in range(16, 20)]
    for missing in (days[:3], days[:2], days[:1], []):
        found = services.get_statistics(days=7, within_seconds=-1, now=TODAY)
        assert found.missing == missing
        # What still changes is always read.
        assert found.total.sessions == 5


@pytest.mark.parametrize(
    ("seconds", "median"),
    [({5: 1}, 5), ({5: 1, 9: 1}, 5), ({5: 1, 7: 1, 900: 1}, 7), ({1: 1, 60: 4}, 60)],
)
def test_half_of_the_approved_took_at_most_the_median(seconds: dict[int, int], median: int) -> None:
    assert Figures(seconds=seconds).median_seconds == median


def test_figures_that_were_kept_apart_add_up() -> None:
    parts = [
        Figures(sessions=1, sent=2, delivered=1, approved=1, cost=Decimal(1), seconds={5: 1}),
        Figures(sessions=3, sent=3, delivered=0, approved=2, cost=Decimal(2), seconds={5: 1, 7: 1}),
    ]
    assert add_figures(parts) == Figures(
        sessions=4, sent=5, delivered=1, approved=3, cost=Decimal(3), seconds={5: 2, 7: 1}
    )


@pytest.mark.parametrize(
    ("taken", "kept"), [(0, 0), (59, 59), (61, 60), (64, 60), (299, 295), (331, 330), (599, 570)]
)
def test_long_times_to_verify_are_kept_in_steps(taken: int, kept: int) -> None:
    tell("+971501234501", MIDNIGHT, approved_after=taken)
    found = services.get_statistics(days=7, now=TODAY)
    assert found.total.seconds == {kept: 1}


def test_the_page_shows_figures_charts_and_tables(staff: Client) -> None:
    now = datetime.now(UTC)
    tell("+971501234501", now - timedelta(minutes=5), approved_after=12)
    content = read(staff, STATISTICS)
    for text in ["100.0 %", "12 s", "By country", '<th scope="row">AE</th>']:
        assert text in content, text
    assert content.count('<svg class="d7-chart"') == 2


def test_charts_are_whole_without_any_style(staff: Client) -> None:
    tell("+971501234501", datetime.now(UTC) - timedelta(minutes=5), approved_after=12)
    content = read(staff, STATISTICS).partition('id="content-main"')[2].partition("</table>")[0]
    assert content.count("<svg") > 2
    for part in content.split("<svg")[1:]:
        svg = ET.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")  # noqa: S314 - ours
        for element in svg.iter():
            assert "style" not in element.attrib
            for name in ("x", "y", "width", "height"):
                float(element.attrib.get(name, "0"))


@pytest.mark.parametrize(("days", "shown"), [("7", 7), ("30", 30), ("90", 90), ("8", 30), ("", 30)])
def test_the_window_is_one_of_three(
    staff: Client, days: str, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_WITHIN_SECONDS", 3600)
    with CaptureQueriesContext(connection) as captured:
        content = read(staff, STATISTICS, days=days)
    assert f'<a href="?days={shown}" aria-current="page">' in content
    # One a day, one for what was pruned, and the viewer's permissions.
    assert shown < len(captured) <= shown + 7


def test_the_page_says_how_many_days_it_had_no_time_for(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_WITHIN_SECONDS", -1)
    assert "3 days are still to be counted." in read(staff, STATISTICS, days="7")
    assert "2 days are still to be counted." in read(staff, STATISTICS, days="7")


def test_the_page_is_for_who_may_see_figures(make_staff: StaffFactory, staff: Client) -> None:
    assert make_staff("view_otpsession").get(STATISTICS).status_code == 403
    assert STATISTICS in read(staff, "/admin/django_d7verify/otpsession/")
