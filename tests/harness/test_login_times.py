"""Whose number it is shows in no time either: 300 samples each, by the area under the ROC curve."""

from __future__ import annotations

import gc
import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from django_d7verify import dispatching
from django_d7verify.dispatchers import ThreadDispatcher
from django_d7verify.models import PhoneNumber, Recipient
from django_d7verify.token_strategies import BACKEND

pytestmark = pytest.mark.django_db(transaction=True)
logger = logging.getLogger(__name__)

#: Wrong for everybody: with one chance in a million not.
WRONG = "271828"
SAMPLES = 300


@pytest.fixture
def threads(settings: Any, monkeypatch: Any) -> ThreadDispatcher:
    """The pool of threads that a site has without a dispatcher of its own."""
    monkeypatch.setattr(dispatching, "_made", {})
    settings.AUTHENTICATION_BACKENDS = [BACKEND]
    settings.RATELIMIT_ENABLE = False
    dispatcher = dispatching.get_dispatcher(hidden=True)
    assert isinstance(dispatcher, ThreadDispatcher)
    return dispatcher


def make_numbers(first: int) -> tuple[list[str], list[str]]:
    """Numbers of users, which have been sent to before, and of nobody."""
    known = [f"+97150{first + 2 * index:07}" for index in range(SAMPLES)]
    unknown = [f"+97150{first + 2 * index + 1:07}" for index in range(SAMPLES)]
    users = get_user_model().objects.bulk_create(
        get_user_model()(username=number) for number in known
    )
    PhoneNumber.objects.bulk_create(
        PhoneNumber(user=user, primary_of=user, number=user.username, verified_at=timezone.now())
        for user in users
    )
    Recipient.objects.bulk_create(Recipient(number=number) for number in known)
    return known, unknown


class Api:
    """The two calls of the JSON API; each answers how long it took."""

    def __init__(self) -> None:
        self.client = Client()
        self.otp_id = ""

    def send(self, number: str) -> float:
        took, answer = self._post("send", recipient=number)
        self.otp_id = answer.json()["otp_id"]
        return took

    def verify(self) -> float:
        took, answer = self._post("verify", otp_id=self.otp_id, otp_code=WRONG)
        assert answer.json()["attempts_left"] == 4
        return took

    def _post(self, step: str, **body: str) -> tuple[float, Any]:
        begun = time.perf_counter()
        answer = self.client.post(f"/api/otp/login/{step}/", body, content_type="application/json")
        return time.perf_counter() - begun, answer


class Pages:
    """The two forms of the pages."""

    def __init__(self) -> None:
        self.client = Client()

    def send(self, number: str) -> float:
        took, answer = self._post("/login/", recipient=number)
        assert answer.headers["Location"] == "/login/code/"
        return took

    def verify(self) -> float:
        form = self.client.session["d7verify.login"]["form"]
        took, answer = self._post("/login/code/", form=form, otp_code=WRONG)
        assert "4 tries left" in answer.content.decode()
        return took

    def _post(self, path: str, **fields: str) -> tuple[float, Any]:
        begun = time.perf_counter()
        answer = self.client.post(path, fields)
        return time.perf_counter() - begun, answer


def measure(dispatcher: ThreadDispatcher, face: Api | Pages, first: int) -> dict[str, float]:
    """The area under the ROC curve by step: how well its time tells known from unknown."""
    times: dict[tuple[str, bool], list[float]] = defaultdict(list)
    draw = random.Random(first)
    for pair in zip(*make_numbers(first), strict=True):
        for is_known, number in draw.sample([*enumerate(reversed(pair))], 2):
            times["send", bool(is_known)].append(face.send(number))
            assert dispatcher.wait_until_empty(10)
            times["verify", bool(is_known)].append(face.verify())
    return {step: find_area(times[step, True], times[step, False]) for step in ("send", "verify")}


def find_area(ours: list[float], theirs: list[float]) -> float:
    """The share of pairs in which ours is the greater, ties for half: by ranks, exactly."""
    values = sorted([*ours, *theirs])
    ranks: dict[float, float] = {}
    for position, value in enumerate(values):
        ranks.setdefault(value, position + (values.count(value) + 1) / 2)
    total = sum(ranks[value] for value in ours)
    return (total - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(theirs))


@pytest.fixture
def without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("face", [Api, Pages])
@pytest.mark.usefixtures("without_gc")
def test_no_time_tells_known_from_unknown(threads: ThreadDispatcher, face: type[Api | Pages]):
    areas = [measure(threads, face(), 1_000_000)]
    while len(areas) < 3 and not all(0.4 <= area <= 0.6 for area in areas[0].values()):
        areas.append(measure(threads, face(), 1_000_000 * (len(areas) + 1)))
    logger.info("Areas under the ROC curve: %s", areas)
    medians = {
        step: sorted(run[step] for run in areas)[len(areas) // 2] for step in ("send", "verify")
    }
    assert all(0.4 <= area <= 0.6 for area in medians.values()), areas


def test_the_area_is_that_of_the_definition():
    draw = random.Random(5)
    ours = [draw.randrange(9) / 1 for _ in range(40)]
    theirs = [draw.randrange(2, 12) / 1 for _ in range(30)]
    wins = sum((a > b) + (a == b) / 2 for a in ours for b in theirs)
    assert find_area(ours, theirs) == pytest.approx(wins / 1200)
    assert find_area([2.0], [1.0]) == 1
    assert find_area([1.0], [1.0]) == 0.5
