"""Every page, light, dark, narrow and from right to left: no violation, and a picture of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from django_d7verify.models import Pin
from django_d7verify.words import Delivery
from tests.conftest import NUMBER
from tests.stories.site import OTHER_NUMBER, make_wrong

from .steps import newest_code, sign_in_as

pytestmark = pytest.mark.django_db(transaction=True)

WIDE = {"width": 1100, "height": 820}
NARROW = {"width": 320, "height": 700}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "narrow": {"viewport": NARROW, "device_scale_factor": 2},
    "arabic": {"viewport": WIDE, "locale": "ar"},
    "arabic-dark-narrow": {
        "viewport": NARROW,
        "device_scale_factor": 2,
        "color_scheme": "dark",
        "locale": "ar",
    },
    "estonian-narrow": {"viewport": NARROW, "device_scale_factor": 2, "locale": "et"},
    "forced-colors": {"viewport": WIDE, "forced_colors": "active"},
}


def visit_login(page: Page) -> Iterator[str]:
    """Go through every page of signing in; the name of each, once it is open."""
    page.goto("/login/")
    yield "number"
    send(page, "recipient", "12")
    yield "number-wrong"
    send(page, "recipient", NUMBER)
    yield "code"
    page.locator("input[name=otp_code]").fill("314159")
    yield "code-typed"
    send(page, "otp_code", make_wrong(newest_code()))
    yield "code-wrong"
    page.locator("form[data-d7v-resend]").evaluate("form => form.submit()")
    page.wait_for_url("**/resend/")
    yield "code-too-soon"
    page.goto("/login/")
    send(page, "recipient", NUMBER)
    yield "number-too-soon"
    page.goto("/login/code/")
    send(page, "otp_code", newest_code())
    yield "done"


def visit_change(page: Page) -> Iterator[str]:
    """Every page of a second factor and of a first number, for who has none."""
    page.goto("/pages/lately/")
    yield "second-factor-none"
    page.locator("a.d7v-main").click()
    yield "change"
    send(page, "recipient", OTHER_NUMBER)
    delivered_at = timezone.now() - timedelta(seconds=20)
    Pin.objects.update(delivery=Delivery.DELIVERED, delivery_at=delivered_at)
    page.reload()
    yield "change-code"
    send(page, "otp_code", newest_code(OTHER_NUMBER))
    page.goto("/login/change/done/")
    yield "change-done"
    page.goto("/login/second-factor/?next=/pages/transfer/5/&purpose=transfer")
    yield "second-factor"


def send(page: Page, name: str, value: str) -> None:
    page.locator(f"input[name={name}]").fill(value)
    page.locator("button.d7v-main").click()
    page.wait_for_load_state("load")


def assert_fits(page: Page) -> None:
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"{page.url} is {overflow} pixels too wide."


def assert_accessible(page: Page, name: str) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, f"{name}: {results.generate_report()}"


@pytest.mark.parametrize("look", LOOKS)
def test_each_page_of_signing_in_fits_and_is_accessible(
    make_context: Callable[..., BrowserContext], look: str, screenshots: Path
):
    look_at(make_context(**LOOKS[look]).new_page(), visit_login, look, screenshots)


@pytest.mark.parametrize("look", LOOKS)
def test_each_page_of_changing_a_number_fits_and_is_accessible(
    make_context: Callable[..., BrowserContext], look: str, screenshots: Path, live_server: Any
):
    client = Client()
    client.force_login(
        get_user_model().objects.create_user("new"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    context = make_context(**LOOKS[look])
    sign_in_as(context, client, live_server.url)
    look_at(context.new_page(), visit_change, look, screenshots)


def look_at(
    page: Page, visit: Callable[[Page], Iterator[str]], look: str, screenshots: Path
) -> None:
    is_arabic = look.startswith("arabic")
    for name in visit(page):
        page.screenshot(path=screenshots / f"{look}-{name}.png", full_page=True)
        assert page.locator("html").get_attribute("dir") == ("rtl" if is_arabic else "ltr")
        assert_fits(page)
        assert_accessible(page, name)
