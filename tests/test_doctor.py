"""What the doctor finds: one finding for each thing that can be wrong, and none that cries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache.backends.locmem import LocMemCache
from django.db import OperationalError, connection
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.models import OTPSession
from django_d7verify.services import Finding, doctor

from .conftest import API_TOKEN, NUMBER, make_d7_settings
from .contract.wires import make_gateway_settings
from .stories.server import serve_site

pytestmark = pytest.mark.django_db

SECRET = "0123456789abcdef"
CACHES = "django.core.cache.backends"


def find(subject: str, findings: Any = None) -> Finding:
    """The one finding on *subject*."""
    found = [*(services.examine() if findings is None else findings)]
    (one,) = [finding for finding in found if finding.subject == subject]
    for secret in (API_TOKEN, SECRET, NUMBER[1:]):
        assert secret not in one.text
    return one


def test_a_site_in_which_all_is_well_gets_ok_throughout(settings: Any, d7: Emulator):
    settings.SILENCED_SYSTEM_CHECKS = [f"d7verify.W00{number}" for number in range(1, 10)]
    subjects = {finding.subject: finding.level for finding in services.examine()}
    assert subjects.pop("reports default", "warn") == "warn"
    assert subjects == {
        "settings": "ok",
        "gateway default": "ok",
        "cache default": "ok",
        "clock": "ok",
    }


def test_what_the_system_checks_say_is_said_with_its_id(settings: Any, d7: Emulator):
    settings.D7VERIFY = {**settings.D7VERIFY, "HOME_COUNTRIES": []}
    found = [finding for finding in services.examine() if finding.subject == "settings"]
    assert {finding.level for finding in found} == {"warn"}
    assert any(finding.text.startswith("d7verify.W005: ") for finding in found)
    settings.SILENCED_SYSTEM_CHECKS = ["d7verify.W005"]
    found = [finding for finding in services.examine() if finding.subject == "settings"]
    assert not any("W005" in finding.text for finding in found)


@pytest.mark.parametrize("wrong", [{"MAX_ATEMPTS": 1}, {"MAX_ATTEMPTS": 0}, None], ids=repr)
def test_with_errors_in_the_settings_nothing_else_is_looked_at(
    settings: Any, d7: Emulator, wrong: Any
):
    settings.D7VERIFY = wrong and {**settings.D7VERIFY, **wrong}
    found = [*services.examine(send_to=NUMBER)]
    assert {finding.subject for finding in found} == {"settings"}
    assert "fail" in {finding.level for finding in found}
    assert d7.calls() == []


def test_an_account_that_is_well_shows_its_balance(d7: Emulator):
    finding = find("gateway default")
    assert finding.level == "ok"
    assert "balance is 99.9999999" in finding.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unauthorized", "does not take the credentials"),
        ("forbidden", "does not take the credentials"),
        ("refuse", "cannot be reached from here"),
        ("too_many", "cannot be reached from here"),
        ("server_error", "did not answer as it should"),
        ("not_json", "did not answer as it should"),
    ],
)
def test_an_account_that_is_not_well_is_told_kindly(d7: Emulator, fault: str, words: str):
    d7.add_fault(fault, **({"seconds": 60} if fault == "refuse" else {}))
    finding = doctor.check_account("default")
    d7.stop_refusing()
    assert finding.level == "fail"
    assert words in finding.text


def test_an_account_without_money_fails(settings: Any, emulator: Emulator):
    poor = make_d7_settings(emulator, api_token="poor-token")
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": poor}}
    finding = find("gateway default")
    assert (finding.level, finding.text) == ("fail", "Nothing is left on the account: 0.0.")


def test_one_account_that_fails_does_not_hide_the_others(settings: Any, emulator: Emulator):
    bad = make_d7_settings(emulator, api_token="bad-token")
    good = make_d7_settings(emulator)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": bad, "other": good}}
    assert find("gateway default").level == "fail"
    assert find("gateway other").level == "ok"


def test_a_provider_that_tells_no_balance_is_no_fault(settings: Any, emulator: Emulator):
    sms = make_gateway_settings("MessengerSMSGateway", emulator)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": sms}}
    finding = find("gateway default")
    assert finding.level == "ok"
    assert "only a code tries" in finding.text
    assert emulator.messages() == []


class LosingCache(LocMemCache):
    """It says that it keeps, and does not."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return default


class DeadCache(LocMemCache):
    """Its server is gone."""

    def set(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError("redis://:password@127.0.0.1")


@pytest.mark.parametrize(
    ("backend", "level", "words"),
    [
        (f"{CACHES}.locmem.LocMemCache", "ok", "counts"),
        (f"{CACHES}.dummy.DummyCache", "fail", "does not keep"),
        (f"{__name__}.LosingCache", "fail", "does not keep"),
        (f"{__name__}.DeadCache", "fail", "ConnectionRefusedError"),
    ],
)
def test_the_cache_of_the_edge_is_written_read_and_counted_in(
    settings: Any, backend: str, level: str, words: str
):
    settings.CACHES = {"edge": {"BACKEND": backend}, "default": {"BACKEND": "nowhere.Cache"}}
    settings.RATELIMIT_USE_CACHE = "edge"
    finding = doctor.check_cache()
    assert (finding.subject, finding.level) == ("cache edge", level)
    assert words in finding.text
    assert "password" not in finding.text


def test_the_cache_is_left_as_it_was(settings: Any):
    from django.core.cache import cache

    doctor.check_cache()
    assert cache._cache == {}


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, "ok"), (5, "warn"), (-5, "warn"), (40, "fail"), (-40, "fail")]
)
def test_a_clock_that_is_not_the_databases_is_noticed(ahead: int, level: str):
    with time_machine.travel(timezone.now() + timedelta(seconds=ahead)):
        finding = doctor.check_clock()
    assert finding.level == level
    assert (f"{-ahead:+d}." in finding.text) or not ahead


def test_a_database_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> Any:
        raise OperationalError("gone away")

    monkeypatch.setattr(connection, "cursor", fail)
    finding = doctor.check_clock()
    assert (finding.level, finding.text) == ("fail", "The database fails: gone away")


def test_a_database_whose_clock_cannot_be_asked_is_no_fault(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "vendor", "oracle")
    assert doctor.check_clock().level == "ok"


@pytest.fixture(params=["MessengerSMSGateway", "D7MessagesGateway"])
def reporting(settings: Any, emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A site on a real socket, whose provider calls it by GET, or by POST."""
    with serve_site() as server:
        settings.D7VERIFY = {
            **settings.D7VERIFY,
            "GATEWAYS": {"default": make_gateway_settings(request.param, emulator)},
            "REPORT_URL": f"{server.url}/otp/reports/",
            "REPORT_SECRETS": [SECRET],
        }
        yield settings


@pytest.mark.django_db(transaction=True)
def test_a_report_url_that_leads_here_is_well(reporting: Any):
    assert find("reports default").level == "ok"


@pytest.mark.django_db(transaction=True)
def test_a_report_url_that_leads_elsewhere_fails(reporting: Any):
    url = reporting.D7VERIFY["REPORT_URL"].replace("reports", "elsewhere")
    reporting.D7VERIFY = {**reporting.D7VERIFY, "REPORT_URL": url}
    finding = find("reports default")
    assert finding.level == "fail"
    assert "answers 404 in place of 405" in finding.text


def test_a_report_url_that_does_not_answer_is_a_warning(settings: Any, d7: Emulator):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "GATEWAYS": {"default": make_gateway_settings("D7MessagesGateway", d7)},
        "REPORT_URL": "http://127.0.0.1:1/otp/reports/",
        "REPORT_SECRETS": [SECRET],
    }
    finding = find("reports default")
    assert finding.level == "warn"
    assert "does not answer from here" in finding.text


def test_no_report_url_is_a_warning_where_the_provider_reports(settings: Any, d7: Emulator):
    sms = make_gateway_settings("D7MessagesGateway", d7)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": sms}}
    finding = find("reports default")
    assert finding.level == "warn"
    assert "REPORT_URL" in finding.text


def test_a_gateway_without_reports_is_not_spoken_of():
    assert not [finding for finding in services.examine() if "reports" in finding.subject]


def test_a_message_is_sent_only_where_it_is_asked_for(d7: Emulator):
    assert not [finding for finding in services.examine() if finding.subject == "test message"]
    assert d7.messages() == []
    finding = find("test message", services.examine(send_to=NUMBER))
    assert finding.level == "ok"
    assert str(OTPSession.objects.get().otp_id) in finding.text
    assert len(d7.messages(NUMBER)) == 1


def test_a_message_that_could_not_be_sent_is_a_finding(d7: Emulator):
    d7.add_fault("no_credit", "/verify/v1/otp/send-otp")
    assert find("test message", services.examine(send_to=NUMBER)).level == "fail"
    assert find("test message", services.examine(send_to="phone")).level == "fail"
