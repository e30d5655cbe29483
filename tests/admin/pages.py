"""Addresses of the admin's pages, and what stands on them."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

SESSIONS = "/admin/django_d7verify/otpsession/"
RECIPIENTS = "/admin/django_d7verify/recipient/"
BUDGETS = "/admin/django_d7verify/budget/"
STATISTICS = f"{SESSIONS}statistics/"
BALANCES = f"{SESSIONS}balances/"
EXPORT = f"{SESSIONS}export/"


def read(client: Client, url: str, **query: str) -> str:
    """The page, which must be there."""
    answer: Any = client.get(url, query)
    assert answer.status_code == 200, (url, answer.status_code)
    if answer.streaming:
        return b"".join(answer.streaming_content).decode()
    return str(answer.content.decode())


def get_story(otp_id: str) -> str:
    return f"{SESSIONS}{otp_id}/change/"


def find_listed(client: Client, **query: str) -> set[str]:
    """Ids of the sessions in the list."""
    content = read(client, SESSIONS, **query)
    return set(
        re.findall(r'href="/admin/django_d7verify/otpsession/([-0-9a-f]{36})/change/', content)
    )


def act(client: Client, otp_id: str, action: str) -> Any:
    """Press a button of a session's page."""
    return client.post(f"{SESSIONS}{otp_id}/act/", {"action": action})
