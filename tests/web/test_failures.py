"""What the pages say where the provider, the cache or the settings fail."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession
from tests.conftest import NUMBER, make_d7_settings, set_d7verify
from tests.stories.site import SEND_PATH, VERIFY_PATH

from .people import CODE_PAGE, FACTOR_CODE_PAGE, FACTOR_PAGE, NUMBER_PAGE, Browser, newest_code

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def by_d7(settings: Any, emulator: Emulator) -> Emulator:
    """The site sends through D7 Verify, which makes the codes; nobody waits for long."""
    gateway = make_d7_settings(emulator, read_timeout_seconds=0.5)
    set_d7verify(settings, GATEWAYS={"default": gateway})
    return emulator


@pytest.fixture
def inline(settings: Any) -> None:
    """Codes for who is known are sent before the answer, which says how it went."""
    set_d7verify(settings, DISPATCHER="django_d7verify.dispatchers.InlineDispatcher")


@pytest.fixture
def signed_in(browser: Browser, owner: Any) -> Browser:
    browser.client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.mark.usefixtures("inline")
def test_a_message_that_may_have_left_can_still_be_used(signed_in: Browser, settings: Any):
    gateway = {"BACKEND": "tests.stories.gateways.LossyGateway", "OPTIONS": {"lost": (1,)}}
    set_d7verify(settings, GATEWAYS={"default": gateway})
    page = signed_in.submit(signed_in.open(f"{FACTOR_PAGE}?next=/pages/lately/"))
    assert (page.status, page.path) == (200, FACTOR_CODE_PAGE)
    assert "do not know whether the code was sent" in page.problem
    assert signed_in.submit(page, otp_code=newest_code()).html == "lately"


def test_a_lost_answer_about_a_code_lets_the_same_code_be_tried_again(
    signed_in: Browser, by_d7: Emulator
):
    page = signed_in.submit(signed_in.open(f"{FACTOR_PAGE}?next=/pages/lately/"))
    code = str(by_d7.messages(NUMBER)[-1]["code"])
    by_d7.add_fault("cut_body", path=VERIFY_PATH)
    lost = signed_in.submit(page, otp_code=code)
    assert (lost.status, lost.path) == (504, FACTOR_CODE_PAGE)
    assert "try the same code again" in lost.problem
    assert signed_in.submit(lost, otp_code=code).html == "lately"


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(("fault", "status"), [("refuse", 503), ("invalid", 502)])
def test_a_provider_that_does_not_send_is_said_so(
    signed_in: Browser, by_d7: Emulator, fault: str, status: int
):
    by_d7.add_fault(fault, path=SEND_PATH)
    page = signed_in.submit(signed_in.open(FACTOR_PAGE))
    assert (page.status, page.path) == (status, FACTOR_PAGE)
    assert page.problem
    assert ("Retry-After" in page.response.headers) is (status == 503)


def test_a_code_that_a_worker_could_not_send_leads_back_and_says_so(
    signed_in: Browser, by_d7: Emulator
):
    by_d7.add_fault("invalid", path=SEND_PATH)
    page = signed_in.submit(signed_in.open(FACTOR_PAGE))
    assert page.path == FACTOR_PAGE
    assert page.problem == "The code could not be sent. You can try again at once."
    assert signed_in.submit(page).path == FACTOR_CODE_PAGE


def test_too_many_wrong_codes_from_one_address_are_refused_with_the_wait(
    browser: Browser, owner: Any, settings: Any
):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["1/10m"])
    page = browser.ask_for_code()
    page = browser.submit(page, otp_code="000000")
    refused = browser.submit(page, otp_code=newest_code())
    assert (refused.status, refused.path) == (429, CODE_PAGE)
    assert "Retry-After" in refused.response.headers
    assert OTPSession.objects.get().attempts == 1


def test_what_is_no_code_is_not_counted_against_its_address(
    browser: Browser, owner: Any, settings: Any
):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["1/10m"])
    page = browser.ask_for_code()
    for _attempt in range(3):
        page = browser.submit(page, otp_code="123")
    assert browser.submit(page, otp_code=newest_code()).path == "/login/done/"


def test_too_many_codes_for_one_address_are_refused(browser: Browser, owner: Any, settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["1/h"])
    browser.ask_for_code("+971507654321")
    page = browser.ask_for_code()
    assert (page.status, page.path) == (429, NUMBER_PAGE)
    assert "Retry-After" in page.response.headers


def test_without_a_cache_the_pages_refuse_politely(browser: Browser, owner: Any, settings: Any):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    page = browser.ask_for_code()
    assert (page.status, bool(page.problem)) == (503, True)
    assert locmem.outbox == []


def test_without_our_backend_no_code_is_spent(browser: Browser, owner: Any, settings: Any):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    page = browser.ask_for_code()
    refused = browser.submit(page, otp_code=newest_code())
    assert (refused.status, refused.path) == (503, CODE_PAGE)
    assert OTPSession.objects.get().attempts == 0


def test_pages_work_where_requests_are_atomic(browser: Browser, owner: Any, settings: Any):
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        assert browser.sign_in().path == "/login/done/"
    finally:
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False
