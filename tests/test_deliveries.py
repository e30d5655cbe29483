"""What the network says of a message: reported to a secret path, or asked for."""

from __future__ import annotations

import json
import logging
import queue
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.core.signals import request_finished
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

from django_d7verify import services, signals
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import GatewayUncertain, SessionClosed
from django_d7verify.gateways.base import CodeMessage, Receipt
from django_d7verify.gateways.messenger import MessengerSMSGateway
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.words import Delivery, EventKind, PinStatus, SessionStatus

from .conftest import NUMBER
from .contract.wires import (
    KINDS,
    PATIENCE_SECONDS,
    make_gateway_settings,
    make_wrong,
    serving,
    wait_for,
)
from .logging_in import deliver

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

urlpatterns = [
    path("api/otp/", include("django_d7verify.api.urls")),
    path("otp/reports/", include("django_d7verify.webhooks")),
]

SECRET = "first-secret-of-reports"
OLD_SECRET = "older-secret-of-reports"
FORM = "application/x-www-form-urlencoded"
D7, SMS = "D7MessagesGateway", "MessengerSMSGateway"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture(params=[D7, SMS])
def carrier(request: pytest.FixtureRequest, settings: Any, emulator: Emulator) -> str:
    """The gateway that the site sends by; its reports go to where nobody listens."""
    set_up(settings, emulator, request.param)
    return str(request.param)


def set_up(settings: Any, emulator: Emulator, name: str, **options: Any) -> None:
    settings.D7VERIFY = {
        **settings.D7VERIFY,
        # Not on this machine, so the emulator does not call it.
        "REPORT_URL": "https://site.example/otp/reports/",
        "REPORT_SECRETS": [SECRET, OLD_SECRET],
        "GATEWAYS": {"default": make_gateway_settings(name, emulator, **options)},
    }


def make_path(*, alias: str = "default", secret: str = SECRET) -> str:
    return f"/otp/reports/{alias}/{secret}/"


def make_fields(name: str, status: str, **changes: str) -> dict[str, str]:
    """What the provider of the gateway *name* would report of the newest message."""
    reference = Pin.objects.latest("pk").reference
    if name == SMS:
        return {"id": reference, "dlr": status, **changes}
    return {
        "request_id": reference,
        "msg_id": "7053a678-75fe-11ed-9e31-0242ac14001c",
        "recipient": NUMBER,
        "originator": "SignOTP",
        "status": status,
        **changes,
    }


def report(client: Client, name: str, status: str, **changes: str) -> int:
    """The provider reports *status*; the HTTP status of our answer."""
    fields = make_fields(name, status, **changes)
    if name == SMS:
        return client.get(make_path(), fields).status_code
    return client.post(make_path(), urlencode(fields), content_type=FORM).status_code


def get_state() -> tuple[object, ...]:
    """Everything that a report could change."""
    return (
        list(OTPSession.objects.values_list()),
        list(Pin.objects.values_list()),
        list(Event.objects.values_list()),
    )


def get_delivery() -> str:
    return str(Pin.objects.latest("pk").delivery)


# In Django's test client.


def test_reports_go_forward_to_delivered_and_each_is_kept(carrier: str, client: Client) -> None:
    services.send_otp(NUMBER)
    assert get_delivery() == Delivery.UNKNOWN
    assert report(client, carrier, "sent") == 200
    assert get_delivery() == Delivery.SENT
    assert report(client, carrier, "delivered") == 200
    pin = Pin.objects.get()
    assert (pin.delivery, pin.delivery_word) == (Delivery.DELIVERED, "delivered")
    assert pin.delivery_at is not None
    told = Event.objects.filter(kind=EventKind.DELIVERY).values_list("reason", "gateway")
    assert list(told) == [("sent", "default"), ("delivered", "default")]


def test_d7s_id_of_the_message_is_kept(settings: Any, emulator: Emulator, client: Client) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    report(client, D7, "sent")
    assert Pin.objects.get().message_id == "7053a678-75fe-11ed-9e31-0242ac14001c"


@pytest.mark.parametrize("kind", ["form", "multipart", "json", "json with charset"])
def test_d7_may_post_a_form_a_multipart_or_json(
    settings: Any, emulator: Emulator, client: Client, kind: str
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    fields = make_fields(D7, "delivered")
    match kind:
        case "form":
            answer = client.post(make_path(), urlencode(fields), content_type=FORM)
        case "multipart":
            answer = client.post(make_path(), fields)
        case _:
            charset = "; charset=utf-8" if "charset" in kind else ""
            content_type = f"application/json{charset}"
            answer = client.post(make_path(), json.dumps(fields), content_type=content_type)
    assert (answer.status_code, answer.content) == (200, b"OK")
    assert get_delivery() == Delivery.DELIVERED


@pytest.mark.parametrize(
    ("table", "word_and_delivery"),
    [
        ("words", ("delivered", Delivery.DELIVERED)),
        ("words", ("DELIVERED", Delivery.DELIVERED)),
        ("words", ("rejected", Delivery.UNDELIVERED)),
        ("words", ("expired", Delivery.UNDELIVERED)),
        ("words", ("buffered", Delivery.QUEUED)),
        ("words", ("1", Delivery.UNKNOWN)),
        ("kannel", ("1", Delivery.DELIVERED)),
        ("kannel", ("2", Delivery.UNDELIVERED)),
        ("kannel", ("4", Delivery.QUEUED)),
        ("kannel", ("8", Delivery.SENT)),
        ("kannel", ("16", Delivery.UNDELIVERED)),
        ("kannel", ("3", Delivery.UNKNOWN)),
        ("kannel", ("delivered", Delivery.UNKNOWN)),
    ],
)
def test_messengers_values_mean_what_the_sites_table_says(
    settings: Any,
    emulator: Emulator,
    client: Client,
    table: str,
    word_and_delivery: tuple[str, Delivery],
) -> None:
    word, delivery = word_and_delivery
    set_up(settings, emulator, SMS, delivery_words=table)
    services.send_otp(NUMBER)
    assert report(client, SMS, word) == 200
    assert get_delivery() == delivery


class HastyGateway(MessengerSMSGateway):
    """Its provider reports a message before it has answered for it."""

    def send(self, message: CodeMessage) -> Receipt:
        receipt = super().send(message)
        services.record_report(self.alias, {"id": receipt.reference, "dlr": "delivered"})
        return receipt


@pytest.mark.parametrize("dispatcher", ["InlineDispatcher", "held"])
def test_a_report_that_is_quicker_than_the_answer_is_kept_where_the_id_is_ours(
    settings: Any, emulator: Emulator, dispatcher: str
) -> None:
    set_up(settings, emulator, SMS)
    settings.D7VERIFY["GATEWAYS"]["default"]["BACKEND"] = f"{__name__}.HastyGateway"
    if dispatcher == "held":
        settings.D7VERIFY["DISPATCHER"] = "tests.logging_in.HeldDispatcher"
    services.send_otp(NUMBER)
    if dispatcher == "held":
        assert not Pin.objects.get().reference
        deliver()
    pin = Pin.objects.get()
    assert (pin.status, pin.delivery) == (PinStatus.SENT, Delivery.DELIVERED)
    kinds = Event.objects.order_by("at", "pk").values_list("kind", flat=True)
    assert sorted(kinds) == [EventKind.DELIVERY, EventKind.SENT]


def test_a_report_on_a_message_whose_answer_was_lost_is_kept_where_the_id_is_ours(
    settings: Any, emulator: Emulator, client: Client
) -> None:
    set_up(settings, emulator, SMS)
    emulator.add_fault("cut_body", path=KINDS[SMS].send_path)
    with pytest.raises(GatewayUncertain):
        services.send_otp(NUMBER)
    [call] = emulator.calls(KINDS[SMS].send_path)
    assert call["body"]["dlrid"] == Pin.objects.get().reference
    assert report(client, SMS, "delivered") == 200
    pin = Pin.objects.get()
    assert (pin.status, pin.delivery) == (PinStatus.UNCERTAIN, Delivery.DELIVERED)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_both_secrets_of_a_rotation_are_taken_and_the_first_is_given_out(
    carrier: str, client: Client, emulator: Emulator, secret: str
) -> None:
    services.send_otp(NUMBER)
    [call] = emulator.calls(KINDS[carrier].send_path)
    assert SECRET in str(call["body"])
    assert OLD_SECRET not in str(call["body"])
    fields = make_fields(carrier, "delivered")
    if carrier == SMS:
        answer = client.get(make_path(secret=secret), fields)
    else:
        answer = client.post(make_path(secret=secret), fields)
    assert answer.status_code == 200
    assert get_delivery() == Delivery.DELIVERED


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another-secret-of-reports"},
        {"secret": SECRET[:-1]},
        {"secret": SECRET + "x"},
        {"secret": SECRET.upper()},
        {"secret": "é" * 20},
        {"alias": "other"},
        {"alias": "plain"},
        {"alias": "broken"},
        {"alias": "default%00"},
    ],
    ids=lambda wrong: "-".join(wrong.values()),
)
def test_a_wrong_secret_or_alias_is_not_found_and_changes_nothing(
    carrier: str, client: Client, settings: Any, wrong: dict[str, str]
) -> None:
    gateways = settings.D7VERIFY["GATEWAYS"]
    gateways["plain"] = {"BACKEND": KINDS["LocMemGateway"].backend}
    gateways["broken"] = {"BACKEND": "no.such.Gateway"}
    services.send_otp(NUMBER)
    fields = make_fields(carrier, "delivered")
    before = get_state()
    assert client.get(make_path(**wrong), fields).status_code == 404
    assert client.post(make_path(**wrong), fields).status_code == 404
    assert get_state() == before


def test_without_secrets_no_report_is_taken(carrier: str, client: Client, settings: Any) -> None:
    services.send_otp(NUMBER)
    settings.D7VERIFY = {**settings.D7VERIFY, "REPORT_SECRETS": []}
    assert report(client, carrier, "delivered") == 404
    assert get_delivery() == Delivery.UNKNOWN


def test_another_method_than_the_providers_is_refused_and_changes_nothing(
    carrier: str, client: Client
) -> None:
    services.send_otp(NUMBER)
    before = get_state()
    ours = "GET" if carrier == SMS else "POST"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} - {ours}:
        fields = urlencode(make_fields(carrier, "delivered"))
        address = f"{make_path()}?{fields}"
        answer = client.generic(method, address, fields, content_type=FORM)
        assert (answer.status_code, answer.headers["Allow"]) == (405, ours), method
    assert get_state() == before


def test_no_csrf_token_is_asked_for(carrier: str, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    services.send_otp(NUMBER)
    assert report(Client(enforce_csrf_checks=True), carrier, "delivered") == 200
    assert get_delivery() == Delivery.DELIVERED


def test_a_report_on_somebody_else_is_taken_for_none(
    settings: Any, emulator: Emulator, client: Client
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    before = get_state()
    for recipient in ("+971507654321", "", "+", "971501234568", "+9715*****67"):
        assert report(client, D7, "delivered", recipient=recipient) == 200
    assert get_state() == before


@pytest.mark.parametrize("recipient", [NUMBER, NUMBER[1:], f" {NUMBER[1:]}"])
def test_the_recipient_is_known_with_and_without_its_plus(
    settings: Any, emulator: Emulator, client: Client, recipient: str
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    report(client, D7, "delivered", recipient=recipient)
    assert get_delivery() == Delivery.DELIVERED


def test_a_repeated_report_changes_nothing_and_says_so_to_nobody(
    carrier: str, client: Client
) -> None:
    services.send_otp(NUMBER)
    told: list[object] = []
    signals.otp_delivery_reported.connect(lambda **kwargs: told.append(kwargs), weak=False)
    try:
        report(client, carrier, "delivered")
        before = get_state()
        assert report(client, carrier, "delivered") == 200
        assert get_state() == before
        assert len(told) == 1
    finally:
        signals.otp_delivery_reported.receivers.clear()
        signals.otp_delivery_reported.sender_receivers_cache.clear()


@pytest.mark.parametrize("last", ["delivered", "undelivered"])
@pytest.mark.parametrize("late", ["sent", "queued", "delivered", "undelivered"])
def test_nothing_goes_back_from_a_last_word(
    carrier: str, client: Client, last: str, late: str
) -> None:
    services.send_otp(NUMBER)
    report(client, carrier, last)
    before = get_state()
    # D7 has no such word as queued, and says "scheduled".
    word = "scheduled" if (carrier, late) == (D7, "queued") else late
    assert report(client, carrier, word) == 200
    assert get_state() == before


def test_sent_does_not_go_back_to_queued(carrier: str, client: Client) -> None:
    services.send_otp(NUMBER)
    word = "queued" if carrier == SMS else "processed"
    report(client, carrier, "sent")
    report(client, carrier, word)
    assert get_delivery() == Delivery.SENT


def test_an_unknown_reference_is_answered_and_not_stored(carrier: str, client: Client) -> None:
    services.send_otp(NUMBER)
    key = "id" if carrier == SMS else "request_id"
    before = get_state()
    for reference in ("7c1b9d2e-0000-4000-8000-000000000000", "x" * 200, "%", "'", "*"):
        assert report(client, carrier, "delivered", **{key: reference}) == 200
    assert get_state() == before


def test_a_report_through_another_gateway_than_the_sending_one_changes_nothing(
    carrier: str, client: Client, settings: Any, emulator: Emulator
) -> None:
    gateways = settings.D7VERIFY["GATEWAYS"]
    gateways["twin"] = make_gateway_settings(carrier, emulator, read_timeout_seconds=4)
    services.send_otp(NUMBER)
    fields = make_fields(carrier, "delivered")
    before = get_state()
    address = make_path(alias="twin")
    call = client.get if carrier == SMS else client.post
    assert call(address, fields).status_code == 200
    assert get_state() == before


def test_an_unknown_word_changes_nothing_and_is_logged(
    carrier: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    services.send_otp(NUMBER)
    before = get_state()
    caplog.set_level(logging.WARNING)
    assert report(client, carrier, "exploded") == 200
    assert get_state() == before
    assert "exploded" in caplog.text
    assert report(client, carrier, "delivered") == 200
    assert get_delivery() == Delivery.DELIVERED


@pytest.mark.parametrize("status", ["delivered", "undelivered", "sent"])
def test_a_report_never_approves_a_session(carrier: str, client: Client, status: str) -> None:
    otp = services.send_otp(NUMBER)
    report(client, carrier, status)
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == (SessionStatus.OPEN, 0)
    assert services.get_otp(otp.otp_id).attempts_left == 5


def test_a_report_never_reopens_a_session(carrier: str, client: Client, emulator: Emulator) -> None:
    otp = services.send_otp(NUMBER)
    code = str(emulator.messages(NUMBER)[-1]["code"])
    for variant in range(1, 6):
        services.verify_otp(otp.otp_id, make_wrong(code, variant))
    report(client, carrier, "sent")
    report(client, carrier, "delivered")
    assert services.get_otp(otp.otp_id).status == SessionStatus.LOCKED
    with pytest.raises(SessionClosed):
        services.verify_otp(otp.otp_id, code)


def test_a_report_on_a_cancelled_an_approved_or_an_expired_session_is_kept_and_changes_only_that(
    carrier: str, client: Client, emulator: Emulator
) -> None:
    now = timezone.now()
    ends = {
        SessionStatus.CANCELLED: lambda otp: services.cancel_otp(otp.otp_id),
        SessionStatus.APPROVED: lambda otp: services.verify_otp(
            otp.otp_id, str(emulator.messages(NUMBER)[-1]["code"])
        ),
    }
    for number, (status, end) in enumerate(ends.items()):
        otp = services.send_otp(NUMBER, now=now + timedelta(minutes=number))
        end(otp)
        before = list(OTPSession.objects.values_list())
        report(client, carrier, "delivered")
        assert get_delivery() == Delivery.DELIVERED
        assert services.get_otp(otp.otp_id).status == status
        assert list(OTPSession.objects.values_list()) == before


def test_the_newest_codes_delivery_is_shown_by_the_api(carrier: str, client: Client) -> None:
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now - timedelta(seconds=60))
    address = f"/api/otp/{otp.otp_id}/"
    assert client.get(address).json()["delivery"] == ""
    report(client, carrier, "delivered")
    assert client.get(address).json()["delivery"] == "delivered"
    services.resend_otp(otp.otp_id, now=now)
    assert client.get(address).json()["delivery"] == ""
    report(client, carrier, "undelivered")
    assert client.get(address).json()["delivery"] == "undelivered"


# What no provider would send, at the right address.


@pytest.mark.parametrize("content_type", [FORM, "application/json", "text/plain"])
def test_a_huge_body_is_refused_before_it_is_read(
    settings: Any, emulator: Emulator, client: Client, content_type: str
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    before = get_state()
    body = urlencode(make_fields(D7, "delivered", originator="x" * 17_000))
    answer = client.post(make_path(), body, content_type=content_type)
    assert answer.status_code == 413
    assert get_state() == before


@pytest.mark.parametrize("length", ["", "-1", "ten", "1" * 5000, "1e3", "٣"])
def test_an_odd_content_length_is_no_error_of_ours(
    settings: Any, emulator: Emulator, client: Client, length: str
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    before = get_state()
    body = urlencode(make_fields(D7, "delivered"))
    answer = client.post(make_path(), body, content_type=FORM, CONTENT_LENGTH=length)
    assert answer.status_code in {200, 413}
    assert get_state() == before


def make_odd_bodies() -> dict[str, tuple[str, bytes]]:
    """By name: content type and body."""
    good = {"request_id": "REFERENCE", "recipient": NUMBER, "status": "delivered"}
    broken = b"--B\r\nContent-Disposition: form-data; name="
    multipart = "multipart/form-data"
    texts: dict[str, Any] = {
        "list": [good],
        "text": "delivered",
        "number": 5,
        "null": None,
        "numbers for texts": {**good, "status": 1},
        "lists for texts": {**good, "status": ["delivered"]},
        "null for a text": {**good, "status": None},
        "NUL in the reference": {**good, "request_id": "REFERENCE\0"},
        "NUL in the word": {**good, "status": "deliv\0ered"},
        "line break in the word": {**good, "status": "x\r\ny"},
        "half of an emoji": {**good, "status": "\ud83d"},
        "long reference": {**good, "request_id": "x" * 300},
        "long word": {**good, "status": "x" * 300},
        "no recipient": {"request_id": "REFERENCE", "status": "delivered"},
        "no status": {"request_id": "REFERENCE", "recipient": NUMBER},
        "many keys": {str(number): "x" for number in range(1500)},
    }
    odd = {f"JSON: {name}": ("application/json", json.dumps(text).encode())
           for name, text in texts.items()}  # fmt: skip
    nul = urlencode({**good, "request_id": "\0", "status": "\0"}).encode()
    return odd | {
        "JSON: empty": ("application/json", b""),
        "JSON: broken": ("application/json", b'{"request_id": '),
        "JSON: invalid UTF-8": ("application/json", b'{"status": "\xff"}'),
        "JSON: deep": ("application/json", b"[" * 8000 + b"]" * 8000),
        "JSON: deep object": ("application/json", b'{"a":' * 2500),
        "JSON: long number": ("application/json", b'{"status": ' + b"1" * 5000 + b"}"),
        "JSON: NaN": ("application/json", b'{"status": NaN}'),
        "form: empty": (FORM, b""),
        "form: NUL": (FORM, nul),
        "form: invalid UTF-8": (FORM, b"request_id=%FF%FE&status=\xff\xfe"),
        "form: too many fields": (FORM, b"&".join(b"a=1" for _ in range(2000))),
        "form: no fields": (FORM, b"&&&===&;;%"),
        "form: odd charset": (f"{FORM}; charset=utf-16", b"request_id=x&status=y"),
        "form: unknown charset": (f"{FORM}; charset=nonsense", b"request_id=x&status=y"),
        "multipart: no boundary": (multipart, b"x"),
        "multipart: broken": (f"{multipart}; boundary=B", broken),
        "multipart: odd boundary": (f"{multipart}; boundary=\xe9\xe9", b"--\xe9\xe9--"),
        "multipart: a file": (
            f"{multipart}; boundary=B",
            broken + b'"request_id"; filename="x"\r\n\r\nx\r\n--B--\r\n',
        ),
        "multipart: bad base64": (
            f"{multipart}; boundary=B",
            broken + b'"status"\r\nContent-Transfer-Encoding: base64\r\n\r\n?\r\n--B--\r\n',
        ),
        "no content type": ("", b"request_id=x&status=y"),
        "other content type": ("text/xml", b"<status>delivered</status>"),
    }


ODD_BODIES = make_odd_bodies()


@pytest.mark.parametrize("name", ODD_BODIES)
def test_garbage_from_whoever_knows_the_secret_changes_nothing_and_is_no_error_of_ours(
    settings: Any, emulator: Emulator, client: Client, name: str
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    reference = Pin.objects.get().reference.encode()
    before = get_state()
    content_type, body = ODD_BODIES[name]
    body = body.replace(b"REFERENCE", reference)
    answer = client.generic("POST", make_path(), body, content_type=content_type)
    assert answer.status_code in {200, 400, 413}, answer
    assert get_state() == before


@pytest.mark.parametrize(
    "query",
    ["", "id", "id=&dlr=", "id=REFERENCE", "id=REFERENCE&dlr=%00", "id=REFERENCE%00&dlr=delivered",
     "id=%FF&dlr=%FE", "dlr=delivered", "id=REFERENCE&dlr=" + "x" * 300,
     "id=REFERENCE&dlr=d%0D%0Aelivered", "id[]=REFERENCE&dlr[]=delivered", "&".join(["a=1"] * 2000),
     "id=" + "x" * 5000 + "&dlr=delivered", "%", "id=REFERENCE&dlr=%F0%9F%98%80"],
    ids=lambda query: query[:30] or "empty",
)  # fmt: skip
def test_a_garbage_query_changes_nothing_and_is_no_error_of_ours(
    settings: Any, emulator: Emulator, client: Client, query: str
) -> None:
    set_up(settings, emulator, SMS)
    services.send_otp(NUMBER)
    query = query.replace("REFERENCE", Pin.objects.get().reference)
    before = get_state()
    answer = client.generic("GET", make_path(), QUERY_STRING=query)
    assert answer.status_code in {200, 400}
    assert get_state() == before


def test_a_good_report_with_one_odd_field_is_taken_without_that_field(
    settings: Any, emulator: Emulator, client: Client
) -> None:
    set_up(settings, emulator, D7)
    for number, msg_id in enumerate(["x" * 65, "x" * 200, "x" * 201, "\0", "a\r\nb", "😀" * 64]):
        now = timezone.now() + timedelta(hours=number)
        services.send_otp(NUMBER, now=now)
        assert report(client, D7, "delivered", msg_id=msg_id) == 200, msg_id
        pin = Pin.objects.latest("pk")
        assert pin.delivery == Delivery.DELIVERED
        assert len(pin.message_id) <= 64
        assert pin.message_id.isprintable()


def test_no_log_line_of_a_report_has_the_secret_or_the_whole_number(
    carrier: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="django_d7verify")
    services.send_otp(NUMBER)
    for word in ("sent", "nonsense", "delivered"):
        report(client, carrier, word)
    ours = [record.getMessage() for record in caplog.records if "d7verify" in record.name]
    assert ours
    assert not [line for line in ours if SECRET in line or NUMBER[1:] in line]


# Posted and called by the provider itself, over a socket.


@pytest.fixture
def answered() -> Iterator[queue.Queue[str]]:
    """One entry for each request that the site has finished."""
    finished: queue.Queue[str] = queue.Queue()

    def note(**_kwargs: object) -> None:
        finished.put("finished")

    request_finished.connect(note)
    yield finished
    request_finished.disconnect(note)


@pytest.fixture
def site(transactional_db: None, settings: Any, emulator: Emulator, carrier: str) -> Iterator[str]:
    """The site on a port of its own; reports come when the emulator's clock is moved."""
    emulator.set_switches(report_delay_seconds=10)
    with serving() as url:
        settings.D7VERIFY = {**settings.D7VERIFY, "REPORT_URL": f"{url}/otp/reports/"}
        yield carrier
        # None may still be on its way when the server is gone.
        emulator.reset()


def wait_for_answers(answered: queue.Queue[str], number: int) -> None:
    for _ in range(number):
        answered.get(timeout=PATIENCE_SECONDS)


def let_reports_come(emulator: Emulator, answered: queue.Queue[str], number: int) -> None:
    """Move the provider's clock till it has made so many; each is begun after the last is done."""
    for _ in range(number):
        for _try in range(10):
            emulator.advance_clock(10)
            with suppress(queue.Empty):
                answered.get(timeout=PATIENCE_SECONDS / 10)
                break
        else:
            pytest.fail("No report came.")


def test_reports_that_the_provider_makes_are_taken_in_their_order(
    site: str, emulator: Emulator, answered: queue.Queue[str]
) -> None:
    services.send_otp(NUMBER)
    let_reports_come(emulator, answered, 2)
    told = Event.objects.filter(kind=EventKind.DELIVERY).order_by("pk")
    assert list(told.values_list("reason", flat=True)) == [Delivery.SENT, Delivery.DELIVERED]
    assert get_delivery() == Delivery.DELIVERED


@pytest.mark.parametrize("carrier", [SMS], indirect=True)
@pytest.mark.parametrize("table", ["words", "kannel"])
def test_messenger_calls_in_words_or_in_kannels_numbers(
    site: str, settings: Any, emulator: Emulator, answered: queue.Queue[str], table: str
) -> None:
    gateways = {"default": make_gateway_settings(site, emulator, delivery_words=table)}
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}
    emulator.set_switches(messenger_report_values=table)
    services.send_otp(NUMBER)
    let_reports_come(emulator, answered, 2)
    pin = Pin.objects.get()
    assert pin.delivery == Delivery.DELIVERED
    assert pin.delivery_word == ("1" if table == "kannel" else "delivered")


@pytest.mark.parametrize("word", ["undelivered", "rejected", "not_reachable"])
def test_a_failed_delivery_is_reported(
    site: str, emulator: Emulator, answered: queue.Queue[str], word: str
) -> None:
    known = {D7: {"undelivered", "not_reachable"}, SMS: {"undelivered", "rejected"}}[site]
    services.send_otp(NUMBER)
    emulator.deliver(NUMBER, word)
    wait_for_answers(answered, 1)
    assert get_delivery() == (Delivery.UNDELIVERED if word in known else Delivery.UNKNOWN)


def test_reports_that_come_twice_are_taken_once(
    site: str, emulator: Emulator, answered: queue.Queue[str]
) -> None:
    emulator.add_fault("report_twice", KINDS[site].send_path)
    services.send_otp(NUMBER)
    let_reports_come(emulator, answered, 4)
    assert get_delivery() == Delivery.DELIVERED
    assert Event.objects.filter(kind=EventKind.DELIVERY).count() == 2


def test_reports_that_come_backward_end_with_the_last_word(
    site: str, emulator: Emulator, answered: queue.Queue[str]
) -> None:
    emulator.add_fault("report_backward", KINDS[site].send_path)
    services.send_otp(NUMBER)
    let_reports_come(emulator, answered, 2)
    assert get_delivery() == Delivery.DELIVERED
    assert Event.objects.filter(kind=EventKind.DELIVERY).count() == 1


def test_where_no_report_ever_comes_the_session_works_and_a_poll_knows(
    site: str, emulator: Emulator, answered: queue.Queue[str]
) -> None:
    emulator.add_fault("report_never", KINDS[site].send_path)
    otp = services.send_otp(NUMBER)
    emulator.advance_clock(10)
    wait_for(lambda: emulator.messages(NUMBER)[-1]["status"] == "sent")
    emulator.advance_clock(10)
    wait_for(lambda: emulator.messages(NUMBER)[-1]["status"] == "delivered")
    assert answered.empty()
    assert get_delivery() == Delivery.UNKNOWN
    services.poll_deliveries()
    # Direct Messenger cannot be asked.
    assert get_delivery() == (Delivery.DELIVERED if site == D7 else Delivery.UNKNOWN)
    code = str(emulator.messages(NUMBER)[-1]["code"])
    assert services.verify_otp(otp.otp_id, code).approved


def test_a_site_that_did_not_answer_is_called_again_and_takes_it_then(
    site: str, settings: Any, emulator: Emulator, answered: queue.Queue[str]
) -> None:
    services.send_otp(NUMBER)
    good = settings.D7VERIFY
    settings.D7VERIFY = {**good, "REPORT_SECRETS": [OLD_SECRET]}
    emulator.deliver(NUMBER, "delivered")
    wait_for_answers(answered, 1)
    assert get_delivery() == Delivery.UNKNOWN
    settings.D7VERIFY = good
    emulator.advance_clock(1)
    wait_for(lambda: get_delivery() == Delivery.DELIVERED)


# Asked for.


@pytest.fixture
def polled(settings: Any, emulator: Emulator) -> Emulator:
    """A site that sends by D7 Messages and gets no reports."""
    set_up(settings, emulator, D7)
    settings.D7VERIFY = {**settings.D7VERIFY, "REPORT_URL": ""}
    emulator.set_switches(report_delay_seconds=10)
    return emulator


def poll(*options: str) -> dict[str, int]:
    output = StringIO()
    call_command("d7verify_status", "--poll", "--json", *options, stdout=output)
    answer: dict[str, int] = json.loads(output.getvalue())
    return answer


def test_a_poll_stores_status_parts_and_cost(polled: Emulator) -> None:
    services.send_otp(NUMBER)
    polled.deliver(NUMBER, "delivered")
    wait_for(lambda: polled.messages(NUMBER)[-1]["status"] == "delivered")
    assert poll() == {"asked": 1, "changed": 1, "failed": 0}
    pin = Pin.objects.get()
    assert (pin.delivery, pin.delivery_word) == (Delivery.DELIVERED, "delivered")
    assert (pin.parts, pin.cost) == (1, Decimal("0.0001"))
    assert pin.message_id != ""


def test_what_the_provider_bills_replaces_our_estimate(polled: Emulator, settings: Any) -> None:
    text = "x" * 153 + " {}"
    settings.D7VERIFY = {**settings.D7VERIFY, "CONTENT": text}
    services.send_otp(NUMBER)
    assert Pin.objects.get().parts == 1
    polled.set_switches(d7_text_profile="documented")
    services.send_otp(NUMBER, now=timezone.now() + timedelta(seconds=60))
    assert Pin.objects.latest("pk").parts == 1
    polled.deliver(NUMBER, "delivered")
    poll()
    pin = Pin.objects.latest("pk")
    assert (pin.parts, pin.cost) == (2, Decimal("0.0002"))


def test_cost_is_stored_with_the_first_answer_that_tells_it_and_stays(polled: Emulator) -> None:
    services.send_otp(NUMBER)
    poll()
    pin = Pin.objects.get()
    assert (pin.delivery, pin.cost) == (Delivery.QUEUED, Decimal("0.0001"))
    Pin.objects.update(cost=Decimal("0.5"))
    assert poll() == {"asked": 1, "changed": 0, "failed": 0}
    assert Pin.objects.get().cost == Decimal("0.5")


def test_the_cost_of_a_message_is_asked_for_once_where_reports_brought_the_last_word(
    settings: Any, emulator: Emulator, client: Client
) -> None:
    set_up(settings, emulator, D7)
    services.send_otp(NUMBER)
    emulator.deliver(NUMBER, "delivered")
    assert report(client, D7, "delivered") == 200
    assert Pin.objects.get().cost is None
    events = Event.objects.count()
    assert poll() == {"asked": 1, "changed": 0, "failed": 0}
    pin = Pin.objects.get()
    assert (pin.delivery, pin.cost, pin.parts) == (Delivery.DELIVERED, Decimal("0.0001"), 1)
    assert Event.objects.count() == events
    assert poll()["asked"] == 0


def test_a_message_with_a_last_word_is_not_asked_about_again(polled: Emulator) -> None:
    services.send_otp(NUMBER)
    polled.deliver(NUMBER, "delivered")
    poll()
    asked = len(polled.calls())
    assert poll() == {"asked": 0, "changed": 0, "failed": 0}
    assert len(polled.calls()) == asked


def test_a_poll_never_goes_back(polled: Emulator) -> None:
    services.send_otp(NUMBER)
    polled.deliver(NUMBER, "sent")
    poll()
    Pin.objects.update(delivery=Delivery.SENT)
    polled.deliver(NUMBER, "processed")
    assert poll()["changed"] == 0
    assert get_delivery() == Delivery.SENT


def test_a_log_that_d7_does_not_have_yet_is_no_failure(polled: Emulator) -> None:
    polled.set_switches(message_log_delay=30)
    services.send_otp(NUMBER)
    assert poll() == {"asked": 1, "changed": 0, "failed": 0}
    polled.advance_clock(30)
    assert poll()["changed"] == 1


def test_a_failure_of_one_poll_stops_no_other_and_nothing_is_changed_by_it(
    polled: Emulator,
) -> None:
    now = timezone.now()
    for number in range(3):
        services.send_otp(NUMBER, now=now + timedelta(minutes=number))
    polled.add_fault("server_error", "/report/v1/message-log")
    assert poll() == {"asked": 3, "changed": 2, "failed": 1}
    # The newest was asked about first.
    assert Pin.objects.latest("pk").delivery == Delivery.UNKNOWN


def test_a_poll_asks_about_the_newest_first_and_no_more_than_its_limit(polled: Emulator) -> None:
    now = timezone.now()
    for number in range(3):
        services.send_otp(NUMBER, now=now + timedelta(minutes=number))
    assert poll("--limit", "2") == {"asked": 2, "changed": 2, "failed": 0}
    deliveries = Pin.objects.order_by("pk").values_list("delivery", flat=True)
    assert list(deliveries) == [Delivery.UNKNOWN, Delivery.QUEUED, Delivery.QUEUED]


def test_a_poll_asks_neither_about_what_did_not_leave_nor_about_what_is_long_ago(
    polled: Emulator,
) -> None:
    now = timezone.now()
    polled.add_fault("no_credit")
    with pytest.raises(Exception, match="402"):
        services.send_otp(NUMBER, now=now)
    assert Pin.objects.get().status == PinStatus.NOT_SENT
    services.send_otp("+971507654321", now=now - timedelta(days=3))
    asked = len(polled.calls())
    assert poll()["asked"] == 0
    assert len(polled.calls()) == asked


def test_a_poll_reads_no_more_rows_than_its_limit(
    polled: Emulator,
) -> None:
    now = timezone.now()
    for number in range(3):
        services.send_otp(NUMBER, now=now + timedelta(minutes=number))
    with CaptureQueriesContext(connection) as captured:
        assert services.poll_deliveries(limit=1)["asked"] == 1
    [select] = [
        query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")
    ]
    assert "LIMIT 1" in select
