"""What stands in a request's headers does not choose whose limit it is counted for."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from django_d7verify.emulator import Emulator
from django_d7verify.models import OTPSession

from .answers import Answer, assert_polite, call_at_once, count
from .conftest import REDIS_URL, run_site
from .figures import Figures
from .people import KINDS, Kind, make_number
from .site import Site

LIMIT = 5
CALLS = 40
#: Headers in which one proxy or another says where a request comes from.
OTHER_HEADERS = [
    *("X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP"),
    *("X-Forwarded", "X_Forwarded_For", "Remote-Addr", "Client-IP", "Via"),
]
#: The proxy's word for one address, in the spellings that proxies have.
SPELLINGS = ["{}", " {} ", "{}:4711", "::ffff:{}", "[::ffff:{}]:4711"]
#: No address at all, so the peer's counts.
ODD = [
    "unknown",
    "",
    "198.51.100.300",
    "127.0.0.1, ",
    "<script>",
    "fe80::1%eth0",
    "1²7.0.0.1",
    "_x",
]


@pytest.fixture(scope="module")
def limited(environment: Mapping[str, str], running_emulator: Emulator) -> Iterator[Site]:
    """A site without proxies, where an address may ask for few codes."""
    yield from _run_limited(environment, running_emulator, proxies=0)


@pytest.fixture(scope="module")
def limited_behind_proxy(
    environment: Mapping[str, str], running_emulator: Emulator
) -> Iterator[Site]:
    """The same, which believes the last entry of ``X-Forwarded-For``."""
    yield from _run_limited(environment, running_emulator, proxies=1)


def _run_limited(
    environment: Mapping[str, str], emulator: Emulator, *, proxies: int
) -> Iterator[Site]:
    rates = [f"{LIMIT}/d"]
    with run_site(
        environment,
        emulator,
        TRUSTED_PROXY_COUNT=proxies,
        SENDS_PER_IPV4=rates,
        SENDS_PER_IPV6=rates,
    ) as site:
        yield site
        assert not site.read_bugs()


def forge() -> str:
    return ".".join(str(1 + secrets.randbelow(223)) for _ in range(4))


def count_expected(answers: Sequence[Answer]) -> int:
    """How many of *answers* may be codes: a cache of each process lets through for itself."""
    if REDIS_URL:
        return LIMIT
    return sum(min(LIMIT, number) for number in Counter(one.worker for one in answers).values())


def assert_limited(
    site: Site,
    kind: Kind,
    figures: Figures,
    what: str,
    make_forwarded: Callable[[int], str],
    *,
    address: str,
    peer: str = "127.0.0.1",
) -> None:
    """All calls with these ``X-Forwarded-For`` count for *address*, which has not sent before."""
    numbers = [make_number() for _ in range(CALLS)]

    def send(index: int) -> Answer:
        headers = {name: forge() for name in OTHER_HEADERS}
        headers["Forwarded"] = f"for={forge()}"
        headers["X-Forwarded-For"] = make_forwarded(index)
        body = {"recipient": numbers[index], "purpose": kind.purpose}
        return site.post("send/", peer=peer, headers=headers, **body)

    answers = call_at_once(CALLS, send)
    assert_polite(answers)
    expected = count_expected(answers)
    figures.show(what, answers, limit=expected)
    assert count(answers) == {"201 OPEN": expected, "429 throttled": CALLS - expected}
    sessions = OTPSession.objects.filter(recipient__in=numbers)
    assert sessions.count() == expected
    assert set(sessions.values_list("address", flat=True)) == {address}


def test_without_a_proxy_every_forged_address_counts_for_the_peer(
    limited: Site, emulator: Emulator, figures: Figures
) -> None:
    first, second = KINDS.values()
    assert_limited(
        limited, first, figures, "forged addresses", lambda _: forge(), address="127.0.0.1"
    )
    # Another peer, who says to be the first, has a limit of its own.
    assert_limited(
        limited,
        second,
        figures,
        "another peer",
        lambda _: "127.0.0.1",
        address="127.0.0.2",
        peer="127.0.0.2",
    )


def test_behind_one_proxy_only_the_entry_that_it_wrote_counts(
    limited_behind_proxy: Site, emulator: Emulator, figures: Figures
) -> None:
    first, second = KINDS.values()
    for kind, address in [(first, "198.51.100.7"), (second, "198.51.100.8")]:
        assert_limited(
            limited_behind_proxy,
            kind,
            figures,
            f"forged, then {address} in {len(SPELLINGS)} spellings",
            lambda i, seen=address: f"{forge()}, {SPELLINGS[i % len(SPELLINGS)].format(seen)}",
            address=address,
        )


def test_behind_one_proxy_what_is_no_address_counts_for_the_peer(
    limited_behind_proxy: Site, emulator: Emulator, figures: Figures
) -> None:
    assert_limited(
        limited_behind_proxy,
        KINDS["own codes"],
        figures,
        f"{len(ODD)} odd entries",
        lambda index: f"{forge()}, {ODD[index % len(ODD)]}",
        address="127.0.0.3",
        peer="127.0.0.3",
    )


def test_behind_one_proxy_all_addresses_of_one_network_of_ipv6_count_as_one(
    limited_behind_proxy: Site, emulator: Emulator, figures: Figures
) -> None:
    answers = call_at_once(
        CALLS,
        lambda _: limited_behind_proxy.post(
            "send/",
            headers={"X-Forwarded-For": f"{forge()}, 2001:db8:1:2::{secrets.randbits(16):x}"},
            recipient=make_number(),
            purpose="own",
        ),
    )
    assert_polite(answers)
    expected = count_expected(answers)
    figures.show("random addresses of one /64", answers, limit=expected)
    assert count(answers) == {"201 OPEN": expected, "429 throttled": CALLS - expected}
