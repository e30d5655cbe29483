"""The list of sessions: who sees what of them, and how they are found."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_d7verify import services
from django_d7verify.admin.lists import BoundedPaginator
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import Delivery, SessionStatus
from tests.conftest import NUMBER

from .conftest import StaffFactory
from .pages import SESSIONS, find_listed, get_story, read

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+37251234568"


def send(number: str = NUMBER, **options: Any) -> str:
    return services.send_otp(number, **options).otp_id


def test_numbers_are_masked_but_for_who_may_see_them_in_full(staff: Client, owner: Client) -> None:
    otp_id = send()
    for url in [SESSIONS, get_story(otp_id)]:
        assert "+9715*****67" in read(staff, url)
        assert "1234567" not in read(staff, url)
        assert NUMBER in read(owner, url)


@pytest.mark.parametrize(
    "term",
    ["+971501234567", "971 50 123 45 67", "00971501234567", "(+971) 50-123-4567", "4567", "45 67"],
)
def test_a_session_is_found_by_its_number_in_any_spelling_and_by_its_last_digits(
    staff: Client, settings: Any, term: str
) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "DEFAULT_REGION": "AE"}
    mine, _other = send(), send(OTHER)
    expected = set() if term.startswith("971") else {mine}
    assert find_listed(staff, q=term) >= expected
    assert find_listed(staff, q=term) <= {mine}


def test_a_session_is_found_by_its_id_and_by_nothing_that_is_neither(staff: Client) -> None:
    mine, _other = send(), send(OTHER)
    assert find_listed(staff, q=mine) == {mine}
    for term in [str(uuid.uuid4()), "567", "x", "+97150123456", "9999", "4567x"]:
        assert find_listed(staff, q=term) == set(), term


def test_more_than_four_digits_are_searched_for_only_by_who_sees_them(
    staff: Client, owner: Client
) -> None:
    mine = send()
    send("+971507774567", now=timezone.now())
    assert find_listed(owner, q="1234567") == {mine}
    # Digit by digit, a masked number would be spelt out.
    assert find_listed(staff, q="34567") == set()


@pytest.mark.parametrize(
    "query",
    ["recipient__startswith=%2B9715012", "recipient_id__gt=1", "salt__startswith=a", "o=2.-1x"],
)
def test_no_lookup_but_the_filters_own_is_taken(staff: Client, query: str) -> None:
    send()
    answer = staff.get(f"{SESSIONS}?{query}")
    # Django answers a lookup that is not allowed with 400, and one that means nothing with ?e=1.
    assert answer.status_code in {302, 400} or query.startswith("o=")


@pytest.fixture
def standing() -> dict[str, str]:
    """A session of each status, by its name."""
    now = timezone.now()
    made: dict[str, str] = {}
    for number, status in enumerate(SessionStatus.values):
        at = now - timedelta(seconds=4000 + number)
        made[status] = send(f"+97150123450{number}", now=at)
        end: dict[str, Any] = {"status": status}
        if status in {"OPEN", "EXPIRED"}:
            expires = now + timedelta(seconds=60) if status == "OPEN" else now
            end = {"status": "OPEN", "expires_at": expires}
        OTPSession.objects.filter(pk=made[status]).update(**end)
    return made


@pytest.mark.parametrize("status", SessionStatus.values)
def test_the_status_filter_looks_at_the_clock(
    staff: Client, standing: dict[str, str], status: str
) -> None:
    assert find_listed(staff, status=status) == {standing[status]}


def test_an_open_session_out_of_attempts_is_listed_as_locked(
    staff: Client, standing: dict[str, str]
) -> None:
    OTPSession.objects.filter(pk=standing["OPEN"]).update(attempts=5)
    assert find_listed(staff, status="LOCKED") == {standing["LOCKED"], standing["OPEN"]}
    assert find_listed(staff, status="OPEN") == set()


@pytest.mark.parametrize("status", SessionStatus)
def test_the_rows_of_a_status_are_those_whose_status_it_is(
    standing: dict[str, str], status: SessionStatus
) -> None:
    now = timezone.now()
    OTPSession.objects.filter(pk=standing["EXPIRED"]).update(attempts=5)
    listed = {row.pk for row in OTPSession.objects.of_status(status, now=now)}
    assert listed == {row.pk for row in OTPSession.objects.all() if row.status_at(now) == status}


def test_sessions_are_filtered_by_purpose_gateway_country_and_delivery(
    staff: Client, settings: Any
) -> None:
    locmem_gateway = {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}
    gateways = {"default": locmem_gateway, "backup": locmem_gateway}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    one = send(purpose="login")
    two = send(OTHER, gateway="backup")
    Pin.objects.filter(session=two).update(delivery=Delivery.UNDELIVERED)
    both = {one, two}
    assert find_listed(staff) == both
    assert find_listed(staff, purpose="login") == {one}
    assert find_listed(staff, gateway="backup") == {two}
    assert find_listed(staff, country="AE") == {one}
    assert find_listed(staff, delivery="undelivered") == {two}
    assert find_listed(staff, delivery="unknown") == {one}
    assert find_listed(staff, delivery="nonsense") == both
    content = read(staff, SESSIONS)
    assert "?country=AE" in content
    assert "?country=EE" in content


def test_the_list_shows_the_last_thirty_days_and_a_search_all(staff: Client) -> None:
    now = timezone.now()
    old = send(now=now - timedelta(days=31))
    new = send(OTHER, now=now - timedelta(days=2))
    assert find_listed(staff) == {new}
    assert find_listed(staff, period="1") == set()
    assert find_listed(staff, period="90") == {old, new}
    # No further: to find one among all, search.
    assert find_listed(staff, period="all") == {new}
    assert find_listed(staff, q=NUMBER) == {old}


def make_many(count: int, now: datetime) -> None:
    send(now=now)
    row = OTPSession.objects.get()
    OTPSession.objects.bulk_create(
        OTPSession(
            recipient_id=NUMBER,
            purpose="verify",
            gateway="default",
            created_at=now,
            expires_at=row.expires_at,
            max_attempts=5,
            max_resends=5,
        )
        for _number in range(count - 1)
    )


def test_a_page_takes_the_same_few_statements_however_many_sessions_there_are(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "MOST", 60)
    make_many(150, timezone.now())
    with CaptureQueriesContext(connection) as captured:
        content = read(staff, SESSIONS)
    statements = [query["sql"] for query in captured.captured_queries]
    # The login and its permissions are four of them.
    assert len(statements) <= 9, statements
    counts = [statement for statement in statements if "COUNT(" in statement]
    assert len(counts) == 1
    assert "LIMIT 60" in counts[0]
    assert "The newest 60 are listed." in content


def test_what_codes_are_checked_by_is_not_even_read(staff: Client) -> None:
    otp_id = send()
    for url in [SESSIONS, get_story(otp_id)]:
        with CaptureQueriesContext(connection) as captured:
            read(staff, url)
        for query in captured.captured_queries:
            for column in ["digest", "salt", "unanswered"]:
                assert f'{column}"' not in query["sql"].replace("`", '"')


def test_nothing_is_added_changed_or_deleted_here(owner: Client) -> None:
    otp_id = send()
    assert owner.get(f"{SESSIONS}add/").status_code == 403
    assert owner.post(f"{SESSIONS}{otp_id}/delete/", {"post": "yes"}).status_code == 403
    owner.post(get_story(otp_id), {"status": "APPROVED"})
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == ("OPEN", 0)


def test_a_session_that_is_not_there_is_said_to_be_none(staff: Client) -> None:
    for wrong in [str(uuid.uuid4()), "no-id-at-all"]:
        answer = staff.get(get_story(wrong), follow=True)
        assert "There is no such session." in answer.content.decode()


def test_without_the_permission_no_page_of_sessions_is_shown(make_staff: StaffFactory) -> None:
    otp_id = send()
    stranger = make_staff("view_recipient")
    for url in [SESSIONS, get_story(otp_id), f"{SESSIONS}statistics/", f"{SESSIONS}export/"]:
        assert stranger.get(url).status_code == 403, url


def test_no_code_stands_on_any_page(owner: Client) -> None:
    otp_id = send()
    code = str(locmem.outbox[-1].code)
    pages = read(owner, get_story(otp_id)) + read(owner, f"{SESSIONS}export/")
    assert not any(code == word for word in pages.replace("<", " ").replace(">", " ").split())
