"""Where signing in leads."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from .people import CODE_PAGE, DONE_PAGE, NUMBER_PAGE, Browser, newest_code

pytestmark = pytest.mark.django_db(transaction=True)

ASKED_FOR = "/pages/anybody/?page=2"


def sign_in_for(browser: Browser, url: str) -> str:
    page = browser.ask_for_code(page=browser.open(f"{NUMBER_PAGE}?next={url}"))
    assert page.path == CODE_PAGE
    answer = browser.client.post(CODE_PAGE, {**page.forms[0].fields, "otp_code": newest_code()})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_signing_in_leads_to_the_page_that_was_asked_for(browser: Browser, owner: Any):
    assert sign_in_for(browser, "/pages/anybody/%3Fpage=2") == ASKED_FOR


def test_the_page_that_was_asked_for_outlives_a_closed_session(
    browser: Browser, owner: Any, clock: Any
):
    browser.ask_for_code(page=browser.open(f"{NUMBER_PAGE}?next=/pages/anybody/"))
    clock.shift(601)
    back = browser.open(CODE_PAGE)
    page = browser.ask_for_code(page=back)
    assert browser.submit(page, otp_code=newest_code()).path == "/pages/anybody/"


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "https:elsewhere.example",
        "javascript:alert(1)",
        "/" + "x" * 2001,
        "",
    ],
)
def test_no_other_site_is_led_to(browser: Browser, owner: Any, url: str):
    assert sign_in_for(browser, url) == DONE_PAGE


def test_the_next_sign_in_does_not_lead_to_where_the_last_did(
    browser: Browser, owner: Any, clock: Any
):
    sign_in_for(browser, "/pages/anybody/")
    clock.shift(60)
    assert browser.sign_in().path == DONE_PAGE


@override_settings(LOGIN_REDIRECT_URL="/pages/anybody/")
def test_the_sites_own_page_is_led_to_where_none_was_asked_for(browser: Browser, owner: Any):
    assert browser.sign_in().path == "/pages/anybody/"


def test_a_page_for_who_is_signed_in_leads_here_and_back(browser: Browser, owner: Any):
    page = browser.open("/pages/lately/")
    assert page.path == NUMBER_PAGE
    done = browser.submit(browser.ask_for_code(page=page), otp_code=newest_code())
    assert done.path == "/login/second-factor/"
