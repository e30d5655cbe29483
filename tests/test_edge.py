"""The edge, through the API: where a request comes from, and how much one place may ask for."""

from __future__ import annotations

import itertools
import logging
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework.authentication import SessionAuthentication
from rest_framework.views import APIView

from django_d7verify import edge, services
from django_d7verify.api.views import SendView
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession
from django_d7verify.words import LimitName

from .conftest import NUMBER, set_d7verify

pytestmark = pytest.mark.django_db

STARTED_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CACHES = "django.core.cache.backends"
REDIS_URL = os.environ.get("D7VERIFY_TEST_REDIS_URL")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(STARTED_AT, tick=False) as traveller:
        yield traveller


class Place:
    """Somebody at an address, who calls the API; each send is to a number of its own."""

    numbers = itertools.count(1_000_000)

    def __init__(self, address: str = "198.51.100.7", **headers: str) -> None:
        self.client = Client()
        self.headers = headers
        self.address = address

    def post(self, path: str, **body: str) -> Any:
        return self.client.post(
            f"/api/otp/{path}",
            body,
            content_type="application/json",
            headers=self.headers,
            REMOTE_ADDR=self.address,
        )

    def send(self, number: str | None = None) -> Any:
        return self.post("send/", recipient=number or f"+97150{next(self.numbers)}")

    def verify(self, otp_id: str, code: str) -> Any:
        return self.post("verify/", otp_id=otp_id, otp_code=code)

    def count_sends(self) -> int:
        """How many codes it gets before it is refused; at most 20."""
        for number in range(20):
            answer = self.send()
            if answer.status_code != 201:
                assert_throttled(answer)
                return number
        return 20


def assert_throttled(answer: Any, most_seconds: int = 3600) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (429, "throttled"), body
    assert 1 <= body["retry_after"] <= most_seconds
    assert answer.headers["Retry-After"] == str(body["retry_after"])


def assert_unreachable(answer: Any) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (503, "gateway_unreachable"), body
    assert body["retry_after"] == 10
    assert answer.headers["Retry-After"] == "10"


# By address.


@pytest.mark.parametrize(
    ("key", "address", "limit"),
    [
        ("SENDS_PER_IPV4", "198.51.100.7", 3),
        ("SENDS_PER_IPV6", "2001:db8::7", 2),
    ],
)
def test_an_address_gets_as_many_codes_as_its_rate_says(
    settings: Any, clock: time_machine.Traveller, key: str, address: str, limit: int
):
    set_d7verify(settings, **{key: [f"{limit}/h"]})
    assert Place(address).count_sends() == limit
    clock.shift(3601)
    assert Place(address).count_sends() == limit


def test_of_several_rates_the_smallest_refuses_and_what_it_refuses_sends_nothing(settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["100/h", "2/10m", "500/d"])
    place = Place()
    assert place.count_sends() == 2
    assert len(locmem.outbox) == OTPSession.objects.count() == 2
    assert_throttled(place.send(), most_seconds=600)


@pytest.mark.parametrize("rate", ["1/s", "1/2s", "1/10m", "1/h", "1/d"])
def test_the_wait_that_is_told_is_exactly_the_one_after_which_it_works(
    settings: Any, clock: time_machine.Traveller, rate: str
):
    set_d7verify(settings, SENDS_PER_IPV4=[rate])
    place = Place()
    place.send()
    wait = place.send().json()["retry_after"]
    if wait > 1:
        clock.shift(wait - 1)
        assert place.send().json()["retry_after"] == 1
    clock.shift(1)
    assert place.send().status_code == 201


def test_resends_count_as_sends(settings: Any, clock: time_machine.Traveller):
    set_d7verify(settings, SENDS_PER_IPV4=["2/h"])
    place = Place()
    otp_id = place.send().json()["otp_id"]
    clock.shift(60)
    assert place.post("resend/", otp_id=otp_id).status_code == 200
    clock.shift(60)
    assert_throttled(place.post("resend/", otp_id=otp_id))
    assert len(locmem.outbox) == 2
    assert Place("198.51.100.8").post("resend/", otp_id=otp_id).status_code == 200


def test_two_ipv4_addresses_do_not_share_a_limit(settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["2/h"])
    assert Place("198.51.100.7").count_sends() == 2
    assert Place("198.51.100.8").count_sends() == 2


def test_ipv6_addresses_of_one_64_share_a_limit_and_those_of_the_next_do_not(settings: Any):
    set_d7verify(settings, SENDS_PER_IPV6=["2/h"])
    assert Place("2001:db8:0:1::7").count_sends() == 2
    assert_throttled(Place("2001:db8:0:1:ffff:ffff:ffff:ffff").send())
    assert_throttled(Place("2001:DB8:0:1:0:0:0:8").send())
    assert Place("2001:db8:0:2::7").count_sends() == 2


def test_ipv4_in_ipv6_is_the_same_address_as_ipv4_and_not_one_network_for_all(settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["2/h"], SENDS_PER_IPV6=["1/h"])
    assert Place("::ffff:198.51.100.7").count_sends() == 2
    assert_throttled(Place("198.51.100.7").send())
    assert_throttled(Place("::ffff:c633:6407").send())
    assert Place("::ffff:198.51.100.8").count_sends() == 2


@pytest.mark.parametrize("address", ["", "unix:", "not an address", "fe80::1%eth0"])
def test_requests_without_an_address_share_one_limit_and_none_is_an_error(
    settings: Any, address: str
):
    set_d7verify(settings, SENDS_PER_IPV4=["2/h"])
    assert Place(address).count_sends() == 2
    assert_throttled(Place("").send())


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [(0, "203.0.113.9", ""), (1, "203.0.113.9", "203.0.113.9"), (1, "", ""), (2, "1.1.1.1", "")],
)
def test_a_unix_socket_has_no_remote_addr_and_its_proxy_names_the_client(
    settings: Any, count: int, forwarded: str, address: str
):
    set_d7verify(settings, TRUSTED_PROXY_COUNT=count)
    request = RequestFactory().post(
        "/api/otp/send/", {"recipient": NUMBER}, headers={"X-Forwarded-For": forwarded}
    )
    del request.META["REMOTE_ADDR"]
    assert SendView.as_view()(request).status_code == 201
    assert OTPSession.objects.get().address == address


# Behind proxies.

PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        # Nobody is believed.
        (0, None, PROXY),
        (0, "203.0.113.9", PROXY),
        # The one proxy's entry is the last; further left is what the client wrote.
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1,2.2.2.2,203.0.113.9", "203.0.113.9"),
        (1, "  203.0.113.9  ", "203.0.113.9"),
        (2, "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        # Shorter than it must be: not by way of our proxies.
        (1, None, PROXY),
        (1, "", PROXY),
        (2, "203.0.113.9", PROXY),
        (3, "203.0.113.9, 10.0.0.2", PROXY),
        # Odd.
        (1, "203.0.113.9,", PROXY),
        (1, "unknown", PROXY),
        (1, "_hidden", PROXY),
        (1, "203.0.113.999", PROXY),
        (1, "203.0.113.9 1.1.1.1", PROXY),
        (1, "1.1.1.1;203.0.113.9", PROXY),
        (1, "for=203.0.113.9", PROXY),
        (1, "٢٠٣.٠.١١٣.٩".encode().decode("latin-1"), PROXY),  # noqa: RUF001 - digits of Arabic
        (1, "203.0.113.009", PROXY),
        (1, "fe80::1%eth0", PROXY),
        (1, "[", PROXY),
        (1, "x" * 5000, PROXY),
        (2, "203.0.113.9, unknown", "203.0.113.9"),
        # With a port, in brackets, or IPv4 in IPv6.
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::9]:4711", "2001:db8::9"),
        (1, "[2001:db8::9]", "2001:db8::9"),
        (1, "2001:db8::9", "2001:db8::9"),
        (1, "2001:0DB8:0::0009", "2001:db8::9"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
    ],
)
def test_the_address_is_what_our_own_proxies_say_and_else_the_one_that_connected(
    settings: Any, count: int, forwarded: str | None, address: str
):
    set_d7verify(settings, TRUSTED_PROXY_COUNT=count)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = Place(PROXY, **headers).send()
    assert answer.status_code == 201
    assert OTPSession.objects.get().address == address


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_header_that_a_client_writes_gets_it_another_limit(settings: Any, count: int):
    """Each request with other forgeries; the proxies add what they saw."""
    set_d7verify(settings, TRUSTED_PROXY_COUNT=count, SENDS_PER_IPV4=["3/h"])
    added = ["203.0.113.9", "10.0.0.2"][:count]
    statuses = []
    for index in range(5):
        forged = f"198.51.100.{index}"
        place = Place(
            PROXY if count else "203.0.113.9",
            **{
                "X-Forwarded-For": ", ".join([forged, f"[2001:db8:{index}::1]:80", *added]),
                "X-Real-IP": forged,
                "Forwarded": f"for={forged}",
                "X-Client-IP": forged,
                "True-Client-IP": forged,
                "CF-Connecting-IP": forged,
            },
        )
        statuses.append(place.send().status_code)
    assert statuses == [201, 201, 201, 429, 429]
    assert set(OTPSession.objects.values_list("address", flat=True)) == {"203.0.113.9"}


def test_people_behind_one_trusted_proxy_do_not_share_a_limit(settings: Any):
    set_d7verify(settings, TRUSTED_PROXY_COUNT=1, SENDS_PER_IPV4=["2/h"], SENDS_PER_IPV6=["1/h"])
    assert Place(PROXY, **{"X-Forwarded-For": "203.0.113.9"}).count_sends() == 2
    assert Place(PROXY, **{"X-Forwarded-For": "203.0.113.10"}).count_sends() == 2
    assert Place(PROXY, **{"X-Forwarded-For": "2001:db8::9"}).count_sends() == 1


# By user.


def sign_in(username: str, address: str) -> Place:
    place = Place(address)
    user, _ = get_user_model().objects.get_or_create(username=username)
    place.client.force_login(user)
    return place


def test_a_user_has_a_limit_over_all_addresses_and_nobody_elses(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    # As REST_FRAMEWORK has it on a site; DRF reads that once, at import.
    monkeypatch.setattr(APIView, "authentication_classes", [SessionAuthentication])
    set_d7verify(settings, SENDS_PER_USER=["3/h"], SENDS_PER_IPV4=["4/h"])
    places = [sign_in("ann", f"198.51.100.{index}") for index in range(5)]
    answers = [place.send() for place in places]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert_throttled(answers[-1])
    assert sign_in("bob", "198.51.100.0").count_sends() == 3
    # Their sends have counted against the address too: one of hers, four of his.
    assert_throttled(Place("198.51.100.0").send())


# Wrong codes.


def open_session() -> tuple[str, str]:
    otp = services.send_otp(f"+97150{next(Place.numbers)}")
    return otp.otp_id, str(locmem.outbox[-1].code)


def make_wrong(code: str) -> str:
    return "".join(str((int(digit) + 1) % 10) for digit in code)


def test_after_so_many_wrong_codes_an_address_tries_none_at_all_and_another_one_may(
    settings: Any, clock: time_machine.Traveller
):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["6/10m"])
    place = Place()
    first, second = open_session(), open_session()
    statuses = [place.verify(first[0], make_wrong(first[1])).status_code for _ in range(5)]
    statuses.append(place.verify(second[0], make_wrong(second[1])).status_code)
    assert statuses == [400] * 6
    # The right one is refused too, and nothing is told of it or taken from the session.
    assert_throttled(place.verify(*second), most_seconds=600)
    assert OTPSession.objects.get(pk=second[0]).attempts == 1
    assert Place("198.51.100.8").verify(*second).status_code == 200
    third = open_session()
    assert_throttled(place.verify(*third), most_seconds=600)
    clock.shift(601)
    assert place.verify(*open_session()).status_code == 200


def test_right_codes_and_what_is_not_compared_do_not_count_as_wrong(settings: Any):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["1/10m"])
    place = Place()
    for _ in range(3):
        assert place.verify(*open_session()).status_code == 200
    otp_id, code = open_session()
    for body in ["12345", "letter", str(uuid.uuid4())]:
        assert place.verify(otp_id, body).status_code == 400
    assert place.verify(str(uuid.uuid4()), code).json()["code"] == "session_closed"
    assert place.verify(otp_id, make_wrong(code)).json()["code"] == "invalid_code"
    assert_throttled(place.verify(otp_id, code), most_seconds=600)


def test_an_address_that_may_try_no_code_may_still_be_sent_one_and_look_and_cancel(settings: Any):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["1/10m"])
    place = Place()
    otp_id, code = open_session()
    place.verify(otp_id, make_wrong(code))
    assert_throttled(place.verify(otp_id, code), most_seconds=600)
    assert place.send().status_code == 201
    assert place.client.get(f"/api/otp/{otp_id}/").status_code == 200
    assert place.post("cancel/", otp_id=otp_id).json()["status"] == "CANCELLED"


# Observed before enforced.


def test_an_observed_limit_lets_through_and_says_who_passed_it(
    settings: Any, observed: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
):
    modes = {LimitName.SENDS_PER_ADDRESS: "observe", LimitName.WRONG_CODES_PER_ADDRESS: "observe"}
    set_d7verify(
        settings,
        LIMIT_MODES=modes,
        SENDS_PER_IPV6=["2/h"],
        WRONG_CODES_PER_ADDRESS=["1/10m"],
    )
    place = Place("2001:db8:0:1::7")
    assert [place.send().status_code for _ in range(4)] == [201] * 4
    assert observed == [("sends_per_address", "2001:db8:0:1::/64")] * 2
    assert "sends_per_address passed by 2001:db8:0:1::/64" in caplog.text
    observed.clear()
    otp_id, code = open_session()
    wrong = make_wrong(code)
    assert [place.verify(otp_id, wrong).status_code for _ in range(2)] == [400, 400]
    assert place.verify(otp_id, code).status_code == 200
    assert {limit for limit, _ in observed} == {"wrong_codes_per_address"}


def test_an_observed_user_limit_lets_through_and_the_enforced_one_of_addresses_holds(
    settings: Any, monkeypatch: pytest.MonkeyPatch, observed: list[tuple[str, str]]
):
    monkeypatch.setattr(APIView, "authentication_classes", [SessionAuthentication])
    set_d7verify(
        settings,
        LIMIT_MODES={LimitName.SENDS_PER_USER: "observe"},
        SENDS_PER_USER=["1/h"],
        SENDS_PER_IPV4=["3/h"],
    )
    place = sign_in("ann", "198.51.100.7")
    assert place.count_sends() == 3
    user = get_user_model().objects.get()
    assert observed == [("sends_per_user", str(user.pk))] * 2


def test_a_watched_rate_is_said_long_before_the_limit_refuses(
    settings: Any, observed: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
):
    set_d7verify(settings, WATCHED_SENDS_PER_ADDRESS="2/h", SENDS_PER_IPV4=["4/h"])
    assert Place().count_sends() == 4
    # Of the third code, the fourth, and the one that was refused.
    assert observed == [("sends_per_address", "198.51.100.7")] * 3
    assert caplog.messages.count("sends_per_address passed by 198.51.100.7.") == 3


# The cache that counts.


class RaisingCache(BaseCache):
    """A client whose server is gone, with an error of its own."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__({})

    def add(self, *_args: object, **_kwargs: object) -> bool:
        raise RuntimeError("no server")

    get = set = incr = add


class SilentCache(BaseCache):
    """A client that hides its errors, as django-redis does by ``IGNORE_EXCEPTIONS``."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__({})

    def add(self, *_args: object, **_kwargs: object) -> bool:
        return False

    def get(self, *_args: object, **_kwargs: object) -> None:
        return None

    def incr(self, *_args: object, **_kwargs: object) -> None:
        return None


class FullCache(SilentCache):
    """Memcached without its server."""

    def incr(self, *_args: object, **_kwargs: object) -> None:
        raise ValueError("Key not found")


DEAD = {
    "redis on a closed port": {
        "BACKEND": f"{CACHES}.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
    },
    "raises": {"BACKEND": f"{__name__}.RaisingCache"},
    "hides its errors": {"BACKEND": f"{__name__}.SilentCache"},
    "knows no key": {"BACKEND": f"{__name__}.FullCache"},
    "keeps nothing": {"BACKEND": f"{CACHES}.dummy.DummyCache"},
}
OBSERVED = dict.fromkeys(LimitName.values, "observe")


@pytest.fixture(params=DEAD)
def dead_cache(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.CACHES = {"default": DEAD[request.param]}


@pytest.mark.usefixtures("dead_cache")
def test_without_its_cache_an_enforced_edge_refuses_politely_and_nothing_is_sent_or_tried():
    otp_id, code = open_session()
    locmem.outbox.clear()
    place = Place()
    assert_unreachable(place.send())
    assert_unreachable(place.post("resend/", otp_id=otp_id))
    assert_unreachable(place.verify(otp_id, code))
    assert locmem.outbox == []
    session = OTPSession.objects.get()
    assert (session.status, session.attempts, session.resend_count) == ("OPEN", 0, 0)
    # What needs no limit goes on.
    assert place.client.get(f"/api/otp/{otp_id}/").status_code == 200
    assert place.post("cancel/", otp_id=otp_id).status_code == 200


@pytest.mark.usefixtures("dead_cache")
def test_without_its_cache_an_observed_edge_lets_through_and_the_limits_of_numbers_hold(
    settings: Any, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
):
    set_d7verify(settings, LIMIT_MODES=OBSERVED)
    place = Place()
    otp_id = place.send(NUMBER).json()["otp_id"]
    code = str(locmem.outbox[-1].code)
    assert "The cache of the edge limits" in caplog.text
    assert_throttled(place.send(NUMBER), most_seconds=60)
    assert_throttled(place.post("resend/", otp_id=otp_id), most_seconds=60)
    wrong = make_wrong(code)
    left = [place.verify(otp_id, wrong).json().get("attempts_left") for _ in range(6)]
    assert left == [4, 3, 2, 1, 0, None]
    clock.shift(60)
    otp_id = place.send(NUMBER).json()["otp_id"]
    wrong = make_wrong(str(locmem.outbox[-1].code))
    statuses = [place.verify(otp_id, wrong).status_code for _ in range(5)]
    assert statuses == [400] * 5
    clock.shift(60)
    answer = place.send(NUMBER)
    assert (answer.status_code, answer.json()["code"]) == (429, "locked")


def test_an_answer_that_is_given_already_is_not_taken_back_when_the_cache_dies(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    otp_id, code = open_session()
    monkeypatch.setattr(edge, "check_attempt", lambda request: None)
    settings.CACHES = {"default": DEAD["raises"]}
    answer = Place().verify(otp_id, make_wrong(code))
    assert (answer.status_code, answer.json()["attempts_left"]) == (400, 4)


def test_switched_off_nothing_is_counted_whatever_the_cache(settings: Any):
    settings.RATELIMIT_ENABLE = False
    settings.CACHES = {"default": DEAD["keeps nothing"]}
    set_d7verify(settings, SENDS_PER_IPV4=["1/h"], WRONG_CODES_PER_ADDRESS=["1/h"])
    place = Place()
    assert [place.send().status_code for _ in range(3)] == [201] * 3
    otp_id, code = open_session()
    assert [place.verify(otp_id, make_wrong(code)).status_code for _ in range(3)] == [400] * 3


@pytest.fixture
def shared_cache(settings: Any) -> None:
    """Redis where the environment names one, and else local memory: an alias of its own."""
    cache: dict[str, Any] = {"BACKEND": f"{CACHES}.locmem.LocMemCache", "LOCATION": "edge"}
    if REDIS_URL:
        cache = {"BACKEND": f"{CACHES}.redis.RedisCache", "LOCATION": REDIS_URL}
    # Redis is others' too, and keeps what an earlier run counted.
    settings.CACHES = {
        "default": DEAD["raises"],
        "edge": {**cache, "KEY_PREFIX": uuid.uuid4().hex, "OPTIONS": {}},
    }
    settings.RATELIMIT_USE_CACHE = "edge"


@pytest.mark.usefixtures("shared_cache")
def test_a_cache_of_its_own_counts_and_the_default_one_is_not_asked(settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["3/h"], WRONG_CODES_PER_ADDRESS=["2/10m"])
    assert Place().count_sends() == 3
    assert Place("198.51.100.8").count_sends() == 3
    place = Place("198.51.100.9")
    otp_id, code = open_session()
    for _ in range(2):
        assert place.verify(otp_id, make_wrong(code)).status_code == 400
    assert_throttled(place.verify(otp_id, code), most_seconds=600)


def test_no_address_and_no_user_stands_in_a_key_of_the_cache(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(
        edge,
        "get_usage",
        lambda request, group, key, rate, increment: seen.append(key(group, request)),
    )
    assert Place("198.51.100.7").send().status_code == 201
    assert seen
    assert not [key for key in seen if "198.51" in key]
    assert all(len(key) == 64 for key in seen)


# Who asks.


def test_the_requester_is_printable_and_bounded(settings: Any):
    request = HttpRequest()
    request.META = {
        "REMOTE_ADDR": "198.51.100.7",
        "HTTP_USER_AGENT": "Mozilla\r\nX-Evil: \x1b[31m" + "x" * 1000,
    }
    request.LANGUAGE_CODE = "en\nus" + "-x" * 20
    requester = edge.make_requester(request)
    assert requester.user_agent.startswith("MozillaX-Evil: [31mxxx")
    assert (len(requester.user_agent), len(requester.language)) == (200, 16)
    assert requester.language.startswith("enus-x")


def test_a_log_line_of_an_address_is_one_line(settings: Any, caplog: pytest.LogCaptureFixture):
    set_d7verify(settings, TRUSTED_PROXY_COUNT=1, WATCHED_SENDS_PER_ADDRESS="1/h")
    for _ in range(2):
        Place("10.0.0.1", **{"X-Forwarded-For": "1.1.1.1\tevil"}).send()
    lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert lines == ["sends_per_address passed by 10.0.0.1."]
