"""Staff read on one page of the admin what happened to a person's code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from playwright.sync_api import BrowserContext, Page

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.models import Pin
from django_d7verify.words import Delivery
from tests.conftest import API_TOKEN, NUMBER
from tests.contract.wires import wait_for
from tests.stories.site import make_wrong

from .steps import sign_in_as

pytestmark = pytest.mark.django_db(transaction=True)

SEND_PATH = "/messages/v1/send"
LIST = "/admin/django_d7verify/otpsession/"
#: What the timeline says, from the first moment to the last.
TOLD = [
    "Code sent",
    "Wrong code",
    "Code not sent",
    "Code sent",
    "Approved",
    "Logged in",
]


def make_messages(emulator: Emulator, **more: Any) -> dict[str, Any]:
    options = {"api_token": API_TOKEN, "originator": "SignOTP", "api_url": emulator.url}
    backend = "django_d7verify.gateways.d7.D7MessagesGateway"
    return {"BACKEND": backend, "OPTIONS": options, **more}


@pytest.fixture
def story(live_server: Any, settings: Any, emulator: Emulator) -> list[str]:
    """A send with a late report, a wrong code, a resend by another gateway, and a login."""
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {
            "default": make_messages(emulator, FAILOVER=["spare"]),
            "spare": make_messages(emulator),
        },
        "REPORT_URL": f"{live_server.url}/otp/reports/",
        "REPORT_SECRETS": ["0123456789abcdef"],
    }
    began = datetime.now(UTC)
    otp_id = services.send_login_otp(NUMBER).otp_id
    wait_for(lambda: Pin.objects.get().delivery == Delivery.DELIVERED)
    codes = [str(emulator.messages(NUMBER)[-1]["code"])]
    services.verify_login(otp_id, make_wrong(codes[0]))
    emulator.add_fault("no_credit", path=SEND_PATH)
    later = began + timedelta(seconds=61)
    services.resend_otp(otp_id, now=later)
    codes.append(str(emulator.messages(NUMBER)[-1]["code"]))
    assert services.verify_login(otp_id, codes[-1], now=later).approved
    return [otp_id, *codes]


def open_as(context: BrowserContext, user: Any, live_server: Any) -> Page:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    sign_in_as(context, client, live_server.url)
    return context.new_page()


def read_story(page: Page, otp_id: str) -> None:
    """Find the session by its number, as staff do, and open it."""
    page.goto(LIST)
    page.locator("input[name=q]").fill("+971 50 123 45 67")
    page.keyboard.press("Enter")
    page.locator(f"a[href*='{otp_id}']").first.click()
    page.wait_for_url(f"**/{otp_id}/change/**")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_persons_whole_story_is_read_in_the_admin(
    make_context: Callable[..., BrowserContext],
    live_server: Any,
    story: list[str],
    screenshots: Path,
    look: str,
) -> None:
    otp_id, *codes = story
    staff = get_user_model().objects.create_superuser("root")
    context = make_context(color_scheme=look, viewport={"width": 1280, "height": 1000})
    page = open_as(context, staff, live_server)
    read_story(page, otp_id)
    told = page.locator(".d7-timeline strong").all_inner_texts()
    assert [words for words in told if words in TOLD] == TOLD
    assert "Delivery reported" in told
    page.screenshot(path=screenshots / f"admin-story-{look}.png", full_page=True)
    violations = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert violations.violations_count == 0, violations.generate_report()
    html = page.content()
    assert not [code for code in codes if code in html]
    page.goto(f"{LIST}statistics/")
    page.screenshot(path=screenshots / f"admin-statistics-{look}.png", full_page=True)
    assert not [code for code in codes if code in page.content()]


def test_who_may_not_see_numbers_reads_the_story_without_one(
    make_context: Callable[..., BrowserContext], live_server: Any, story: list[str]
) -> None:
    viewer = get_user_model().objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_otpsession"))
    page = open_as(make_context(), viewer, live_server)
    read_story(page, story[0])
    assert "+9715*****67" in page.content()
    assert NUMBER not in page.content()
