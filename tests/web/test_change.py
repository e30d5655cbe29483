"""Changing one's number: the old one is proven, then the new one."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_d7verify.models import PhoneNumber
from tests.conftest import NUMBER, set_d7verify
from tests.stories.site import OTHER_NUMBER

from .conftest import bind
from .people import (
    CHANGE_CODE_PAGE,
    CHANGE_PAGE,
    FACTOR_PAGE,
    Browser,
    Page,
    codes,
    newest_code,
)

pytestmark = pytest.mark.django_db(transaction=True)

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def sign_in(user: Any) -> Browser:
    """By password, in a browser of its own."""
    browser = Browser()
    browser.client.force_login(user, backend=MODEL_BACKEND)
    return browser


def prove_old(browser: Browser) -> Page:
    """The page that asks for the new number."""
    factor = browser.open(CHANGE_PAGE)
    assert factor.path == FACTOR_PAGE
    return browser.submit(browser.submit(factor), otp_code=newest_code())


def get_number(user: Any) -> str:
    return str(PhoneNumber.objects.get(primary_of=user).number)


def test_the_old_number_is_proven_and_then_the_new_one(owner: Any):
    browser = sign_in(owner)
    change = prove_old(browser)
    assert change.path == CHANGE_PAGE
    asked = browser.submit(change, recipient=OTHER_NUMBER)
    done = browser.submit(asked, otp_code=newest_code(OTHER_NUMBER))
    assert (done.path, "+9715*****21" in done.html) == ("/login/change/done/", True)
    assert get_number(owner) == OTHER_NUMBER


def test_without_the_old_number_nothing_is_sent_to_a_new_one(owner: Any):
    browser = sign_in(owner)
    factor = browser.open(CHANGE_PAGE)
    refused = browser.client.post(
        CHANGE_PAGE, {**factor.forms[0].fields, "recipient": OTHER_NUMBER}
    )
    assert refused.status_code == 403
    assert codes(OTHER_NUMBER) == []
    assert browser.open(CHANGE_CODE_PAGE).path == FACTOR_PAGE


def test_the_proof_of_the_old_number_must_be_fresh(owner: Any, clock: Any):
    browser = sign_in(owner)
    change = prove_old(browser)
    clock.shift(300)
    assert browser.submit(change, recipient=OTHER_NUMBER).status == 403
    assert browser.open(CHANGE_PAGE).path == FACTOR_PAGE


def test_a_first_number_needs_no_other(user: Any):
    browser = sign_in(user)
    asked = browser.submit(browser.open(CHANGE_PAGE), recipient=NUMBER)
    browser.submit(asked, otp_code=newest_code())
    assert get_number(user) == NUMBER


def test_a_change_begun_without_a_number_replaces_none_that_came_meanwhile(user: Any):
    thief = sign_in(user)
    asked = thief.submit(thief.open(CHANGE_PAGE), recipient=OTHER_NUMBER)
    bind(user, NUMBER)
    refused = thief.submit(asked, otp_code=newest_code(OTHER_NUMBER))
    assert refused.path == FACTOR_PAGE
    assert get_number(user) == NUMBER


def test_a_number_of_another_user_is_not_taken(owner: Any):
    other = get_user_model().objects.create_user("bob")
    browser = sign_in(other)
    asked = browser.submit(browser.open(CHANGE_PAGE), recipient=NUMBER)
    back = browser.submit(asked, otp_code=newest_code())
    assert back.path == CHANGE_PAGE
    assert back.problem == "This number belongs to another account."
    assert get_number(owner) == NUMBER


def test_a_change_ends_the_users_other_sessions(owner: Any, settings: Any):
    set_d7verify(settings, END_OTHER_SESSIONS=True)
    here, elsewhere, stranger = sign_in(owner), sign_in(owner), Browser()
    assert (here.is_signed_in, elsewhere.is_signed_in) == (True, True)
    asked = here.submit(prove_old(here), recipient=OTHER_NUMBER)
    here.submit(asked, otp_code=newest_code(OTHER_NUMBER))
    assert (here.is_signed_in, elsewhere.is_signed_in) == (True, False)
    assert not stranger.is_signed_in


def test_a_session_by_phone_is_ended_too(owner: Any, settings: Any, clock: Any):
    set_d7verify(settings, END_OTHER_SESSIONS=True)
    browser = Browser()
    browser.sign_in()
    PhoneNumber.objects.filter(user=owner).update(number=OTHER_NUMBER)
    assert not browser.is_signed_in


def test_sessions_live_on_where_the_site_does_not_say_so(owner: Any, clock: Any):
    browser = Browser()
    browser.sign_in()
    PhoneNumber.objects.filter(user=owner).update(number=OTHER_NUMBER)
    assert browser.is_signed_in


def test_sessions_cost_one_statement_and_none_where_they_are_not_ended(
    owner: Any, settings: Any, django_assert_num_queries: Any
):
    browser = sign_in(owner)
    with django_assert_num_queries(2):
        assert browser.is_signed_in
    set_d7verify(settings, END_OTHER_SESSIONS=True)
    assert browser.is_signed_in
    with django_assert_num_queries(3):
        assert browser.is_signed_in
