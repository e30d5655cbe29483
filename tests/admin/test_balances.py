"""The balances: asked for by a button, and never an error page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from django_d7verify.emulator import Emulator

from .conftest import StaffFactory
from .pages import BALANCES, read

pytestmark = pytest.mark.django_db(transaction=True)

D7 = "django_d7verify.gateways.d7.D7VerifyGateway"
LOCMEM = "django_d7verify.gateways.locmem.LocMemGateway"


@pytest.fixture(autouse=True)
def sites_gateways(settings: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"api_token": "t" * 20, "originator": "A", "api_url": emulator.url}
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {
            "default": {"BACKEND": LOCMEM},
            "paid": {"BACKEND": D7, "OPTIONS": options},
            "down": {"BACKEND": D7, "OPTIONS": {**options, "api_url": "http://127.0.0.1:1"}},
            "refused": {"BACKEND": D7, "OPTIONS": {**options, "api_token": "bad-token"}},
            "wrong": {"BACKEND": "no.such.Gateway"},
        },
    }


def test_no_provider_is_asked_before_the_button_is_pressed(
    staff: Client, emulator: Emulator
) -> None:
    assert "Ask the providers" in read(staff, BALANCES)
    assert emulator.calls() == []


def test_each_answer_is_shown_whatever_the_others_said(staff: Client) -> None:
    answer = staff.post(BALANCES)
    content = answer.content.decode()
    assert answer.status_code == 200
    assert content.count("No answer") == 3
    assert "its provider does not tell" in content
    assert "no connection to the provider" in content
    assert content.count("settings are wrong, or the credentials are refused") == 2


def test_balances_are_for_who_may_see_them(make_staff: StaffFactory, emulator: Emulator) -> None:
    viewer = make_staff("view_otpsession", "view_statistics")
    assert viewer.get(BALANCES).status_code == 403
    assert viewer.post(BALANCES).status_code == 403
    assert emulator.calls() == []
