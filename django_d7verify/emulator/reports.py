"""How a delivery report looks on the wire (gateway-apis F), and where it may go."""

from __future__ import annotations

import ipaddress
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from .records import Message
from .wire import JSON

#: ``%dlr%`` as Kannel numbers it (gateway-apis F.4); an unlisted word stays a word.
KANNEL_VALUES = {
    "delivered": "1",
    "undelivered": "2",
    "failed": "2",
    "expired": "2",
    "queued": "4",
    "buffered": "4",
    "sent": "8",
    "accepted": "8",
    "rejected": "16",
}

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request that the provider makes to the customer."""

    method: str
    url: str
    content_type: str = ""
    body: bytes = b""


def make_post(url: str, fields: dict[str, str], report_format: str) -> Outgoing:
    """A POST of *fields* as "form", "multipart" or "json" (gateway-apis C24)."""
    if report_format == "json":
        return Outgoing("POST", url, JSON, json.dumps(fields).encode())
    if report_format == "multipart":
        boundary = secrets.token_hex(16)
        content_type = f"multipart/form-data; boundary={boundary}"
        return Outgoing("POST", url, content_type, _make_multipart(fields, boundary))
    body = urlencode(fields, errors="replace").encode()
    return Outgoing("POST", url, FORM, body)


def make_d7_report(message: Message, status: str, report_format: str) -> Outgoing:
    """D7's report on one message (gateway-apis F.1)."""
    fields = {
        "request_id": message.reference,
        "msg_id": message.msg_id,
        "recipient": message.recipient,
        "originator": message.originator,
        "status": status,
    }
    return make_post(message.report_url, fields, report_format)


def make_messenger_report(message: Message, status: str, values: str, now: datetime) -> Outgoing:
    """
    Messenger's GET of ``dlruri`` with its placeholders replaced (gateway-apis F.4).

    The format of ``%time%`` is documented nowhere; this is that of ``deliverytime``.
    """
    dlr = KANNEL_VALUES.get(status, status) if values == "kannel" else status
    url = message.report_url
    for placeholder, value in {
        "%smsid%": message.reference,
        "%dlr%": dlr,
        "%receiver%": message.recipient.removeprefix("+"),
        "%time%": now.strftime("%Y-%m-%d %H:%M:%S"),
    }.items():
        url = url.replace(placeholder, quote(value, safe="", errors="replace"))
    return Outgoing("GET", url)


def is_loopback(url: str) -> bool:
    """Whether *url* is plain http to this machine: the emulator calls nobody else."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "http":
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _make_multipart(fields: dict[str, str], boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode("utf-8", "replace")
