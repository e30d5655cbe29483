"""Signing in by phone, step by step."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession
from django_d7verify.words import EventKind
from tests.conftest import NUMBER, set_d7verify
from tests.stories.site import OTHER_NUMBER, make_wrong

from .people import CODE_PAGE, DONE_PAGE, NUMBER_PAGE, Browser, Page, codes, newest_code

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_right_code_signs_in(browser: Browser, owner: Any):
    asked = browser.ask_for_code()
    assert (asked.status, asked.path) == (200, CODE_PAGE)
    done = browser.submit(asked, otp_code=newest_code())
    assert (done.status, done.path) == (200, DONE_PAGE)
    assert browser.is_signed_in


def test_a_wrong_code_is_said_with_the_tries_that_are_left(browser: Browser, owner: Any):
    asked = browser.ask_for_code()
    wrong = browser.submit(asked, otp_code=make_wrong(newest_code()))
    assert (wrong.status, wrong.path) == (400, CODE_PAGE)
    assert wrong.title.startswith("Error: ")
    assert wrong.problem == "That is not the right code. 4 tries left."
    assert 'aria-invalid="true"' in wrong.html
    assert not browser.is_signed_in
    assert browser.submit(wrong, otp_code=newest_code()).path == DONE_PAGE


def test_what_cannot_be_a_code_is_not_counted(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    for typed in ("", "12345", "abcdef", "1234567", "\x00"):
        page = browser.submit(page, otp_code=typed)
        assert page.problem == "Enter the code as it stands in the message.", typed
    assert OTPSession.objects.get().attempts == 0


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\uff10"])
def test_digits_of_other_scripts_are_digits(browser: Browser, owner: Any, zero: str):
    page = browser.ask_for_code()
    typed = "".join(chr(ord(zero) + int(digit)) for digit in newest_code())
    assert browser.submit(page, otp_code=f"{typed[:3]} {typed[3:]}").path == DONE_PAGE


def test_the_last_try_leads_back_and_says_why(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    for variant in range(1, 6):
        page = browser.submit(page, otp_code=make_wrong(newest_code(), variant))
    assert (page.status, page.path) == (200, NUMBER_PAGE)
    assert "the last try" in page.problem
    assert browser.open(CODE_PAGE).path == NUMBER_PAGE


def test_a_session_that_has_closed_leads_back_and_says_why(
    browser: Browser, owner: Any, clock: Any
):
    page = browser.ask_for_code()
    clock.shift(601)
    back = browser.submit(page, otp_code=newest_code())
    assert back.path == NUMBER_PAGE
    assert back.problem == "This code can no longer be used. Please ask for a new one."
    assert browser.open(NUMBER_PAGE).problem == ""


def test_an_expired_code_is_not_asked_for(browser: Browser, owner: Any, clock: Any):
    browser.ask_for_code()
    clock.shift(601)
    back = browser.open(CODE_PAGE)
    assert (back.path, bool(back.problem)) == (NUMBER_PAGE, True)


def test_a_number_that_is_none_is_said_in_its_field(browser: Browser, db: None):
    page = browser.ask_for_code("12 34")
    assert (page.status, page.path) == (400, NUMBER_PAGE)
    assert "country code" in page.problem
    assert 'value="12 34"' in page.html
    assert 'aria-invalid="true"' in page.html


def test_a_second_code_too_soon_is_refused_with_the_wait(browser: Browser, owner: Any):
    browser.ask_for_code()
    page = browser.ask_for_code()
    assert (page.status, page.response["Retry-After"]) == (429, "60")
    assert page.problem.endswith("Try again in 60 seconds.")
    assert 'aria-invalid="true"' not in page.html
    assert f'href="{CODE_PAGE}"' in page.html, "The code that is on its way can be entered."
    assert len(codes()) == 1


def test_another_code_can_be_asked_for_after_the_wait(browser: Browser, owner: Any, clock: Any):
    page = browser.ask_for_code()
    assert "You can ask for another code in 60 seconds." in page.html
    early = browser.resend(page)
    assert (early.status, early.response["Retry-After"]) == (429, "60")
    clock.shift(60)
    page = browser.open(CODE_PAGE)
    assert "You can ask for another code in" not in page.html
    again = browser.resend(page)
    assert (again.path, again.news) == (CODE_PAGE, "Another code is on its way.")
    assert len(codes()) == 2
    assert browser.submit(again, otp_code=newest_code()).path == DONE_PAGE


def test_looking_at_a_page_sends_nothing(browser: Browser, owner: Any):
    browser.ask_for_code()
    assert browser.client.get("/login/resend/").status_code == 405
    for path in (NUMBER_PAGE, CODE_PAGE, DONE_PAGE):
        browser.open(path)
    assert len(locmem.outbox) == 1


@pytest.mark.parametrize("path", [CODE_PAGE, DONE_PAGE])
def test_no_step_is_skipped(browser: Browser, db: None, path: str):
    assert browser.open(path).path == NUMBER_PAGE
    browser.ask_for_code()
    assert browser.open(DONE_PAGE).path == NUMBER_PAGE


def test_a_code_is_not_another_browsers(browser: Browser, owner: Any):
    browser.ask_for_code()
    other = Browser()
    page = other.open(NUMBER_PAGE)
    fields = {**page.forms[0].fields, "otp_code": newest_code()}
    answer = other.client.post(CODE_PAGE, fields)
    assert (answer.status_code, answer["Location"]) == (302, NUMBER_PAGE)
    assert not other.is_signed_in


def test_a_code_signs_in_once(browser: Browser, owner: Any):
    asked = browser.ask_for_code()
    old_key = browser.client.cookies["sessionid"].value
    browser.submit(asked, otp_code=newest_code())
    thief = Browser()
    thief.client.cookies["sessionid"] = old_key
    assert not thief.is_signed_in, "The session's key is a new one."
    assert thief.submit(asked, otp_code=newest_code()).path == NUMBER_PAGE
    assert OTPSession.objects.get().consumed_at


def test_an_inactive_user_is_not_signed_in_and_not_told_apart(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    owner.is_active = False
    owner.save()
    back = browser.submit(page, otp_code=newest_code())
    assert back.path == NUMBER_PAGE
    assert not browser.is_signed_in


def make_comparable(page: Page, number: str) -> tuple[object, ...]:
    """*page* without what is of each request: the number, and words without a meaning."""
    html = page.html.replace(f"{number[:5]}*****{number[-2:]}", "[number]")
    html = html.replace(f'value="{number}"', 'value="[number]"')
    html = re.sub(r'name="(csrfmiddlewaretoken|form)" value="\w+"', "", html)
    return page.status, page.path, html, sorted(page.response.headers.items())


def test_known_and_unknown_numbers_have_the_same_pages(owner: Any, clock: Any):
    seen = []
    for number in (NUMBER, OTHER_NUMBER):
        browser = Browser()
        asked = browser.ask_for_code(number)
        wrong = browser.submit(asked, otp_code="000000")
        early = browser.resend(wrong)
        again = browser.ask_for_code(number)
        clock.shift(60)
        resent = browser.resend(browser.open(CODE_PAGE))
        closed = resent
        for _attempt in range(4):
            closed = browser.submit(closed, otp_code="000000")
        pages = [asked, wrong, early, again, resent, closed]
        seen.append([make_comparable(page, number) for page in pages])
        clock.shift(3600)
    assert seen[0] == seen[1]
    assert codes(OTHER_NUMBER) == []


def test_delivery_is_never_shown_before_the_person_is_known(browser: Browser, owner: Any):
    page = browser.ask_for_code()
    assert "deliver" not in page.html.lower()


def test_signing_up_makes_a_user(browser: Browser, settings: Any, db: None):
    set_d7verify(settings, SIGN_UP=True)
    assert browser.sign_in(OTHER_NUMBER).path == DONE_PAGE
    assert get_user_model().objects.get().d7verify_numbers.get().number == OTHER_NUMBER
    assert Event.objects.filter(kind=EventKind.LOGGED_IN).count() == 1
