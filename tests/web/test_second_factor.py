"""A proof of the phone after the password, and before a page that is worth one."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import Delivery
from tests.conftest import NUMBER, set_d7verify
from tests.stories.site import OTHER_NUMBER, make_wrong

from .conftest import bind
from .people import (
    CHANGE_PAGE,
    DONE_PAGE,
    FACTOR_CODE_PAGE,
    FACTOR_PAGE,
    NUMBER_PAGE,
    Browser,
    Page,
    newest_code,
)

pytestmark = pytest.mark.django_db(transaction=True)

LATELY = "/pages/lately/"


@pytest.fixture
def signed_in(browser: Browser, owner: Any) -> Browser:
    """By password, with a number to prove."""
    browser.client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def prove(browser: Browser, url: str = LATELY) -> Page:
    asked = browser.submit(browser.open(url))
    assert asked.path == FACTOR_CODE_PAGE
    return browser.submit(asked, otp_code=newest_code())


def test_a_page_is_answered_once_the_phone_is_proven(signed_in: Browser):
    page = signed_in.open(LATELY)
    assert (page.path, "+9715*****67" in page.html) == (FACTOR_PAGE, True)
    assert locmem.outbox == [], "Only a POST sends."
    assert prove(signed_in).html == "lately"
    assert signed_in.open(LATELY).html == "lately"


def test_a_proof_counts_for_as_long_as_the_site_says(signed_in: Browser, clock: Any):
    prove(signed_in)
    clock.shift(299)
    assert signed_in.open(LATELY).html == "lately"
    clock.shift(1)
    assert signed_in.open(LATELY).path == FACTOR_PAGE


def test_a_class_based_view_says_how_fresh_its_proof_must_be(signed_in: Browser, clock: Any):
    assert prove(signed_in, "/pages/keys/").html == "keys"
    clock.shift(60)
    assert signed_in.open("/pages/keys/").path == FACTOR_PAGE
    assert signed_in.open(LATELY).html == "lately"


def test_a_proof_for_one_purpose_is_none_for_another(signed_in: Browser, clock: Any):
    prove(signed_in)
    clock.shift(60)
    assert signed_in.open("/pages/transfer/5/").path == FACTOR_PAGE
    assert prove(signed_in, "/pages/transfer/5/").html == "transfer 5"
    purposes = OTPSession.objects.order_by("created_at").values_list("purpose", flat=True)
    assert list(purposes) == ["second_factor", "transfer"]


@pytest.mark.parametrize("purpose", ["login", "change_phone", "nothing"])
def test_a_purpose_from_the_address_is_one_that_a_proof_can_have(signed_in: Browser, purpose: str):
    signed_in.submit(signed_in.open(f"{FACTOR_PAGE}?next={LATELY}&purpose={purpose}"))
    assert OTPSession.objects.get().purpose == "second_factor"


def test_a_code_for_a_purpose_that_the_site_has_no_more_is_asked_for_anew(
    signed_in: Browser, settings: Any, clock: Any
):
    page = signed_in.submit(signed_in.open("/pages/transfer/5/"))
    set_d7verify(settings, PURPOSES={})
    clock.shift(60)
    asked = signed_in.resend(page)
    assert (asked.status, asked.path) == (200, FACTOR_PAGE)
    assert signed_in.submit(asked).path == FACTOR_CODE_PAGE
    purposes = OTPSession.objects.order_by("created_at").values_list("purpose", flat=True)
    assert list(purposes) == ["transfer", "second_factor"]


def test_who_is_not_signed_in_signs_in_first(browser: Browser, owner: Any):
    for path in (LATELY, "/pages/keys/", FACTOR_PAGE, FACTOR_CODE_PAGE, CHANGE_PAGE):
        assert browser.open(path).path == NUMBER_PAGE


def test_a_form_sent_too_late_does_nothing_and_says_what_to_do(signed_in: Browser):
    signed_in.client.handler.enforce_csrf_checks = False
    answer = signed_in.client.post(LATELY, headers={"Referer": "http://testserver/pages/anybody/"})
    page = Page(answer)
    assert (page.status, answer["Cache-Control"]) == (403, "no-store")
    assert "fill in the form again" in page.html
    assert f"{FACTOR_PAGE}?next=http%3A%2F%2Ftestserver%2Fpages%2Fanybody%2F" in page.html


def test_a_form_of_another_site_is_not_led_back_to(signed_in: Browser):
    signed_in.client.handler.enforce_csrf_checks = False
    answer = signed_in.client.post(LATELY, headers={"Referer": "https://elsewhere.example/"})
    assert "elsewhere" not in answer.content.decode()


def test_a_proof_is_this_browsers_only(signed_in: Browser, owner: Any):
    prove(signed_in)
    other = Browser()
    other.client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    assert other.open(LATELY).path == FACTOR_PAGE


def test_signing_in_by_phone_is_no_second_factor(browser: Browser, owner: Any, clock: Any):
    browser.sign_in()
    assert browser.open(LATELY).path == FACTOR_PAGE


def test_a_proof_ends_with_the_number_it_was_for(signed_in: Browser, owner: Any):
    prove(signed_in)
    services.reset_numbers(owner, by=None)
    assert signed_in.open(LATELY).path == FACTOR_PAGE
    bind(owner, OTHER_NUMBER)
    assert signed_in.open(LATELY).path == FACTOR_PAGE


def test_a_proof_outlives_a_new_secret_key_while_the_old_one_is_a_fallback(
    signed_in: Browser, settings: Any
):
    prove(signed_in)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-" + "y" * 40
    settings.SECRET_KEY_FALLBACKS = [old]
    assert signed_in.open(LATELY).html == "lately"
    settings.SECRET_KEY_FALLBACKS = []
    assert signed_in.open(LATELY).path != LATELY


def test_a_code_for_a_number_that_was_reset_proves_nothing(signed_in: Browser, owner: Any):
    asked = signed_in.submit(signed_in.open(LATELY))
    services.reset_numbers(owner, by=None)
    back = signed_in.submit(asked, otp_code=newest_code())
    assert back.path == FACTOR_PAGE
    assert signed_in.open(LATELY).path == FACTOR_PAGE


def test_a_wrong_code_proves_nothing(signed_in: Browser):
    asked = signed_in.submit(signed_in.open(LATELY))
    wrong = signed_in.submit(asked, otp_code=make_wrong(newest_code()))
    assert (wrong.status, wrong.path) == (400, FACTOR_CODE_PAGE)
    assert signed_in.open(LATELY).path == FACTOR_PAGE


def test_who_has_no_number_is_told_and_can_add_one(browser: Browser, user: Any, clock: Any):
    browser.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.open(LATELY)
    assert "you have no phone number here yet" in page.html
    assert f'href="{CHANGE_PAGE}?next=%2Fpages%2Flately%2F"' in page.html
    change = browser.open(f"{CHANGE_PAGE}?next={LATELY}")
    asked = browser.submit(change, recipient=OTHER_NUMBER)
    assert browser.submit(asked, otp_code=newest_code(OTHER_NUMBER)).html == "lately"


def test_a_post_without_a_number_sends_nothing(browser: Browser, user: Any):
    browser.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    browser.open(FACTOR_PAGE)
    token = browser.client.cookies.get("csrftoken")
    fields = {"csrfmiddlewaretoken": token.value} if token else {}
    answer = browser.client.post(FACTOR_PAGE, fields)
    assert answer.status_code in {302, 400}
    assert locmem.outbox == []


def test_the_message_is_followed_where_the_person_is_known(signed_in: Browser, clock: Any):
    asked = signed_in.submit(signed_in.open(LATELY))
    assert 'data-d7v-delivery="/login/second-factor/delivery/"' in asked.html
    pin = Pin.objects.get()
    Pin.objects.filter(pk=pin.pk).update(delivery=Delivery.DELIVERED, delivery_at=pin.created_at)
    clock.shift(20)
    assert "Delivered 20 seconds ago." in signed_in.open(FACTOR_CODE_PAGE).html
    told = signed_in.client.get("/login/second-factor/delivery/").json()
    assert told == {"delivery": "delivered", "text": "Delivered 20 seconds ago."}


def test_nobody_elses_message_is_followed(signed_in: Browser, browser: Browser, db: None):
    signed_in.submit(signed_in.open(LATELY))
    stranger = Browser()
    assert stranger.client.get("/login/second-factor/delivery/").json()["text"] == ""
    stranger.ask_for_code(OTHER_NUMBER)
    assert stranger.client.get("/login/second-factor/delivery/").json()["delivery"] == ""


def test_without_a_page_to_go_to_the_last_one_is_shown(signed_in: Browser):
    asked = signed_in.submit(signed_in.open(FACTOR_PAGE))
    assert signed_in.submit(asked, otp_code=newest_code(NUMBER)).path == DONE_PAGE
