"""
Whose number it is shows in nothing before the right code: body, status, headers, 429s.

The same steps are taken with the number of a user, of nobody and of an inactive user, and the
whole transcripts are compared. "Unknown" is never seen before; the others have been sent to.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import SessionClosed
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession, Recipient
from django_d7verify.token_strategies import BACKEND
from django_d7verify.words import EventKind

from .conftest import API_TOKEN, make_d7_settings, set_d7verify
from .logging_in import deliver, held, make_user

pytestmark = pytest.mark.django_db(transaction=True)
logger = logging.getLogger(__name__)

STARTED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KNOWN, UNKNOWN, INACTIVE = "+971501234567", "+971501234667", "+971501234767"
#: Wrong for everybody: with one chance in a million not, and then a test fails.
WRONG = "271828"
NOBODY = "http://127.0.0.1:1"

LOCMEM = {"BACKEND": "django_d7verify.gateways.locmem.LocMemGateway"}


@dataclass
class World:
    """Our clock, D7's, and how the site sends."""

    ours: time_machine.Coordinates
    emulator: Emulator
    settings: Any

    def advance(self, seconds: float) -> None:
        self.ours.shift(seconds)
        self.emulator.advance_clock(seconds)

    def send_by(self, **gateways: Any) -> None:
        set_d7verify(self.settings, GATEWAYS=gateways)

    def make_d7(self, **options: Any) -> dict[str, Any]:
        return make_d7_settings(self.emulator, **options)

    def make_texts(self) -> dict[str, Any]:
        options = {"api_token": API_TOKEN, "originator": "SignOTP", "api_url": self.emulator.url}
        return {
            "BACKEND": "django_d7verify.gateways.d7.D7MessagesGateway",
            "OPTIONS": options,
        }


@pytest.fixture
def world(settings: Any, emulator: Emulator, monkeypatch: Any) -> Iterator[World]:
    settings.AUTHENTICATION_BACKENDS = [BACKEND]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    set_d7verify(settings, DISPATCHER="tests.logging_in.HeldDispatcher", BREAKER_FAILURES=1000)
    with time_machine.travel(STARTED_AT, tick=False) as ours:
        make_user(KNOWN)
        make_user(INACTIVE, is_active=False)
        Recipient.objects.create(number=KNOWN)
        Recipient.objects.create(number=INACTIVE)
        yield World(ours, emulator, settings)


@dataclass
class Person:
    """Somebody at the login of the site, and all that they get to see there."""

    number: str
    world: World
    #: Has what waits sent, or not.
    work: Callable[[], None]

    def __post_init__(self) -> None:
        self.client = Client()
        self.seen: list[tuple[str, Any]] = []
        self.otp_id = ""

    def post(self, path: str, **body: str) -> None:
        answer = self.client.post(f"/api/otp/{path}", body, content_type="application/json")
        if path == "login/send/" and answer.status_code == 202:
            self.otp_id = answer.json()["otp_id"]
        self._see(path, answer)

    def look(self) -> None:
        self._see("state", self.client.get(f"/api/otp/{self.otp_id}/"))

    def send(self) -> None:
        self.post("login/send/", recipient=self.number)

    def resend(self) -> None:
        self.post("resend/", otp_id=self.otp_id)

    def verify(self, code: str = WRONG) -> None:
        self.post("login/verify/", otp_id=self.otp_id, otp_code=code)

    def _see(self, path: str, answer: Any) -> None:
        headers = {name: value for name, value in answer.headers.items() if name != "Set-Cookie"}
        cookies = {name: dict(morsel) for name, morsel in answer.cookies.items()}
        body = answer.content.decode().replace(self.otp_id or "no id", "<otp_id>")
        self.seen.append((path, (answer.status_code, headers, cookies, body)))

    def tell(self) -> list[tuple[str, Any]]:
        """Every step that a session and a number allow, and those that they do not."""
        self.world.ours.move_to(STARTED_AT)
        cache.clear()
        held.clear()
        self._begin_and_lock()
        self._cancel()
        self._use_up_the_hour()
        return self.seen

    def _begin_and_lock(self) -> None:
        self.send()
        self.look()
        self.work()
        self.look()
        self.send()
        self.resend()
        self.verify("12345")
        self.verify()
        self.look()
        self.world.advance(60)
        self.resend()
        self.verify()
        self.work()
        self.look()
        for _ in range(4):
            self.verify()
        self.look()
        self.resend()
        self.post("cancel/", otp_id=self.otp_id)
        self.world.advance(60)

    def _cancel(self) -> None:
        self.send()
        self.work()
        self.verify()
        # By the public door too.
        self.post("verify/", otp_id=self.otp_id, otp_code=WRONG)
        self.post("cancel/", otp_id=self.otp_id)
        self.post("cancel/", otp_id=self.otp_id)
        self.look()
        self.verify()
        self.resend()

    def _use_up_the_hour(self) -> None:
        for _ in range(3):
            self.world.advance(60)
            self.send()
            self.work()
            self.verify()
            self.verify()
        self.world.advance(600)
        self.look()
        self.verify()
        self.resend()


def assert_nothing_tells(
    world: World,
    *,
    work: Callable[[], None] = deliver,
    numbers: tuple[str, ...] = (UNKNOWN, KNOWN, INACTIVE),
) -> list[Any]:
    """Compare what they see, step by step; answers what the second saw."""
    transcripts = [Person(number, world, work).tell() for number in numbers]
    for others in transcripts[1:]:
        for step, (ours, theirs) in enumerate(zip(transcripts[0], others, strict=True)):
            masked = [_mask(one) for one in (ours, theirs)]
            assert masked[0] == masked[1], f"step {step}"
    assert OTPSession.objects.filter(recipient=KNOWN, decoy=False).count() >= 3
    assert not OTPSession.objects.filter(recipient=KNOWN, decoy=True).exists()
    assert not OTPSession.objects.exclude(recipient=KNOWN).filter(decoy=False).exists()
    return transcripts[1]


def _mask(seen: tuple[str, Any]) -> str:
    # Numbers are shown masked, so those of the three look the same; a fresh token does not.
    return re.sub(r"'value': '\w{64}'", "", str(seen))


def see_statuses(transcript: list[Any]) -> set[int]:
    return {status for _path, (status, *_rest) in transcript}


def test_the_steps_meet_every_answer_that_there_is(world: World):
    transcript = assert_nothing_tells(world)
    texts = str(transcript)
    assert see_statuses(transcript) == {200, 202, 400, 429}
    for word in ("throttled", "locked", "session_closed", "invalid_code", "otp_code"):
        assert word in texts
    for word in ("OPEN", "LOCKED", "CANCELLED", "EXPIRED"):
        assert f'"status":"{word}"' in texts
    assert {message.recipient for message in locmem.outbox} == {KNOWN}
    kinds = set(Event.objects.filter(session__recipient=UNKNOWN).values_list("kind", flat=True))
    assert EventKind.DECOY in kinds
    assert EventKind.SENT not in kinds


@pytest.mark.parametrize("kind", ["texts", "provider-made"])
def test_codes_by_a_provider_tell_nothing(world: World, kind: str):
    made = kind == "provider-made"
    world.send_by(default=world.make_d7() if made else world.make_texts())
    transcript = assert_nothing_tells(world)
    assert see_statuses(transcript) == {200, 202, 400, 429}
    assert len(world.emulator.messages()) == len(world.emulator.messages(KNOWN)) > 0


@pytest.mark.parametrize("kind", ["own", "provider-made"])
def test_codes_that_still_wait_tell_nothing(world: World, kind: str):
    if kind == "provider-made":
        world.send_by(default=world.make_d7())
    assert_nothing_tells(world, work=lambda: None)
    assert locmem.outbox == []


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("server_error", "/messages/v1/send"),
        ("no_credit", "/messages/v1/send"),
        ("server_error", "/verify/v1/otp/send-otp"),
        ("no_credit", "/verify/v1/otp/send-otp"),
        ("server_error", "/verify/v1/otp"),
        ("no_credit", "/verify/v1/otp"),
        ("too_many", "/verify/v1/otp/verify-otp"),
        ("unauthorized", "/verify/v1/otp/verify-otp"),
    ],
)
def test_a_provider_that_fails_tells_nothing(world: World, fault: str, path: str):
    world.send_by(default=world.make_d7() if "verify" in path else world.make_texts())
    world.emulator.add_fault(fault, path, times=999)
    assert_nothing_tells(world, numbers=(UNKNOWN, KNOWN))


@pytest.mark.parametrize("kind", ["texts", "provider-made"])
def test_a_provider_that_is_not_there_tells_nothing(world: World, kind: str):
    down = world.make_d7() if kind == "provider-made" else world.make_texts()
    down["OPTIONS"]["api_url"] = NOBODY
    world.send_by(default=down)
    transcript = assert_nothing_tells(world)
    assert (503 in see_statuses(transcript)) is (kind == "provider-made")


@pytest.mark.parametrize("how", ["no_credit", "not there"])
@pytest.mark.parametrize("kind", ["texts", "provider-made"])
def test_failover_tells_nothing_and_its_code_logs_in(world: World, kind: str, how: str):
    first = world.make_d7() if kind == "provider-made" else world.make_texts()
    if how == "not there":
        first["OPTIONS"]["api_url"] = NOBODY
    else:
        path = "/verify/v1/otp/send-otp" if kind == "provider-made" else "/messages/v1/send"
        world.emulator.add_fault(how, path, times=999)
    world.send_by(default={**first, "FAILOVER": ["second"]}, second=LOCMEM)
    assert_nothing_tells(world)
    world.advance(3600)
    otp = services.send_login_otp(KNOWN)
    deliver()
    assert services.verify_login(otp.otp_id, str(locmem.outbox[-1].code)).approved


def test_failover_of_a_login_is_to_codes_of_ours_only(world: World):
    world.emulator.add_fault("no_credit", "/messages/v1/send", times=999)
    world.send_by(
        default={**world.make_texts(), "FAILOVER": ["made", "own"]},
        made=world.make_d7(),
        own=LOCMEM,
    )
    assert_nothing_tells(world)
    assert world.emulator.messages() == []
    assert {message.recipient for message in locmem.outbox} == {KNOWN}


@pytest.mark.parametrize("alphabet", ["numeric", "alphanumeric"])
def test_the_shape_of_codes_after_failover_tells_nothing(world: World, alphabet: str):
    set_d7verify(world.settings, CODE_ALPHABET="alphanumeric")
    first = {**world.make_d7(), "FAILOVER": ["second"]}
    world.emulator.add_fault("no_credit", "/verify/v1/otp/send-otp", times=999)
    world.send_by(default=first, second=LOCMEM)
    set_d7verify(world.settings, CODE_ALPHABET=alphabet)
    assert_nothing_tells(world)


def test_no_code_of_ours_is_tried_for_nothing_while_the_provider_is_away(world: World):
    first = world.make_d7(api_url=NOBODY) | {"FAILOVER": ["second"]}
    world.send_by(default=first, second=LOCMEM)
    person = Person(KNOWN, world, deliver)
    person.send()
    deliver()
    for _ in range(6):
        person.verify()
    statuses = [status for path, (status, *_) in person.seen if path == "login/verify/"]
    assert statuses == [503] * 5 + [400]
    person.look()
    assert '"status":"LOCKED"' in str(person.seen[-1])
    with pytest.raises(SessionClosed):
        services.verify_login(person.otp_id, str(locmem.outbox[-1].code))


def test_a_queue_that_is_full_tells_nothing(world: World):
    set_d7verify(world.settings, DISPATCHER="tests.logging_in.FullDispatcher")
    seen = []
    for number in (UNKNOWN, KNOWN, INACTIVE):
        person = Person(number, world, deliver)
        person.send()
        person.send()
        seen.append(person.seen)
    assert seen[0] == seen[1] == seen[2]
    assert see_statuses(seen[0]) == {503}


@pytest.mark.parametrize("kind", ["own", "provider-made"])
def test_known_and_unknown_take_the_very_same_statements(world: World, kind: str):
    if kind == "provider-made":
        world.send_by(default=world.make_d7())
    taken = []
    for number in (UNKNOWN, KNOWN, INACTIVE):
        person = Person(number, world, deliver)
        world.ours.move_to(STARTED_AT)
        made = [capture(person.send), capture(person.send)]
        deliver()
        made += [capture(person.verify), capture(person.look)]
        world.advance(60)
        made += [capture(person.resend), capture(person.verify)]
        taken.append(made)
    assert taken[0] == taken[1] == taken[2]
    assert all(len(statements) > 0 for statements in taken[0])


def capture(step: Callable[[], None]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        step()
    return [
        re.sub(r"'[^']*'|\b[0-9a-f]{32}\b|\b(?:true|false)\b|\d+", "?", query["sql"])
        for query in captured.captured_queries
    ]
