"""What every answer of the pages carries, and what none does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import override_settings

from django_d7verify.models import OTPSession
from tests.conftest import NUMBER, set_d7verify
from tests.stories.site import make_wrong

from .people import (
    CHANGE_PAGE,
    CODE_PAGE,
    DONE_PAGE,
    FACTOR_PAGE,
    NUMBER_PAGE,
    Browser,
    Page,
    newest_code,
)

pytestmark = pytest.mark.django_db(transaction=True)


def visit_all(browser: Browser, clock: Any) -> list[Page]:
    """Every page, once."""
    start = browser.open(NUMBER_PAGE)
    bad = browser.ask_for_code("12", page=start)
    asked = browser.ask_for_code()
    wrong = browser.submit(asked, otp_code=make_wrong(newest_code()))
    early = browser.resend(wrong)
    done = browser.submit(early, otp_code=newest_code())
    clock.shift(60)
    factor = browser.open(f"{FACTOR_PAGE}?next={CHANGE_PAGE}")
    factor_code = browser.submit(factor)
    change = browser.submit(factor_code, otp_code=newest_code())
    clock.shift(60)
    change_code = browser.submit(change, recipient="+971507654321")
    changed = browser.submit(change_code, otp_code=newest_code("+971507654321"))
    delivery = browser.open("/login/change/delivery/")
    pages = [start, bad, asked, wrong, early, done, factor, factor_code, change, change_code]
    return [*pages, changed, delivery]


def test_every_answer_is_kept_by_nobody_and_framed_by_nobody(
    browser: Browser, owner: Any, clock: Any
):
    pages = visit_all(browser, clock)
    assert pages[-2].path == "/login/change/done/"
    for page in pages:
        headers = page.response.headers
        assert headers["Cache-Control"] == "no-store", page
        assert headers["Referrer-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"):
            assert part in policy
        assert "unsafe" not in policy


def test_nothing_inline_stands_in_any_page(browser: Browser, owner: Any, clock: Any):
    for page in visit_all(browser, clock):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page.html), page


def test_no_page_or_address_has_the_otp_id_or_the_number(browser: Browser, owner: Any, clock: Any):
    pages = visit_all(browser, clock)
    otp_ids = [str(otp_id) for otp_id in OTPSession.objects.values_list("pk", flat=True)]
    assert len(otp_ids) == 3
    for page in pages:
        shown = f"{page.path} {page.response.request['QUERY_STRING']} {page.html}"
        for secret in (*otp_ids, *(otp_id.replace("-", "") for otp_id in otp_ids), NUMBER[1:]):
            assert secret not in shown, page


def test_redirects_carry_the_headers_too(browser: Browser, db: None):
    answer = browser.client.get(DONE_PAGE)
    assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")


def test_a_site_with_a_policy_of_its_own_turns_ours_off(browser: Browser, settings: Any, db: None):
    set_d7verify(settings, CONTENT_SECURITY_POLICY=False)
    assert "Content-Security-Policy" not in browser.open(NUMBER_PAGE).response.headers


@override_settings(
    STATIC_URL="https://files.example/static/", LOGIN_REDIRECT_URL="https://app.example/home"
)
def test_files_from_elsewhere_and_a_home_elsewhere_are_allowed(browser: Browser, db: None):
    policy = browser.open(NUMBER_PAGE).response["Content-Security-Policy"]
    assert "script-src 'self' https://files.example;" in policy
    assert "style-src 'self' https://files.example;" in policy
    assert "form-action 'self' https://app.example;" in policy


PATHS = [
    "",
    "code/",
    "resend/",
    "done/",
    "change/",
    "change/code/",
    "change/resend/",
    "change/delivery/",
    "change/done/",
    "second-factor/",
    "second-factor/code/",
    "second-factor/resend/",
    "second-factor/delivery/",
]
RUBBISH: list[dict[str, Any]] = [
    {},
    {"recipient": "\x00", "otp_code": "\x00", "form": "\x00"},
    {"recipient": "+" * 5000, "otp_code": "9" * 5000},
    {"recipient": ["a", "b"], "otp_code": ["1", "2"]},
    {"recipient": "\N{GRINNING FACE}", "otp_code": "\u200f\u0663"},
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fields", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_is_never_an_error_of_ours(
    browser: Browser, owner: Any, path: str, fields: dict[str, Any]
):
    page = browser.ask_for_code()
    browser.client.force_login(owner)
    token = {"csrfmiddlewaretoken": browser.client.cookies["csrftoken"].value}
    for more in ({}, {"form": page.forms[0].fields["form"]}):
        answer = browser.client.post(f"/login/{path}", {**token, **more, **fields})
        # 403: the old number is to be proven first.
        assert answer.status_code in {200, 302, 400, 403, 405, 429}
        answer = browser.client.get(f"/login/{path}?next=%00&purpose=%00&x={'y' * 5000}")
        assert answer.status_code in {200, 302, 405}


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_is_no_form_is_refused(browser: Browser, db: None, content_type: str):
    browser.open(NUMBER_PAGE)
    for path in (NUMBER_PAGE, CODE_PAGE):
        answer = browser.client.generic("POST", path, b"\xff{}", content_type=content_type)
        assert answer.status_code in {302, 400}
        assert answer.status_code == 400 or answer["Location"].startswith("/login/")


@pytest.mark.parametrize("kept", ["text", 7, ["a"], {"otp_id": 7, "form": None, "next": []}])
def test_an_odd_session_is_an_empty_one(browser: Browser, db: None, kept: Any):
    session = browser.client.session
    session["d7verify.login"] = kept
    session.save()
    browser.client.cookies["sessionid"] = session.session_key
    assert browser.open(CODE_PAGE).path == NUMBER_PAGE
