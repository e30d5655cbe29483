"""Where a request comes from: the client's address, and who asks, as plain values."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from .conf import conf
from .words import Requester

_USER_AGENT_LENGTH = 200
_LANGUAGE_LENGTH = 16


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
