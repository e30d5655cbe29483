"""
The edge: where a request comes from, and how much one place may ask for.

This is the one module over django-ratelimit, and only over its ``get_usage``. It is a fence:
counts in a cache are lost and raced, so what must hold holds in the database (``limits``). If
the cache is gone the edge refuses politely, with 503.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Sequence
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from . import signals
from .conf import conf
from .exceptions import GatewayUnreachable, Throttled
from .models import OTPSession
from .words import GatewayReason, LimitName, Requester

logger = logging.getLogger("django_d7verify")

#: The largest body that the API and delivery reports need, and more.
MAX_BODY_BYTES = 16 * 1024
#: Python refuses to read numbers of thousands of digits.
_LENGTH_DIGITS = 10
_USER_AGENT_LENGTH = 200
_LANGUAGE_LENGTH = 16
_CACHE_DOWN = {"event": "edge_cache_down"}
_IPV6_NETWORK_BITS = 64


def make_requester(request: HttpRequest) -> Requester:
    """Who asks, from *request*; services take this value and never a request."""
    return Requester(
        address=get_client_address(request),
        user_agent=_printable(request.headers.get("User-Agent", ""))[:_USER_AGENT_LENGTH],
        language=_printable(getattr(request, "LANGUAGE_CODE", "") or "")[:_LANGUAGE_LENGTH],
    )


def get_client_address(request: HttpRequest) -> str:
    """
    The client's address as text, "" where there is none (a unix socket).

    ``REMOTE_ADDR``, or with ``TRUSTED_PROXY_COUNT`` n the n-th from the right of
    ``X-Forwarded-For``: what is further left was written by the client. Anything odd there means
    ``REMOTE_ADDR``. IPv4 in IPv6 is unmapped.
    """
    remote = _parse_address(request.META.get("REMOTE_ADDR", ""))
    count = conf.TRUSTED_PROXY_COUNT
    if not count:
        return remote
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    forwarded = _parse_address(hops[-count]) if len(hops) >= count else ""
    return forwarded or remote


def read_length(request: HttpRequest) -> int | None:
    """Bytes that the body is said to have, or as many as are too many; None for no number."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdecimal()):
        return None
    return int(text.lstrip("0")[:_LENGTH_DIGITS] or "0")


def claim_send(request: HttpRequest) -> None:
    """
    Count a code that *request* asks for, by address and by user.

    Raises ``Throttled``, or ``GatewayUnreachable`` where the cache does not answer.
    """
    network = _get_network(request)
    rates = conf.SENDS_PER_IPV6 if ":" in network else conf.SENDS_PER_IPV4
    _watch(request, network)
    _claim(request, LimitName.SENDS_PER_ADDRESS, network, rates)
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        _claim(request, LimitName.SENDS_PER_USER, str(user.pk), conf.SENDS_PER_USER)


def check_attempt(request: HttpRequest) -> None:
    """Refuse, by ``Throttled``, an address that has tried too many wrong codes; counts nothing."""
    _use(request, LimitName.WRONG_CODES_PER_ADDRESS, conf.WRONG_CODES_PER_ADDRESS, increment=False)


def count_wrong_code(request: HttpRequest) -> None:
    """Count a wrong code against its address. Raises nothing: the answer is given already."""
    try:
        _use(request, LimitName.WRONG_CODES_PER_ADDRESS, conf.WRONG_CODES_PER_ADDRESS)
    except (Throttled, GatewayUnreachable):
        return


def _use(
    request: HttpRequest, limit: LimitName, rates: Sequence[str], *, increment: bool = True
) -> None:
    _claim(request, limit, _get_network(request), rates, increment=increment)


def _watch(request: HttpRequest, network: str) -> None:
    usage = _count(request, "watched", network, conf.WATCHED_SENDS_PER_ADDRESS, increment=True)
    if usage and usage["should_limit"]:
        _say_observed(LimitName.SENDS_PER_ADDRESS, network)


def _claim(
    request: HttpRequest,
    limit: LimitName,
    value: str,
    rates: Sequence[str],
    *,
    increment: bool = True,
) -> None:
    is_enforced = conf.is_enforced(limit)
    for rate in rates:
        usage = _count(request, limit, value, rate, increment=increment)
        if usage is None:
            if is_enforced:
                raise GatewayUnreachable(
                    "The cache of the edge limits does not answer.", reason=GatewayReason.EDGE_DOWN
                )
            continue
        # Without incrementing, a count at the limit is one that the next would pass.
        is_over = usage["should_limit"] or (not increment and usage["count"] >= usage["limit"])
        if is_over and is_enforced:
            # A window of django-ratelimit has its last second in it.
            raise Throttled(usage["time_left"] + 1)
        if is_over:
            _say_observed(limit, value)


def _count(
    request: HttpRequest, limit: str, value: str, rate: str, *, increment: bool
) -> dict[str, Any] | None:
    """
    django-ratelimit's count, or None where the cache gives none.

    Each cache client has errors of its own, which ``RATELIMIT_FAIL_OPEN`` does not cover.
    """
    try:
        usage: dict[str, Any] | None = get_usage(
            request,
            group=f"d7verify.{limit}",
            key=lambda _group, _request: _hash(value),
            rate=rate,
            increment=increment,
        )
    except ImproperlyConfigured:
        raise
    except Exception:
        logger.exception("The cache of the edge limits does not answer.", extra=_CACHE_DOWN)
        return None
    if usage is None:  # RATELIMIT_ENABLE is off.
        return {"should_limit": False, "count": 0, "limit": 1, "time_left": 0}
    # A limit of 0 is how it says that the cache gave no count; with a dummy, each is the first.
    if not usage["limit"] or isinstance(caches[conf.edge_cache], DummyCache):
        logger.error("The cache of the edge limits keeps no counts.", extra=_CACHE_DOWN)
        return None
    return usage


def _say_observed(limit: LimitName, scope: str) -> None:
    extra = {"event": "limit_observed", "limit": str(limit), "scope": scope}
    logger.warning("%s passed by %s.", limit, scope, extra=extra)
    signals.limit_observed.send_robust(sender=OTPSession, limit=limit, scope=scope)


def _hash(value: str) -> str:
    # Keys of a cache are read by many; addresses and users are nobody's there.
    return hmac.digest(conf.SECRET_KEYS[0].encode(), value.encode(), hashlib.sha256).hex()


def _get_network(request: HttpRequest) -> str:
    """The address whose limits count: IPv4 as it is, IPv6 by its /64, "none" for none."""
    address = get_client_address(request)
    if ":" not in address:
        return address or "none"
    return str(ipaddress.ip_network(f"{address}/{_IPV6_NETWORK_BITS}", strict=False))


def _parse_address(text: str) -> str:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return ""
        return str(address.ipv4_mapped or address)
    return str(address)


def _printable(text: str) -> str:
    # Log and admin lines are made of it: no control characters, no line breaks.
    return "".join(letter for letter in text if letter.isprintable())
