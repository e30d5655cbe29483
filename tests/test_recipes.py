"""The README's blocks outside the guide, each run as it stands there, and the API of its table."""

from __future__ import annotations

import ast
import json
import logging
import re
import sys
import threading
import types
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import time_machine
from django.contrib.auth import get_user_model
from django.core import checks
from django.test import Client
from django.urls import include, path, resolve
from django.utils import timezone
from prometheus_client import REGISTRY, generate_latest
from rest_framework.views import APIView

from django_d7verify import services, signals
from django_d7verify.exceptions import (
    GatewayRefused,
    GatewayUncertain,
    SessionClosed,
    Throttled,
)
from django_d7verify.gateways import locmem
from django_d7verify.webhooks import receive_report

from .conftest import NUMBER, set_d7verify
from .guide import SECTION
from .logging_in import deliver, make_user
from .readme import BLOCKS, README, ROOT, read_block, read_table, read_words
from .test_signals import SIGNALS

pytest_plugins = ["django_d7verify.testing"]
pytestmark = pytest.mark.django_db

OTHER = "+971501234568"


def run_block(name: str, **names: Any) -> dict[str, Any]:
    """Run a block over *names*, and answer what it leaves."""
    exec(compile(read_block(name), "README.md", "exec"), names)  # noqa: S102 - the README's own
    return names


def find_read() -> set[str]:
    """The names of all blocks that a test reads."""
    readers = {"read_block", "run_block", "run_block_slowly"}
    return {
        str(node.args[0].value)
        for source in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in readers
        if isinstance(node.args[0], ast.Constant)
    }


def test_every_block_is_run_by_a_test_or_by_the_guide():
    named = {block.name for block in BLOCKS if block.section != SECTION}
    shell = {block.name for block in BLOCKS if block.language == "sh"}
    assert "" not in named, "A block needs a mark, <!-- tested: name -->, and a test that runs it."
    # Those of a shell by test_instructions, line by line.
    assert named - shell <= find_read()
    assert {block.name for block in BLOCKS if block.section == SECTION} == {""}


def test_no_block_is_overlooked():
    assert len(re.findall(r"^\s*(?:```|~~~)", README, re.MULTILINE)) == 2 * len(BLOCKS)
    assert README.count("<!--") == len([block for block in BLOCKS if block.name])
    assert {block.language for block in BLOCKS} == {"sh", "python", "text", "html"}


# The API.


def read_answer(cell: str) -> tuple[int, dict[str, Any]]:
    """A status and fields, with their values or, where none is said, with ``...``."""
    fields = re.findall(r'"(\w+)"(?:: ("[^"]*"|\d+))?', read_words(cell)[0])
    return int(cell[:3]), {name: json.loads(value) if value else ... for name, value in fields}


def assert_answers(cell: str, answer: Any) -> dict[str, Any]:
    status, fields = read_answer(cell)
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, cell
    assert list(body) == list(fields)
    assert {name: body[name] for name, value in fields.items() if value is not ...} == {
        name: value for name, value in fields.items() if value is not ...
    }
    return body


def test_the_api_answers_as_its_table_says(client: Client, settings: Any):
    settings.AUTHENTICATION_BACKENDS = ["django_d7verify.backends.PhoneOTPBackend"]
    set_d7verify(settings, SIGN_UP=True, DISPATCHER="tests.logging_in.HeldDispatcher")
    cells = {read_words(call)[0]: answer for call, _body, answer in read_table("Call")}
    left = set(cells)

    def call(name: str, **body: str) -> Any:
        left.discard(name)
        method, _, url = name.replace("<otp_id>", body.get("otp_id", "")).partition(" ")
        send = client.get if method == "GET" else client.post
        return send(f"/api/otp/{url}", body)

    with time_machine.travel(timezone.now(), tick=False) as clock:
        otp_id = assert_answers(cells["POST send/"], call("POST send/", recipient=NUMBER))["otp_id"]
        clock.shift(timedelta(seconds=60))
        resent = call("POST resend/", otp_id=otp_id)
        assert resent.status_code == read_answer(cells["POST resend/"])[0]
        assert resent.json() == {
            **read_answer(cells["POST send/"])[1],
            "otp_id": otp_id,
            "resend_count": 1,
        }
        assert_answers(cells["GET <otp_id>/"], call("GET <otp_id>/", otp_id=otp_id))
        deliver()
        code = str(locmem.outbox[-1].code)
        verified = call("POST verify/", otp_id=otp_id, otp_code=code)
        assert_answers(cells["POST verify/"], verified)
        again = call("POST cancel/", otp_id=otp_id)
        assert (again.status_code, again.json()["status"]) == (200, "APPROVED")
        otp_id = client.post("/api/otp/send/", {"recipient": OTHER}).json()["otp_id"]
        assert_answers(cells["POST cancel/"], call("POST cancel/", otp_id=otp_id))
        clock.shift(timedelta(seconds=60))
        sent = call("POST login/send/", recipient=OTHER)
        assert sent.status_code == read_answer(cells["POST login/send/"])[0]
        assert list(sent.json()) == list(read_answer(cells["POST send/"])[1])
        deliver()
        otp_id, code = sent.json()["otp_id"], str(locmem.outbox[-1].code)
        logged_in = call("POST login/verify/", otp_id=otp_id, otp_code=code)
        status, fields = read_answer(cells["POST login/verify/"])
        assert logged_in.status_code == status
        [session] = [row for row in read_table("Strategy") if "SessionStrategy" in row[0]]
        assert list(logged_in.json()) == [*fields, read_words(session[1])[0]]
    assert not left


# Python.


def run_block_slowly(name: str, **names: Any) -> dict[str, Any]:
    """Run a block a statement a minute, as its codes are sent no sooner."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for statement in ast.parse(read_block(name)).body:
            exec(compile(ast.Module([statement], []), "README.md", "exec"), names)  # noqa: S102 - as above
            clock.shift(timedelta(seconds=60))
            if locmem.outbox:
                names["code"] = str(locmem.outbox[-1].code)
    return names


@pytest.mark.django_db(transaction=True)
def test_the_services_in_their_order_send_verify_and_prove(settings: Any):
    until = timezone.now().date() + timedelta(days=2)
    set_d7verify(settings, TEST_NUMBERS={NUMBER: {"CODE": "123456", "UNTIL": until}})
    assert read_block("services").count("services.") == 7
    names = run_block_slowly("services")
    assert names["result"].approved
    assert names["otp"].recipient == NUMBER
    with pytest.raises(SessionClosed):
        services.consume_verification_token(names["token"], purpose="verify")


def prove(number: str, **options: Any) -> str:
    """A session of *number* that is approved; answers its proof."""
    otp_id = services.send_otp(number, **options).otp_id
    result = services.verify_otp(otp_id, str(locmem.outbox[-1].code))
    return services.make_verification_token(result.otp)


def test_a_view_of_the_site_uses_a_proof_up_once():
    save_phone = run_block("proof", services=services)["save_phone"]
    request = SimpleNamespace(
        POST={"verification_token": prove(NUMBER)}, user=SimpleNamespace(profile=SimpleNamespace())
    )
    save_phone(request)
    assert request.user.profile.phone == NUMBER
    with pytest.raises(SessionClosed):
        save_phone(request)


def test_a_number_is_changed_in_code():
    user = make_user(NUMBER)
    run_block_slowly("change", services=services, request=SimpleNamespace(user=user))
    assert [row.number for row in user.d7verify_numbers.all()] == ["+971507654321"]


def test_a_view_of_the_api_asks_for_a_second_factor(rf: Any):
    view = run_block("permission", APIView=APIView)["PayoutView"]()
    [permission] = view.get_permissions()
    user = make_user(NUMBER)
    request = rf.post("/payout/")
    request.user = user
    assert not permission.has_permission(request, view)
    otp = services.send_second_factor_otp(user)
    services.verify_otp(otp.otp_id, str(locmem.outbox[-1].code), purpose="second_factor")
    assert permission.has_permission(request, view)
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert not permission.has_permission(request, view)


class Profile(SimpleNamespace):
    """A row of the site's own, with a number on it."""

    def save(self) -> None:
        """Nothing to write."""


def test_numbers_are_kept_elsewhere(monkeypatch: pytest.MonkeyPatch, settings: Any):
    user = get_user_model().objects.create(username="somebody")
    user.profile = Profile(phone="")
    known = SimpleNamespace(filter=lambda profile__phone: SimpleNamespace(
        first=lambda: user if user.profile.phone == profile__phone else None
    ))  # fmt: skip
    module = types.ModuleType("readme_stores")
    vars(module).update(run_block("store", User=SimpleNamespace(objects=known)))
    monkeypatch.setitem(sys.modules, "readme_stores", module)
    set_d7verify(settings, PHONE_STORE="readme_stores.ProfileStore")
    otp = services.send_number_otp(NUMBER, user=user)
    services.verify_otp(otp.otp_id, str(locmem.outbox[-1].code))
    services.bind_number(otp, user=user)
    assert user.profile.phone == NUMBER
    store = module.ProfileStore()
    assert store.find_user(NUMBER) == user
    services.reset_numbers(user, by=None)
    assert user.profile.phone == ""


def test_a_sites_own_test_reads_the_code(client: Client, db: None, d7verify_outbox: Any):
    names = run_block("fixture")
    names["test_phone"](client, db, d7verify_outbox)
    assert names["pytest_plugins"] == pytest_plugins


def test_a_page_is_extended_by_a_template_of_its_own_name(
    client: Client, settings: Any, tmp_path: Path
):
    (tmp_path / "d7verify").mkdir()
    (tmp_path / "d7verify/number.html").write_text(read_block("template"))
    [templates] = settings.TEMPLATES
    settings.TEMPLATES = [{**templates, "DIRS": [tmp_path]}]
    page = client.get("/login/").content.decode()
    assert '<p><a href="/help/">Help</a></p>' in page
    assert 'name="recipient"' in page


def test_delivery_reports_are_taken_at_the_address_that_is_said(settings: Any):
    urls = run_block("report urls", urlpatterns=[], path=path, include=include)["urlpatterns"]
    names = run_block("report settings", D7VERIFY={**settings.D7VERIFY})
    settings.D7VERIFY = names["D7VERIFY"]
    settings.ROOT_URLCONF = types.ModuleType("readme_urls")
    settings.ROOT_URLCONF.urlpatterns = urls
    address = f"{settings.D7VERIFY['REPORT_URL']}default/{settings.D7VERIFY['REPORT_SECRETS'][0]}/"
    assert resolve(address.removeprefix("https://www.example.com")).func == receive_report
    said = checks.run_checks(tags=["security"], include_deployment_checks=True)
    assert not {message.id for message in said} & {
        "d7verify.E003",
        "d7verify.W002",
        "d7verify.W010",
    }


def test_the_emulator_runs_in_a_test():
    text = read_block("emulator")
    assert text.count("    ...  # api_url is emulator.url\n") == 1

    def send(url: str) -> None:
        body = {"recipient": NUMBER, "content": "{}", "originator": "SignOTP"}
        bearer = {"Authorization": "Bearer any-token-will-do"}
        sent = requests.post(f"{url}/verify/v1/otp/send-otp", json=body, headers=bearer, timeout=15)
        assert sent.status_code == 200, sent.text

    names: dict[str, Any] = {"send": send}
    exec(text.replace("...  #", "send(emulator.url)  #"), names)  # noqa: S102 - the README's own
    assert re.fullmatch(r"\d{6}", str(names["code"]))


# A gateway.


class Box(BaseHTTPRequestHandler):
    """The SMS box of the README's example: keeps what it is given."""

    texts: list[dict[str, str]] = []
    status = 202

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.texts.append(body)
        answer = json.dumps({"id": "box-1"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def box(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Box]]:
    module = types.ModuleType("readme_gateway")
    vars(module).update(run_block("gateway", __name__="readme_gateway"))
    monkeypatch.setitem(sys.modules, "readme_gateway", module)
    monkeypatch.setattr(Box, "texts", [])
    with HTTPServer(("127.0.0.1", 0), Box) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        options = {"api_token": "box-token", "api_url": f"http://127.0.0.1:{server.server_port}/"}
        gateway = {"BACKEND": "readme_gateway.BoxGateway", "OPTIONS": options}
        settings.D7VERIFY = {"GATEWAYS": {"default": gateway}}
        yield Box
        server.shutdown()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_gateway_of_the_readme_sends_codes_that_verify(box: type[Box]):
    otp = services.send_otp(NUMBER)
    [sent] = box.texts
    assert sent["to"] == NUMBER
    [code] = re.findall(r"\d{6}", sent["text"])
    assert services.verify_otp(otp.otp_id, code).approved


@pytest.mark.django_db(transaction=True)
def test_the_gateway_of_the_readme_sorts_its_errors(
    box: type[Box], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(box, "status", 400)
    with pytest.raises(GatewayRefused):
        services.send_otp(NUMBER)
    monkeypatch.setattr(box, "status", 500)
    with pytest.raises(GatewayUncertain):
        services.send_otp(NUMBER)


# Metrics and logs.


@pytest.fixture
def metrics() -> Any:
    """The recipe, connected for the time of one test."""
    before = {name: list(signal.receivers) for name, signal in SIGNALS.items()}
    names = run_block("prometheus")
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
    names = run_block("json")
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
