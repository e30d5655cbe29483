"""What the clients are given: addresses and tokens, checked once and shown nowhere."""

from __future__ import annotations

import ipaddress
import re
from typing import TypedDict
from urllib.parse import urlsplit

from django_d7verify.exceptions import ConfigurationError


class TransportOptions(TypedDict, total=False):
    """What every client hands on to its ``Transport``, which says what each is."""

    connect_timeout_seconds: float
    read_timeout_seconds: float
    total_timeout_seconds: float
    pool_size: int
    proxy_url: str | None
    ca_bundle: str | None


class Secret(str):
    """A str that is its value everywhere but in ``repr``, and so in no traceback's locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def check_url(url: str, *, option: str) -> str:
    """
    Return *url* as it is.

    Raises ``ConfigurationError``, naming *option* and not the address, unless it is https, or
    http on this machine, with a host and without credentials, query and fragment.
    """
    scheme, host = _split_url(url)
    if not host:
        raise ConfigurationError(f"{option} is not an address that can be called.")
    if "@" in url or "?" in url or "#" in url:
        raise ConfigurationError(f"{option} must have no credentials, query or fragment.")
    if scheme != "https" and not (scheme == "http" and _is_loopback(host)):
        raise ConfigurationError(f"{option} must be https; http is taken on this machine only.")
    return url


def check_token(api_token: str) -> Secret:
    """Return *api_token* for keeping. Raises ``ConfigurationError`` if no header can hold it."""
    if not isinstance(api_token, str) or not re.fullmatch(r"[!-~]+", api_token):
        raise ConfigurationError("api_token must be visible ASCII characters, and not empty.")
    return Secret(api_token)


def check_proxy_url(url: str) -> Secret:
    """
    Return *url*, which may hold credentials, if it is a proxy's address.

    Raises ``ConfigurationError`` if not.
    """
    scheme, host = _split_url(url)
    if not host or scheme not in {"http", "https"}:
        raise ConfigurationError("proxy_url must be http://host:port or https://host:port.")
    return Secret(url)


def _split_url(url: str) -> tuple[str, str]:
    """Scheme and host; no host if parsers could differ on which it is."""
    if not isinstance(url, str) or not re.fullmatch(r"[!-\[\]-~]+", url):
        return "", ""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
