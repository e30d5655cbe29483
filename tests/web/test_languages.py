"""The pages in the reader's own language and direction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.site import make_wrong

from .people import NUMBER_PAGE, Browser, newest_code

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("language", "direction", "title", "attempts"),
    [
        ("en", "ltr", "Enter the code", "4 tries left."),
        ("et", "ltr", "Sisestage kood", "Jäänud on 4 katset."),
        ("ar", "rtl", "أدخل الرمز", "بقيت 4 محاولات."),
    ],
)
def test_pages_are_in_the_readers_language_and_direction(
    owner: Any, language: str, direction: str, title: str, attempts: str
):
    browser = Browser(**{"Accept-Language": language})
    page = browser.ask_for_code()
    assert f'<html lang="{language}" dir="{direction}">' in page.html
    assert page.title == title
    assert '<bdi class="d7v-number" dir="ltr">+9715*****67</bdi>' in page.html
    wrong = browser.submit(page, otp_code=make_wrong(newest_code()))
    assert wrong.problem.endswith(attempts)


def test_a_number_and_a_code_are_typed_from_left_to_right(owner: Any):
    browser = Browser(**{"Accept-Language": "ar"})
    for page in (browser.open(NUMBER_PAGE), browser.ask_for_code()):
        field = page.html[page.html.index("d7v-input") :]
        assert 'dir="ltr"' in field[: field.index(">")]


def test_a_language_that_is_not_shipped_is_the_sites_own(owner: Any):
    page = Browser(**{"Accept-Language": "tlh"}).open(NUMBER_PAGE)
    assert '<html lang="en" dir="ltr">' in page.html
