"""Every page that is no JSON API, given what no browser sends: never a 500. DEBUG is off."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_d7verify import services
from django_d7verify.models import Budget, OTPSession, PhoneNumber, Pin, Recipient
from django_d7verify.web import urls

from .admin.pages import BUDGETS, EXPORT, RECIPIENTS, SESSIONS, find_listed, get_story
from .conftest import NUMBER
from .logging_in import make_user

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "application/x-www-form-urlencoded"
SECRET = "sixteen-or-more-letters"
REPORTS = f"/otp/reports/texts/{SECRET}/"
NUMBERS = "/admin/django_d7verify/phonenumber/"
PAGES = [f"/login/{page.pattern}" for page in urls.urlpatterns]
TEXTS = ["", "\0", "a\0b", "-1", "9" * 40, "\u0663" * 40, "' OR 1=1--", "http://[", "😀"]
BODIES = [
    ("application/json", b'{"otp_id": "\\u0000"}'),
    ("application/json", b"[" * 5000),
    (FORM, b"recipient=%00&otp_code=%00&form=%00&number=%00&stop_reason=%00&action=%00"),
    (FORM, b"recipient=%ff&otp_code=%ED%A0%80&form=%"),
    (FORM, b"&".join(b"a%d=1" % number for number in range(1500))),
    ("multipart/form-data", b"x"),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n",
    ),
    ("text/plain; charset=bogus", b"\xff\xfe"),
    ("", b"\0"),
]
OTHER_CHARSETS = [f"{FORM}; charset={charset}" for charset in ("utf-16", "iso-8859-1", "bogus")]
ACTIONS = ["stop", "allow", "unlock", "cancel", "lift", "reset", "get_urls", "__class__", "\0"]


@pytest.fixture
def owner(settings: Any) -> Any:
    """May do everything, and has a number."""
    gateway = {
        "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
        "OPTIONS": {"api_token": "t", "originator": "x", "api_url": "http://127.0.0.1:1"},
    }
    settings.D7VERIFY = {
        "GATEWAYS": {**settings.D7VERIFY["GATEWAYS"], "texts": gateway},
        "REPORT_SECRETS": [SECRET],
    }
    user = make_user(NUMBER, is_staff=True, is_superuser=True)
    Budget.objects.create(scope="country:EE", hour=10**18, day=10**18)
    services.send_otp(NUMBER)
    return user


@pytest.fixture
def client(owner: Any) -> Client:
    """Signed in as *owner*; what nobody handles is a 500, as on a site."""
    client = Client(raise_request_exception=False)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return client


def find_admin_pages() -> list[str]:
    otp_id = str(OTPSession.objects.get().otp_id)
    lists = [SESSIONS, RECIPIENTS, BUDGETS, NUMBERS]
    rows = [Recipient.objects.get().pk, Budget.objects.get().pk, PhoneNumber.objects.get().pk]
    changes = [f"{page}{row}/change/" for page, row in zip(lists[1:], rows, strict=True)]
    of_sessions = [f"{SESSIONS}{page}/" for page in ("statistics", "balances", "export")]
    acts = [get_story(otp_id), f"{SESSIONS}{otp_id}/act/", f"{RECIPIENTS}add/"]
    return [*lists, *changes, *of_sessions, *acts]


def find_failures(calls: list[tuple[tuple[object, ...], Any]]) -> list[tuple[object, ...]]:
    return [(*words, answer.status_code) for words, answer in calls if answer.status_code >= 500]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_no_method_is_a_500(client: Client, method: str):
    pages = [*PAGES, *find_admin_pages(), REPORTS]
    assert not find_failures([((page,), client.generic(method, page)) for page in pages])


@pytest.mark.parametrize(("content_type", "content"), BODIES)
def test_no_body_is_a_500(client: Client, content_type: str, content: bytes):
    pages = [*PAGES, *find_admin_pages(), REPORTS]
    assert not find_failures(
        [((page,), client.generic("POST", page, content, content_type)) for page in pages]
    )


@pytest.mark.parametrize("content_type", OTHER_CHARSETS)
def test_a_form_that_says_it_is_not_utf8_is_read_as_it_all_the_same(
    client: Client, content_type: str
):
    body = f"recipient={quote(NUMBER)}&request_id=1&status=delivered"
    calls = [((page,), client.generic("POST", page, body, content_type)) for page in PAGES]
    assert not find_failures(calls)
    Pin.objects.update(gateway="texts", reference="1")
    assert client.generic("POST", REPORTS, body, content_type).status_code == 200
    assert Pin.objects.get(reference="1").delivery == "delivered"


@pytest.mark.parametrize("text", TEXTS)
def test_no_query_is_a_500(client: Client, text: str):
    names = {
        SESSIONS: "q p e o all period status delivery purpose gateway country salt__startswith",
        EXPORT: "q p o period status delivery purpose gateway country",
        RECIPIENTS: "q p standing number__startswith",
        BUDGETS: "q p scope",
        NUMBERS: "q p user__password",
        f"{SESSIONS}statistics/": "days",
        **dict.fromkeys(PAGES, "next purpose"),
    }
    calls = [
        ((page, name), client.get(f"{page}?{name}={quote(text)}"))
        for page, words in names.items()
        for name in words.split()
    ]
    assert not find_failures(calls)


@pytest.mark.parametrize("name", ["period", "status", "delivery", "purpose", "gateway", "country"])
def test_a_filter_that_no_column_holds_is_none(client: Client, name: str):
    assert find_listed(client, **{name: "\0"}) == {str(OTPSession.objects.get().otp_id)}
    client.get(EXPORT, {name: "\0"})
    assert "\0" not in LogEntry.objects.get().change_message


@pytest.mark.parametrize("key", TEXTS)
def test_no_key_of_a_row_is_a_500(client: Client, key: str):
    lists = [SESSIONS, RECIPIENTS, BUDGETS, NUMBERS]
    calls = [
        ((page, end), client.get(f"{page}{quote(key)}/{end}/"))
        for page in lists
        for end in ("change", "history", "delete")
    ]
    for action in ACTIONS:
        form = {"action": action, "_selected_action": key, "index": key, "select_across": "0"}
        calls += [((page, action), client.post(page, form)) for page in lists]
    assert not find_failures(calls)
