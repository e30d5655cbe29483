"""What a person does at the pages, found as they find it: by labels and buttons."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import NUMBER
from tests.web.people import newest_code

__all__ = ["ask_for_code", "code_field", "expect", "newest_code", "number_field", "sign_in_as"]


def number_field(page: Page) -> Any:
    return page.get_by_label("Phone number")


def code_field(page: Page) -> Any:
    return page.get_by_label("Code", exact=True)


def ask_for_code(page: Page, number: str = NUMBER) -> None:
    page.goto("/login/")
    number_field(page).fill(number)
    page.get_by_role("button", name="Send the code").click()
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()


def sign_in_as(context: BrowserContext, client: Any, url: str) -> None:
    """Give *context* the session of a test client that is signed in."""
    value = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": url}])
