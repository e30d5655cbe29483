"""Codes, tokens and full numbers stay where they belong, whatever happens on the way."""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.db.models import QuerySet
from django.dispatch import Signal
from django.test import Client, RequestFactory
from django.views.debug import get_exception_reporter_class

from django_d7verify import services, signals
from django_d7verify.clients import d7_answers, http
from django_d7verify.conf import conf
from django_d7verify.edge import make_requester
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import ConfigurationError, D7VerifyError
from django_d7verify.gateways import get_gateway, locmem
from django_d7verify.models import Event, OTPSession, PhoneNumber, Pin, Recipient
from django_d7verify.phones import parse_phone
from django_d7verify.token_strategies import SimpleJWTStrategy

from .conftest import API_TOKEN, NUMBER, make_d7_settings
from .logging_in import make_user
from .stories.site import (
    RESEND_PATH,
    SEND_PATH,
    STARTED_AT,
    VERIFY_PATH,
    Api,
    Clocks,
    Phones,
    make_wrong,
)

pytestmark = pytest.mark.django_db

LANDLINE = "+97143331234"
#: Of a user, of nobody, and what a user changes theirs to.
KNOWN, UNKNOWN, NEW = "+971561230987", "+971561238765", "+971561236543"
NUMBERS = tuple(
    digits
    for number in (NUMBER, LANDLINE, KNOWN, UNKNOWN, NEW)
    for digits in (number[1:], number[4:])
)
FAULTS = {
    "refuse": {"seconds": 60},
    "too_many": {},
    "unauthorized": {},
    "forbidden": {},
    "no_credit": {},
    "invalid": {},
    "rejected": {},
    "reset": {},
    "stall": {},
    "cut_body": {},
    "server_error": {},
    "not_json": {},
    "redirect": {},
}


@dataclass
class World:
    """A site in which a story was told, and all that could be seen of it."""

    api: Api
    phones: Phones
    clocks: Clocks
    #: Codes that were typed, right and wrong.
    typed: set[str] = field(default_factory=set)
    #: What logins gave.
    issued: set[str] = field(default_factory=set)
    errors: list[BaseException] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def codes(self) -> set[str]:
        return {*self.phones.all_codes(), *self.typed}

    def verify(self, otp_id: str, code: str) -> None:
        self.typed.add(code)
        self.api.verify(otp_id, code)

    def log_in(self, otp_id: str, code: str) -> None:
        self.typed.add(code)
        answer = self.api.post("login/verify/", otp_id=otp_id, otp_code=code)
        self.issued |= {answer.body[name] for name in ("access", "refresh") if name in answer.body}

    def call(self, service: Any, *args: Any, **kwargs: Any) -> Any:
        """The service's result, which is kept like its error."""
        try:
            result = service(*args, **kwargs)
        except (D7VerifyError, ConfigurationError) as error:
            self.errors.append(error)
            return None
        self.results.append(result)
        return result


@pytest.fixture(params=["own", "provider-made"])
def world(
    request: pytest.FixtureRequest, settings: Any, emulator: Emulator, caplog: Any
) -> Iterator[World]:
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    makes_codes = request.param == "provider-made"
    # Ten digits, so that none of them is in a number or an id by chance.
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "CODE_LENGTH": 10,
        "SENDS_PER_HOUR": 1000,
        "SENDS_PER_DAY": 1000,
        "FAILURES_PER_HOUR": 100,
        "FAILURES_PER_DAY": 100,
        "BREAKER_FAILURES": 1000,
    }
    if makes_codes:
        gateway = make_d7_settings(emulator, read_timeout_seconds=0.6, total_timeout_seconds=1.2)
        settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    with time_machine.travel(STARTED_AT, tick=False) as ours:
        phones = Phones(emulator, makes_codes=makes_codes)
        yield World(Api(), phones, Clocks(ours, emulator))


@dataclass
class Traces:
    """What a story left behind, as texts."""

    codes: set[str]
    issued: set[str]
    words: set[str]
    kinds: set[str]
    signals: set[str]
    errors: list[BaseException]
    loggers: set[str]
    lines: list[str]
    rows: list[str]
    audit: list[str]
    cached: list[str]
    answers: list[str]
    sent: list[str]
    reprs: list[str]


#: By kind of code: a story takes a second or two, and is told once.
_told: dict[bool, Traces] = {}


@pytest.fixture
def told(world: World, emulator: Emulator, settings: Any, caplog: Any) -> Traces:
    """The whole story, with every error and fault on the way, and everything that was seen."""
    kind = world.phones.makes_codes
    if kind not in _told:
        disconnects = [listen(name, signal, world) for name, signal in find_signals()]
        tell_story(world)
        tell_logins(world, settings)
        if kind:
            tell_faults(world, emulator)
        else:
            tell_losses(world, settings)
        for disconnect in disconnects:
            disconnect()
        _told[kind] = gather(world, caplog.get_records("setup"))
    return _told[kind]


def gather(world: World, records: list[logging.LogRecord]) -> Traces:
    carried = [f"{name}={value!r}" for record in records for name, value in vars(record).items()]
    return Traces(
        codes=world.codes,
        issued=world.issued,
        words={str(answer.body.get("code")) for answer in world.api.answers},
        kinds=set(Event.objects.values_list("kind", flat=True)),
        signals={name for name, _ in world.sent},
        errors=world.errors,
        loggers={record.name for record in records},
        lines=[logging.Formatter().format(record) for record in records] + carried,
        rows=[
            f"{model.__name__}.{name}={value!r}"
            for model in apps.get_app_config("django_d7verify").get_models()
            for row in model._default_manager.values()
            for name, value in row.items()
        ],
        # The number beside which an event stands is a key, and no part of what is told.
        audit=[repr({**row, "recipient_id": ""}) for row in Event.objects.values()],
        cached=[f"{key} {pickle.loads(value)!r}" for key, value in cache._cache.items()],  # noqa: S301 - our own
        answers=[f"{answer.body} {dict(answer.headers)}" for answer in world.api.answers],
        sent=[
            f"{name}.{argument}: {text}"
            for name, arguments in world.sent
            for argument, value in arguments.items()
            for text in unfold(value)
        ],
        reprs=[text for value in find_objects(world) for text in (repr(value), show(value))],
    )


def find_objects(world: World) -> Iterator[Any]:
    """One of everything that a site, or a debugger in it, gets into its hands."""
    yield from (*world.results, *world.errors, *locmem.outbox)
    for model in (Recipient, OTPSession, Pin, Event, PhoneNumber):
        yield from model.objects.all()
    yield from (pin.make_binding() for pin in Pin.objects.select_related("session"))
    gateway = get_gateway("default")
    yield from (gateway, gateway.breaker, conf, conf.get_purpose("verify"), parse_phone(NUMBER))
    yield make_requester(RequestFactory().post("/", {"otp_code": "1"}))
    if world.phones.makes_codes:
        client = gateway.client
        yield from (client, client._token, client._transport, vars(client), vars(gateway))
        yield client.send_otp(recipient=NUMBER, originator="x", content="{}")


def show(value: Any) -> str:
    # A ``Secret`` is its value; all else is what it looks like.
    return "" if isinstance(value, str) else str(value)


def unfold(value: Any) -> list[str]:
    """Its ``repr``, and those of all that it is made of."""
    texts = [repr(value)]
    if is_dataclass(value):
        names = value.__dataclass_fields__
        texts += [f"{name}={getattr(value, name)!r}" for name in names]
    elif isinstance(value, BaseException):
        texts += [f"{link!r} {vars(link)!r}" for link in follow(value)]
    return texts


def follow(error: BaseException) -> Iterator[BaseException]:
    """*error* and all that it was raised from, shown or not."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [cause for cause in (link.__cause__, link.__context__) if cause]


def find_signals() -> list[tuple[str, Signal]]:
    return [(name, value) for name, value in vars(signals).items() if isinstance(value, Signal)]


def listen(name: str, signal: Signal, world: World) -> Any:
    def receive(sender: Any, signal: Signal, **arguments: Any) -> None:
        world.sent.append((name, arguments))

    signal.connect(receive)
    return lambda: signal.disconnect(receive)


def tell_story(world: World) -> None:
    api, phones, clocks = world.api, world.phones, world.clocks
    otp_id = api.send()["otp_id"]
    first = phones.newest_code()
    api.send()
    api.resend(otp_id)
    api.state(otp_id)
    world.verify(otp_id, make_wrong(first))
    world.verify(otp_id, first + "1")
    clocks.advance(60)
    api.resend(otp_id)
    world.verify(otp_id, first)
    world.verify(otp_id, phones.newest_code())
    token = api.answers[-1].body["verification_token"]
    world.verify(otp_id, phones.newest_code())
    world.call(services.consume_verification_token, token, purpose="login")
    world.call(services.consume_verification_token, token, purpose="verify")
    world.call(services.consume_verification_token, token, purpose="verify")

    clocks.advance(60)
    locked = world.call(services.send_otp, NUMBER)
    for variant in range(1, 7):
        code = make_wrong(phones.newest_code(), variant)
        world.typed.add(code)
        world.call(services.verify_otp, locked.otp_id, code)
    world.call(services.verify_otp, locked.otp_id, phones.newest_code())
    world.call(services.resend_otp, locked.otp_id)

    clocks.advance(60)
    cancelled = world.call(services.send_otp, NUMBER, purpose="login")
    world.call(services.resend_otp, cancelled.otp_id)
    world.call(services.send_otp, NUMBER)
    world.call(services.verify_otp, cancelled.otp_id, phones.newest_code(), purpose="verify")
    world.call(services.cancel_otp, cancelled.otp_id)
    world.call(services.get_otp, cancelled.otp_id)
    for recipient in (LANDLINE, NUMBER + "8", NUMBER + " ext. 5", f"tel:{NUMBER}", NUMBER + "\n"):
        api.send(recipient)
        world.call(services.send_otp, recipient)
    api.send(purpose="login")
    api.send(purpose=NUMBER)
    world.verify("8ae0340c-3b77-4664-a00e-1d78da109de2", phones.newest_code())
    api.post("verify/", otp_id=cancelled.otp_id, otp_code=int(phones.newest_code()))
    api.post("verify/", otp_id=phones.newest_code(), otp_code=otp_id)
    api.post("send/", recipient=int(NUMBER[1:]))


def tell_logins(world: World, settings: Any) -> None:
    given = settings.D7VERIFY
    settings.D7VERIFY = {
        **given,
        "DISPATCHER": "django_d7verify.testing.AtOnceDispatcher",
        "TOKEN_STRATEGY": "django_d7verify.token_strategies.SimpleJWTStrategy",
    }
    user = make_user(KNOWN)
    for number in (UNKNOWN, KNOWN):
        otp_id = world.api.post("login/send/", recipient=number)["otp_id"]
        world.api.post("login/send/", recipient=number)
        world.api.state(otp_id)
        whose = KNOWN if number == KNOWN else NUMBER
        world.log_in(otp_id, make_wrong(world.phones.newest_code(whose)))
        world.clocks.advance(60)
        world.api.resend(otp_id)
        world.log_in(otp_id, world.phones.newest_code(whose))
        world.log_in(otp_id, world.phones.newest_code(whose))
    world.clocks.advance(60)
    result = world.call(services.send_login_otp, KNOWN)
    world.call(services.verify_login, result.otp_id, world.phones.newest_code(KNOWN))
    proof = world.call(services.send_number_otp, NEW, user=user)
    world.call(services.verify_otp, proof.otp_id, world.phones.newest_code(NEW))
    world.call(services.bind_number, proof, user=user)
    world.call(services.bind_number, proof, user=user)
    world.clocks.advance(60)
    second = world.call(services.send_second_factor_otp, user)
    world.call(services.verify_otp, second.otp_id, world.phones.newest_code(NEW))
    taken = make_user(KNOWN)
    world.clocks.advance(60)
    proof = world.call(services.send_number_otp, NEW, user=taken)
    world.call(services.verify_otp, proof.otp_id, world.phones.newest_code(NEW))
    world.call(services.bind_number, proof, user=taken)
    world.call(services.reset_numbers, taken, by=user)
    world.call(services.send_second_factor_otp, taken)
    settings.D7VERIFY = {**given, "DISPATCHER": "tests.logging_in.FullDispatcher"}
    world.clocks.advance(60)
    world.call(services.send_login_otp, KNOWN)
    settings.D7VERIFY = given


def tell_faults(world: World, emulator: Emulator) -> None:
    for name, options in FAULTS.items():
        for path in (SEND_PATH, RESEND_PATH, VERIFY_PATH):
            world.clocks.advance(60)
            otp = world.call(services.send_otp, NUMBER) if path != SEND_PATH else None
            world.clocks.advance(60)
            code = world.phones.newest_code()
            emulator.add_fault(name, path, times=2, **options)
            if path == SEND_PATH:
                world.call(services.send_otp, NUMBER)
                world.api.send()
            elif path == RESEND_PATH:
                world.call(services.resend_otp, otp.otp_id)
                world.api.resend(otp.otp_id)
            else:
                world.typed.add(code)
                world.call(services.verify_otp, otp.otp_id, code)
                world.verify(otp.otp_id, code)
            emulator.stop_refusing()
            emulator.clear_faults()


def tell_losses(world: World, settings: Any) -> None:
    gateway = {"BACKEND": "tests.stories.gateways.LossyGateway", "OPTIONS": {"lost": range(99)}}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    for _ in range(2):
        world.clocks.advance(60)
        world.call(services.send_otp, NUMBER)
    world.clocks.advance(60)
    otp_id = world.api.send()["otp_id"]
    world.clocks.advance(60)
    world.api.resend(otp_id)
    world.verify(otp_id, world.phones.newest_code())


def find_leaks(texts: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Those of *texts* that hold any of *secrets*, with what they hold."""
    secrets = set(secrets)
    return [f"{secret} in {text[:300]}" for text in texts for secret in secrets if secret in text]


def test_the_story_has_every_kind_of_end_in_it(told: Traces, world: World):
    # So that the tests below search something.
    assert {"throttled", "invalid_code", "session_closed", "invalid_recipient"} <= told.words
    assert {"recipient_refused", "invalid_purpose", "gateway_uncertain"} <= told.words
    assert {"sent", "wrong_code", "approved", "locked", "cancelled", "consumed"} <= told.kinds
    assert {"pre_send", "otp_sent", "otp_approved", "otp_refused"} <= told.signals
    assert {"logged_in", "decoy", "bound", "unbound", "factor_reset"} <= told.kinds
    assert {"logged_in", "phone_changed", "numbers_reset"} <= told.signals
    assert {"number_taken", "no_number"} <= {getattr(one, "code", "") for one in told.errors}
    assert len(told.issued) == 2
    assert {"otp_attempt_failed", "otp_locked", "otp_cancelled", "otp_consumed"} <= told.signals
    assert "otp_send_failed" in told.signals
    assert {"django_d7verify", "django.request"} <= told.loggers
    if world.phones.makes_codes:
        assert {"gateway_refused", "gateway_unreachable"} <= told.words
        assert {"answer_lost", "not_compared", "not_sent", "send_uncertain"} <= told.kinds
        assert "urllib3.connectionpool" in told.loggers
    assert len(told.codes) > 10
    assert all(len(code) >= 10 for code in told.codes)
    assert len({type(error) for error in told.errors}) >= 4
    assert any("api_token" in text or "Binding" in text for text in told.reprs)
    assert min(len(told.rows), len(told.answers), len(told.cached) * 20) > 20


def test_no_log_line_holds_a_code_a_token_or_a_full_number(told: Traces):
    assert find_leaks(told.lines, {API_TOKEN, *told.codes, *NUMBERS}) == []


def test_no_exception_holds_a_code_a_token_or_a_full_number(told: Traces):
    texts = []
    for error in told.errors:
        texts.append("".join(traceback.format_exception(error)))
        for link in follow(error):
            texts += [repr(link), str(link), repr(link.args), repr(vars(link))]
    assert find_leaks(texts, {API_TOKEN, *told.codes, *NUMBERS}) == []


def test_no_error_of_the_provider_drags_its_request_along(told: Traces):
    # What ``requests`` raises holds the request, and the request the token and the code.
    for error in told.errors:
        packages = {type(link).__module__.partition(".")[0] for link in follow(error)}
        assert not packages & {"requests", "urllib3", "http", "socket", "json"}
        assert not any(hasattr(link, "request") for link in follow(error))


def test_no_row_holds_a_code_or_a_token(told: Traces):
    assert find_leaks(told.rows, {API_TOKEN, *told.codes}) == []


def test_no_row_of_the_audit_holds_a_full_number(told: Traces):
    assert find_leaks(told.audit, NUMBERS) == []


def test_the_cache_holds_neither_code_nor_token_nor_number(told: Traces):
    assert find_leaks(told.cached, {API_TOKEN, *told.codes, *NUMBERS}) == []


def test_no_answer_holds_a_code_a_token_or_a_full_number(told: Traces):
    assert find_leaks(told.answers, {API_TOKEN, *told.codes, *NUMBERS}) == []


def test_no_signal_carries_a_code_or_a_token(told: Traces):
    assert find_leaks(told.sent, {API_TOKEN, *told.codes}) == []


def test_what_a_login_gives_is_in_its_answer_and_nowhere_else(told: Traces):
    assert find_leaks(told.answers, told.issued)
    elsewhere = [*told.lines, *told.rows, *told.cached, *told.sent, *told.reprs]
    assert find_leaks(elsewhere, told.issued) == []


def test_no_repr_holds_a_code_a_token_or_a_full_number(told: Traces):
    assert find_leaks(told.reprs, {API_TOKEN, *told.codes, *NUMBERS}) == []


# Django's report of an error of ours, as it is mailed to the site's admins.


@pytest.fixture
def reports() -> Iterator[list[str]]:
    """The technical reports, as HTML and as text, of every error that leaves a view."""
    made: list[str] = []

    def report(sender: Any, request: Any, **_arguments: Any) -> None:
        reporter = get_exception_reporter_class(request)(request, *sys.exc_info())
        made.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    got_request_exception.connect(report)
    yield made
    got_request_exception.disconnect(report)


@pytest.fixture
def long_codes(settings: Any) -> None:
    """Ten digits, so that none of them is in a number or an id by chance."""
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10}


def post(path: str, *, as_form: bool, **body: str) -> int:
    client = Client(raise_request_exception=False)
    more = {} if as_form else {"content_type": "application/json"}
    return client.post(f"/api/otp/{path}", body, **more).status_code


def assert_reported_without(reports: list[str], secrets: Iterable[str], *, names: str) -> None:
    """Both reports are of the error at *names*, and hold none of *secrets*."""
    assert len(reports) == 2
    assert all(names in report for report in reports)
    assert find_leaks(reports, secrets) == []


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
def test_the_report_of_a_bug_in_send_holds_neither_code_nor_number(
    settings: Any, reports: list[str], as_form: bool
):
    gateway = {"BACKEND": "tests.stories.gateways.BrokenGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10, "GATEWAYS": {"default": gateway}}
    assert post("send/", as_form=as_form, recipient=NUMBER) == 500
    code = str(locmem.outbox[-1].code)
    assert_reported_without(reports, {code, *NUMBERS}, names="A bug in send.")


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
def test_the_report_of_a_bug_in_resend_holds_neither_code_nor_number(
    settings: Any, reports: list[str], as_form: bool
):
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10}
    otp_id = services.send_otp(NUMBER, now=STARTED_AT).otp_id
    OTPSession.objects.update(expires_at=STARTED_AT.replace(year=2100))
    gateway = {"BACKEND": "tests.stories.gateways.BrokenGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    with time_machine.travel(STARTED_AT.replace(hour=20), tick=False):
        assert post("resend/", as_form=as_form, otp_id=otp_id) == 500
    code = str(locmem.outbox[-1].code)
    assert_reported_without(reports, {code, *NUMBERS}, names="A bug in send.")


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
def test_the_report_of_a_bug_in_verify_holds_neither_code_nor_number(
    settings: Any, reports: list[str], as_form: bool
):
    gateway = {"BACKEND": "tests.stories.gateways.BrokenCheckGateway"}
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10, "GATEWAYS": {"default": gateway}}
    otp_id = services.send_otp(NUMBER).otp_id
    code = "1029384756"
    assert post("verify/", as_form=as_form, otp_id=otp_id, otp_code=code) == 500
    assert_reported_without(reports, {code, *NUMBERS}, names="A bug in verify.")


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("step", ["send", "verify", "issue"])
@pytest.mark.usefixtures("long_codes")
def test_the_report_of_a_bug_in_a_login_holds_neither_code_nor_number(
    settings: Any, monkeypatch: pytest.MonkeyPatch, reports: list[str], step: str, as_form: bool
):
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        "DISPATCHER": "django_d7verify.testing.AtOnceDispatcher",
        "TOKEN_STRATEGY": "django_d7verify.token_strategies.SimpleJWTStrategy",
    }
    make_user(NUMBER)
    otp_id = services.send_login_otp(NUMBER).otp_id
    code = str(locmem.outbox[-1].code)

    def break_down(*_args: Any, **_options: Any) -> None:
        raise LookupError("A bug below.")

    broken = (SimpleJWTStrategy, "issue") if step == "issue" else (QuerySet, "first")
    monkeypatch.setattr(*broken, break_down)
    body = {"recipient": NUMBER} if step == "send" else {"otp_id": otp_id, "otp_code": code}
    path = "login/send/" if step == "send" else "login/verify/"
    assert post(path, as_form=as_form, **body) == 500
    assert_reported_without(reports, {code, *NUMBERS}, names="A bug below.")


@pytest.mark.parametrize("depth", ["client", "network"])
@pytest.mark.parametrize("path", ["send/", "verify/"])
@pytest.mark.usefixtures("long_codes")
def test_the_report_of_a_bug_in_the_client_holds_neither_code_nor_number_nor_token(
    d7: Emulator, monkeypatch: pytest.MonkeyPatch, reports: list[str], path: str, depth: str
):
    body = {"recipient": NUMBER}
    if path == "verify/":
        otp_id = services.send_otp(NUMBER).otp_id
        body = {"otp_id": otp_id, "otp_code": str(d7.messages(NUMBER)[-1]["code"])}

    def break_down(*_args: Any, **_options: Any) -> None:
        raise LookupError("A bug below.")

    if depth == "network":
        monkeypatch.setattr(http, "make_answer", break_down)
    else:
        monkeypatch.setattr(d7_answers, "read_sent_otp", break_down)
        monkeypatch.setattr(d7_answers, "read_verdict", break_down)
    assert post(path, as_form=False, **body) == 500
    secrets = {API_TOKEN, *NUMBERS, *(str(message["code"]) for message in d7.messages())}
    assert_reported_without(reports, secrets, names="A bug below.")


@pytest.mark.parametrize("as_form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_the_report_of_a_bug_while_a_code_is_compared_holds_neither_code_nor_number(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    reports: list[str],
    is_right: bool,
    as_form: bool,
):
    settings.D7VERIFY = {**settings.D7VERIFY, "CODE_LENGTH": 10}
    otp_id = services.send_otp(NUMBER).otp_id
    code = str(locmem.outbox[-1].code)
    typed = code if is_right else make_wrong(code)

    def break_down(*_args: Any, **_options: Any) -> None:
        raise LookupError("A bug below.")

    monkeypatch.setattr(Event, "insert", break_down)
    assert post("verify/", as_form=as_form, otp_id=otp_id, otp_code=typed) == 500
    assert_reported_without(reports, {code, typed, *NUMBERS}, names="A bug below.")
