"""The page of one session: all that happened, in order, for staff to read out."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import GatewayError
from django_d7verify.gateways import locmem
from django_d7verify.gateways.base import DeliveryReport
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.words import Delivery, EventKind, Requester
from tests.conftest import API_TOKEN, NUMBER

from .pages import get_story, read

pytestmark = pytest.mark.django_db(transaction=True)

WHO = Requester(address="198.51.100.24", user_agent="A telephone", language="ar")


def read_timeline(content: str) -> list[str]:
    """The lines of the timeline as text."""
    part = content.partition('<ol class="d7-timeline">')[2].partition("</ol>")[0]
    lines = re.split(r"<li class=\"d7-\w+\">", part)[1:]
    return [" ".join(unescape(re.sub("<[^>]+>", " ", line)).split()) for line in lines]


def test_a_whole_story_is_told_in_order_with_times_words_and_who(staff: Any) -> None:
    start = timezone.now() - timedelta(minutes=5)
    otp_id = services.send_otp(NUMBER, purpose="login", now=start, requester=WHO).otp_id
    Pin.objects.update(reference="first")
    wrong = f"{(int(str(locmem.outbox[-1].code)) + 1) % 10**6:06}"
    services.verify_otp(otp_id, wrong, now=start + timedelta(seconds=31), requester=WHO)
    lost = DeliveryReport(reference="first", delivery=Delivery.UNDELIVERED, word="EXPIRED")
    services.record_delivery("default", lost, now=start + timedelta(seconds=58))
    services.resend_otp(otp_id, now=start + timedelta(seconds=75), requester=WHO)
    Pin.objects.filter(generation=2).update(reference="second")
    there = DeliveryReport(
        reference="second",
        delivery=Delivery.DELIVERED,
        word="DELIVRD",
        parts=1,
        cost=Decimal("0.034"),
    )
    services.record_delivery("default", there, now=start + timedelta(seconds=81))
    code = str(locmem.outbox[-1].code)
    services.verify_otp(otp_id, code, now=start + timedelta(seconds=95), requester=WHO)
    content = read(staff, get_story(otp_id))
    lines = read_timeline(content)
    expected = [
        r"Code asked for purpose: login from 198\.51\.100\.24$",
        r"\+0 s Code sent code no\. 1 through default$",
        r"\+31 s Wrong code from 198\.51\.100\.24$",
        r"\+58 s Delivery reported code no\. 1 through default Not delivered$",
        r"\+1 min 15 s Code sent code no\. 2 through default$",
        r"\+1 min 21 s Delivery reported code no\. 2 through default Delivered$",
        r"\+1 min 35 s Approved from 198\.51\.100\.24$",
    ]
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d " + pattern, line), line
    for text in ["DELIVRD", "EXPIRED", "0.0340", "second", "A telephone", "Approved after"]:
        assert text in content, text
    assert code not in re.sub(r"[-\d]{36}|\d\d:\d\d:\d\d", "", content)


def test_an_open_session_that_ran_out_ends_with_that(staff: Client) -> None:
    start = timezone.now() - timedelta(hours=1)
    otp_id = services.send_otp(NUMBER, now=start).otp_id
    assert re.search(r"\+10 min 0 s Expired", read_timeline(read(staff, get_story(otp_id)))[-1])


def test_a_failure_is_told_with_its_reason_and_the_providers_words(
    staff: Client, d7: Emulator
) -> None:
    d7.add_fault("no_credit")
    with pytest.raises(GatewayError):
        services.send_otp(NUMBER)
    content = read(staff, get_story(str(OTPSession.objects.get().pk)))
    assert "no credit with the provider" in read_timeline(content)[-1]
    assert "The provider's answer" in unescape(content)
    assert Event.objects.get().answer
    assert unescape(content).count(Event.objects.get().answer) == 1
    assert API_TOKEN not in content


def test_a_hidden_decoy_is_called_nobodys_for_staff(staff: Client) -> None:
    otp_id = services.send_login_otp(NUMBER).otp_id
    Event.objects.all().delete()
    OTPSession.objects.filter(pk=otp_id).update(decoy=True)
    Event(session_id=otp_id, kind=EventKind.DECOY, at=timezone.now()).save()
    assert (
        "Nothing sent: nobody has this number" in read_timeline(read(staff, get_story(otp_id)))[-1]
    )


def test_every_kind_of_event_has_a_line(staff: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    Event.objects.all().delete()
    for kind in EventKind:
        Event(session_id=otp_id, kind=kind, at=timezone.now(), reason="a word").save()
    Event.objects.filter(kind=EventKind.DELIVERY).update(reason="delivered")
    content = " ".join(read_timeline(read(staff, get_story(otp_id))))
    for kind in EventKind:
        assert str(kind.label) in content


def test_other_sessions_of_the_number_are_one_step_away(staff: Client) -> None:
    now = timezone.now()
    ids = [
        services.send_otp(NUMBER, now=now - timedelta(seconds=70 * ago)).otp_id for ago in (2, 1)
    ]
    stranger = services.send_otp("+37251234568").otp_id
    content = read(staff, get_story(ids[0]))
    assert get_story(ids[1]) in content
    assert get_story(stranger) not in content


def test_the_page_takes_the_same_statements_however_long_the_story(staff: Client) -> None:
    otp_id = services.send_otp(NUMBER).otp_id
    counts = []
    for first in (2, 22):
        with CaptureQueriesContext(connection) as captured:
            read(staff, get_story(otp_id))
        counts.append(len(captured))
        for number in range(20):
            Event(session_id=otp_id, kind=EventKind.WRONG_CODE, at=timezone.now()).save()
            Pin.objects.create(
                session_id=otp_id,
                generation=first + number,
                code_length=6,
                created_at=timezone.now(),
                expires_at=timezone.now(),
            )
    assert counts[0] == counts[1] <= 12


def test_what_comes_from_outside_is_escaped(staff: Client) -> None:
    evil = Requester(address="1.1.1.1", user_agent="<script>alert(1)</script>")
    otp_id = services.send_otp(NUMBER, requester=evil).otp_id
    Event.objects.update(answer="<img src=x onerror=alert(2)>")
    Pin.objects.update(delivery=Delivery.DELIVERED, delivery_word="<b>bold</b>")
    content = read(staff, get_story(otp_id))
    for text in ["<script>alert", "<img src=x", "<b>bold"]:
        assert text not in content
