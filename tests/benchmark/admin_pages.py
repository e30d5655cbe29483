"""
How long each page of the admin takes over what ``fill`` wrote; fails where one takes a second.

::

    D7VERIFY_TEST_DATABASE_URL=postgresql://… python -m tests.benchmark.admin_pages
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import django
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

_LONGEST_SECONDS = 1.0
_APP = "/admin/django_d7verify/"
_LIST = f"{_APP}otpsession/"


def find_pages() -> dict[str, str]:
    """What is measured: a name and an address."""
    from django_d7verify.models import OTPSession, Recipient

    session = OTPSession.objects.order_by("-created_at")[1000]
    recipient = Recipient.objects.order_by("-pk")[1000]
    digits = session.recipient_id[-4:]
    return {
        "list": _LIST,
        "list, page 10": f"{_LIST}?p=10",
        "list, 90 days": f"{_LIST}?period=90",
        **{
            f"status {word}": f"{_LIST}?status={word}"
            for word in ("OPEN", "APPROVED", "EXPIRED", "LOCKED", "CANCELLED", "FAILED")
        },
        "status OPEN, 90 days": f"{_LIST}?status=OPEN&period=90",
        "status LOCKED, 90 days": f"{_LIST}?status=LOCKED&period=90",
        "a purpose": f"{_LIST}?purpose=change_phone",
        "a purpose that nobody has, 90 days": f"{_LIST}?purpose=none&period=90",
        "a gateway": f"{_LIST}?gateway=backup",
        "a country": f"{_LIST}?country=FR",
        "a country that nobody is in, 90 days": f"{_LIST}?country=XX&period=90",
        "delivery undelivered": f"{_LIST}?delivery=undelivered",
        "delivery queued, 90 days": f"{_LIST}?delivery=queued&period=90",
        "delivery sent, which none has": f"{_LIST}?delivery=sent",
        "delivery sent, which none has, 90 days": f"{_LIST}?delivery=sent&period=90",
        "three filters": f"{_LIST}?status=FAILED&country=FR&gateway=backup&period=90",
        "search by number": f"{_LIST}?q=%2B{session.recipient_id[1:]}",
        "search by four digits": f"{_LIST}?q={digits}",
        "search by seven digits": f"{_LIST}?q={session.recipient_id[-7:]}",
        "search by id": f"{_LIST}?q={session.pk}",
        "search for nothing": f"{_LIST}?q=nobody",
        "one session": f"{_LIST}{session.pk}/change/",
        "statistics, 7 days": f"{_LIST}statistics/?days=7",
        "statistics, 30 days": f"{_LIST}statistics/",
        "statistics, 90 days": f"{_LIST}statistics/?days=90",
        "recipients": f"{_APP}recipient/",
        "recipients, stopped": f"{_APP}recipient/?standing=stopped",
        "recipients, disabled": f"{_APP}recipient/?standing=disabled",
        "recipients, by four digits": f"{_APP}recipient/?q={digits}",
        "one recipient": f"{_APP}recipient/{recipient.pk}/change/",
        "budgets": f"{_APP}budget/",
    }


def main() -> None:
    """Measure each page: the first time, and again."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    users: Any = get_user_model()._default_manager
    user, _made = users.get_or_create(username="meter", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    client.get(_LIST)
    slow = False
    print(f"{'':42}{'first':>8}{'again':>8}{'SQL':>6}")
    for name, url in find_pages().items():
        took = []
        for _time in range(2):
            with CaptureQueriesContext(connection) as captured:
                began = time.perf_counter()
                answer = client.get(url)
                took.append(time.perf_counter() - began)
            assert answer.status_code == 200, (name, answer.status_code)
        slow = slow or took[0] > _LONGEST_SECONDS
        mark = "  SLOW" if took[0] > _LONGEST_SECONDS else ""
        print(f"{name:42}{took[0]:8.3f}{took[1]:8.3f}{len(captured):6}{mark}", flush=True)
    sys.exit(slow)


if __name__ == "__main__":
    main()
