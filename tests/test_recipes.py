"""The README's recipes, run as they stand there."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest

from django_d7verify import services, signals
from django_d7verify.exceptions import GatewayRefused, Throttled
from django_d7verify.gateways import locmem

from .conftest import NUMBER
from .test_readme import read_block
from .test_signals import SIGNALS

pytestmark = pytest.mark.django_db

OTHER = "+971501234568"


@pytest.fixture
def metrics() -> Any:
    """The recipe, connected for the time of one test."""
    names: dict[str, Any] = {}
    before = {name: list(signal.receivers) for name, signal in SIGNALS.items()}
    exec(read_block("prometheus"), names)  # noqa: S102 - the README's own
    yield names
    REGISTRY.unregister(names["TOTAL"])
    for name, signal in SIGNALS.items():
        signal.receivers = before[name]
        signal.sender_receivers_cache.clear()


def read(step: str, purpose: str = "verify", gateway: str = "") -> float | None:
    labels = {"step": step, "purpose": purpose, "gateway": gateway}
    return REGISTRY.get_sample_value("d7verify_steps_total", labels)


def test_the_metrics_recipe_counts_what_happens(metrics: Any, settings: Any):
    otp_id = services.send_otp(NUMBER).otp_id
    code = str(locmem.outbox[-1].code)
    for variant in (1, 2):
        services.verify_otp(otp_id, str((int(code) + variant) % 10**6).zfill(6))
    with pytest.raises(Throttled):
        services.send_otp(NUMBER, purpose="login")
    assert services.verify_otp(otp_id, code).approved
    refusing = {"BACKEND": "tests.stories.gateways.RefusingGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": refusing}}
    with pytest.raises(GatewayRefused):
        services.send_otp(OTHER)
    assert read("otp_sent", gateway="default") == 1
    assert read("otp_send_failed", gateway="default") == 1
    assert read("otp_attempt_failed") == 2
    assert read("otp_approved") == 1
    assert read("otp_refused", purpose="login") == 1
    assert NUMBER[4:].encode() not in generate_latest(REGISTRY)


def test_the_metrics_recipe_names_signals_that_there_are(metrics: Any):
    assert set(metrics["STEPS"]) <= set(vars(signals))


def test_the_log_recipe_writes_a_line_of_json_with_the_stable_words(caplog: Any):
    names: dict[str, Any] = {}
    exec(read_block("json"), names)  # noqa: S102 - the README's own
    caplog.set_level(logging.INFO, logger="django_d7verify")
    otp_id = services.send_otp(NUMBER).otp_id
    lines = [names["JSONFormatter"]().format(record) for record in caplog.records]
    assert [json.loads(line) for line in lines] == [
        {
            "level": "INFO",
            "message": "Code sent to +9715*****67 through default.",
            "event": "otp_sent",
            "otp_id": otp_id,
            "purpose": "verify",
            "recipient": "+9715*****67",
            "gateway": "default",
        }
    ]


@pytest.mark.parametrize("name", ["json", "prometheus"])
def test_a_recipe_is_short(name: str):
    lines = [line for line in read_block(name).splitlines() if line and "import" not in line]
    assert len(lines) <= 10
