"""Two tabs of one browser: an older form does nothing, and is answered kindly."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify.models import OTPSession
from tests.conftest import NUMBER
from tests.stories.site import OTHER_NUMBER, make_wrong

from .people import CODE_PAGE, DONE_PAGE, NUMBER_PAGE, Browser, Page, codes, newest_code

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_second_tabs_code_after_signing_in_leads_to_the_last_page(browser: Browser, owner: Any):
    first = browser.ask_for_code()
    second = browser.open(CODE_PAGE)
    browser.submit(first, otp_code=newest_code())
    late = browser.submit(second, otp_code=newest_code())
    assert (late.status, late.path) == (200, DONE_PAGE)


def test_a_number_form_from_before_signing_in_can_be_sent_again(browser: Browser, owner: Any):
    old = browser.open(NUMBER_PAGE)
    browser.sign_in()
    late = browser.submit(old, recipient=OTHER_NUMBER)
    assert late.status == 200
    assert codes(OTHER_NUMBER) == []


def test_a_form_for_an_older_code_is_not_tried_on_the_newest(browser: Browser, owner: Any):
    first = browser.ask_for_code(NUMBER)
    browser.ask_for_code(OTHER_NUMBER)
    late = browser.submit(first, otp_code=newest_code(NUMBER))
    assert (late.status, late.path) == (200, CODE_PAGE)
    assert "another tab" in late.problem
    assert "+9715*****21" in late.html
    assert not OTPSession.objects.filter(attempts__gt=0).exists()


def test_a_resend_button_of_an_older_code_sends_nothing(browser: Browser, owner: Any, clock: Any):
    first = browser.ask_for_code(NUMBER)
    browser.ask_for_code(OTHER_NUMBER)
    clock.shift(60)
    late = browser.resend(first)
    assert (late.path, "another tab" in late.problem) == (CODE_PAGE, True)
    assert len(codes(NUMBER)) == 1


def test_a_form_without_its_token_is_led_to_the_newest_page(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    late = browser.submit(page, otp_code=newest_code(), csrfmiddlewaretoken="")
    assert (late.status, late.path) == (200, CODE_PAGE)
    assert "Nothing was done" in late.problem
    assert browser.submit(late, otp_code=newest_code()).path == DONE_PAGE


def test_a_form_of_another_site_does_nothing(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    fields = {**page.forms[0].fields, "otp_code": newest_code()}
    browser.client.post(CODE_PAGE, fields, headers={"Origin": "https://elsewhere.example"})
    assert not browser.is_signed_in


def test_a_browser_without_cookies_is_told_so(browser: Browser, db: None):
    page = browser.open(NUMBER_PAGE)
    browser.client.cookies.clear()
    fields = {**page.forms[0].fields, "recipient": NUMBER}
    refused = Page(browser.client.post(NUMBER_PAGE, fields))
    assert (refused.status, "cookies" in refused.problem) == (403, True)
    assert codes() == []


def test_back_to_the_number_after_a_wrong_code_begins_anew(
    browser: Browser, owner: Any, clock: Any
):
    start = browser.open(NUMBER_PAGE)
    page = browser.ask_for_code(page=start)
    browser.submit(page, otp_code=make_wrong(newest_code()))
    clock.shift(60)
    again = browser.ask_for_code(page=start)
    assert again.path == CODE_PAGE
    assert browser.submit(again, otp_code=newest_code()).path == DONE_PAGE
