"""The pages as a person at Chromium has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from django_d7verify.models import OTPSession, Pin, Recipient
from django_d7verify.words import Delivery
from tests.conftest import NUMBER
from tests.stories.site import make_wrong
from tests.web.people import codes

from .steps import ask_for_code, code_field, expect, newest_code, number_field, sign_in_as

pytestmark = pytest.mark.django_db(transaction=True)

STUB_WEB_OTP = """
  window.asked = [];
  navigator.credentials.get = (options) => new Promise((resolve, reject) => {
    window.asked.push(JSON.stringify(options.otp));
    window.deliverCode = (code) => resolve({ code });
    options.signal.addEventListener("abort", () => {
      sessionStorage.aborted = "yes";
      reject(new DOMException("", "AbortError"));
    });
  });
"""


def forget_wait() -> None:
    """The 60 seconds have passed for the server; the browser's clock is moved by the test."""
    Recipient.objects.update(next_send=0)


def test_a_person_signs_in(page: Page):
    ask_for_code(page)
    expect(code_field(page)).to_be_focused()
    code_field(page).fill(newest_code())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_a_wrong_code_is_announced_and_can_be_typed_over(page: Page):
    ask_for_code(page)
    code_field(page).fill(make_wrong(newest_code()))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the right code. 4 tries left.")
    expect(page).to_have_title("Error: Enter the code")
    expect(code_field(page)).to_be_focused()
    expect(code_field(page)).to_have_attribute("aria-invalid", "true")
    expect(code_field(page)).to_have_accessible_description(
        "That is not the right code. 4 tries left."
    )
    page.keyboard.type(newest_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_another_code_can_be_asked_for_when_the_countdown_ends(page: Page):
    page.clock.install()
    ask_for_code(page)
    again = page.get_by_role("button", name="Send another code")
    expect(again).to_be_disabled()
    expect(page.get_by_text("You can ask for another code in 1:00.")).to_be_visible()
    page.clock.run_for(30_000)
    expect(page.get_by_text("You can ask for another code in 0:30.")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("")
    page.clock.run_for(31_000)
    expect(again).to_be_enabled()
    expect(page.get_by_role("status")).to_have_text("You can ask for another code now.")
    forget_wait()
    again.click()
    expect(page.get_by_text("Another code is on its way.")).to_be_visible()
    expect(again).to_be_disabled()
    assert len(codes()) == 2


def test_the_countdown_is_by_the_clock_though_timers_are_held_back(page: Page):
    page.clock.install()
    ask_for_code(page)
    page.clock.fast_forward(61_000)
    expect(page.get_by_role("button", name="Send another code")).to_be_enabled()


@pytest.mark.parametrize(
    "make_text",
    [
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f" {code[:3]}-{code[3:]}\n",
        lambda code: f"Your verification code is {code}\n\n@example.com #{code}",
        lambda code: "".join(chr(0x660 + int(digit)) for digit in code),
        lambda code: f"\u200f{code}\u200e",
    ],
    ids=["blank", "hyphen", "message", "arabic", "marks"],
)
def test_what_is_pasted_becomes_the_code(page: Page, make_text: Callable[[str], str]):
    ask_for_code(page)
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text", text);
          document.activeElement.dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        make_text(newest_code()),
    )
    expect(code_field(page)).to_have_value(newest_code())


def test_arabic_digits_are_typed_as_digits(page: Page):
    ask_for_code(page)
    page.keyboard.insert_text("".join(chr(0x660 + int(digit)) for digit in newest_code()))
    expect(code_field(page)).to_have_value(newest_code())


def test_the_code_of_a_message_is_filled_in_and_sent(page: Page):
    page.add_init_script(STUB_WEB_OTP)
    ask_for_code(page)
    assert page.evaluate("window.asked") == ['{"transport":["sms"]}']
    page.evaluate("code => window.deliverCode(code)", newest_code())
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_no_message_is_waited_for_once_a_code_is_sent(page: Page):
    page.add_init_script(STUB_WEB_OTP)
    ask_for_code(page)
    code_field(page).fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("sessionStorage.aborted") == "yes"


def test_a_form_is_sent_once_however_often_its_button_is_pressed(page: Page):
    ask_for_code(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    code_field(page).fill("000000")
    page.get_by_role("button", name="Sign in").dblclick()
    expect(page.get_by_role("alert")).to_be_visible()
    assert sent.count("POST") == 1
    assert OTPSession.objects.get().attempts == 1


def test_forms_of_the_sites_own_are_let_alone(page: Page):
    ask_for_code(page)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", "<form><button>x</button></form><form>");
            for (const form of [...document.forms].slice(-2))
                form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
        }"""
    )
    assert not errors
    assert page.locator("body > form [aria-busy]").count() == 0


def test_back_leads_to_the_number_and_forward_to_the_code_again(page: Page):
    ask_for_code(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(number_field(page)).to_have_value("")
    page.get_by_role("link", name="I have a code already").click()
    code_field(page).fill(newest_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_a_second_tab_is_answered_kindly(page: Page):
    ask_for_code(page)
    other = page.context.new_page()
    other.goto("/login/code/")
    for tab in (page, other):
        code_field(tab).fill(newest_code())
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_the_pages_work_without_scripts(make_context: Callable[..., BrowserContext]):
    page = make_context(java_script_enabled=False).new_page()
    ask_for_code(page)
    expect(page.get_by_text("You can ask for another code in 60 seconds.")).to_be_visible()
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_role("alert")).to_contain_text("Try again in")
    assert len(codes()) == 1
    forget_wait()
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_text("Another code is on its way.")).to_be_visible()
    code_field(page).fill(f"{newest_code()[:3]} {newest_code()[3:]}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_the_keyboard_alone_is_enough(page: Page):
    page.clock.install()
    page.goto("/login/")
    page.keyboard.type(NUMBER)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send the code")).to_be_focused()
    page.keyboard.press("Enter")
    expect(code_field(page)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Use another number")).to_be_focused()
    page.clock.run_for(61_000)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Send another code")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_message_is_followed_once_the_person_is_known(
    make_context: Callable[..., BrowserContext], live_server: Any, owner: Any
):
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    context = make_context()
    sign_in_as(context, client, live_server.url)
    page = context.new_page()
    page.clock.install()
    page.goto("/pages/lately/")
    page.get_by_role("button", name="Send the code").click()
    expect(code_field(page)).to_be_visible()
    Pin.objects.update(delivery=Delivery.DELIVERED, delivery_at=timezone.now())
    page.clock.run_for(3_500)
    expect(page.get_by_text("Delivered", exact=False).first).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Delivered")
    code_field(page).fill(newest_code())
    page.keyboard.press("Enter")
    expect(page.get_by_text("lately")).to_be_visible()
