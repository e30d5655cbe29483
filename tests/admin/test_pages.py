"""What holds for every page: nothing inline, every language, no permission and no page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client, override_settings

import django_d7verify
from django_d7verify import services
from django_d7verify.admin.lists import STYLESHEET
from tests.conftest import NUMBER

from .conftest import StaffFactory
from .pages import BALANCES, BUDGETS, RECIPIENTS, SESSIONS, STATISTICS, get_story, read

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["list", "story", "statistics", "balances", "recipients", "budgets"])
def url(request: pytest.FixtureRequest) -> str:
    otp_id = services.send_otp(NUMBER).otp_id
    return {
        "list": SESSIONS,
        "story": get_story(otp_id),
        "statistics": STATISTICS,
        "balances": BALANCES,
        "recipients": RECIPIENTS,
        "budgets": BUDGETS,
    }[str(request.param)]


def test_no_page_has_a_style_or_a_script_in_it(staff: Client, url: str) -> None:
    content = read(staff, url)
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=", content)
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>", content)
    assert STYLESHEET in content


def test_pages_read_from_right_to_left_where_the_language_does(staff: Client, url: str) -> None:
    with override_settings(LANGUAGE_CODE="ar", USE_I18N=True):
        content = read(staff, url)
    assert 'dir="rtl"' in content


def test_numbers_in_charts_have_no_commas_of_a_language(staff: Client) -> None:
    services.send_otp(NUMBER)
    with override_settings(LANGUAGE_CODE="de", USE_I18N=True, USE_THOUSAND_SEPARATOR=True):
        content = read(staff, STATISTICS).partition('id="content-main"')[2].partition("</table>")[0]
    charts = "".join(re.findall(r"<svg.*?</svg>", content, re.DOTALL))
    places = re.findall(r'\b(?:x|y|width|height|x1|x2|y1|y2)="([^"]*)"', charts)
    assert places
    assert all(re.fullmatch(r"\d+(\.\d+)?", place) for place in places)


def test_staff_without_permissions_and_strangers_see_no_page(
    make_staff: StaffFactory, url: str
) -> None:
    assert make_staff().get(url).status_code == 403
    assert Client().get(url).status_code == 302


def test_the_stylesheet_has_only_directions_that_turn_with_the_language() -> None:
    text = (Path(django_d7verify.__file__).parent / "static" / STYLESHEET).read_text()
    fixed = r"\b(?:margin|padding|border|inset)-(?:left|right)\b|text-align: (?:left|right)"
    assert not re.findall(fixed, text)
