"""
Where the providers' documents contradict themselves (gateway-apis C1 to C24).

Both variants are served by the emulator, always or by a switch, and taken by our clients.
"""

from __future__ import annotations

import inspect
import queue
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from django.core.signals import request_finished
from django.urls import include, path

from django_d7verify import services
from django_d7verify.clients.d7 import D7Client, D7Message
from django_d7verify.clients.messenger import MessengerClient, make_dlruri
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import (
    ConfigurationError,
    GatewayRefused,
    SessionClosed,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import Delivery, GatewayReason, SessionStatus, Verdict

from .conftest import API_TOKEN, NUMBER
from .contract.wires import PATIENCE_SECONDS, make_gateway_settings, make_wrong, serving, wait_for

pytestmark = pytest.mark.urls(__name__)

urlpatterns = [path("otp/reports/", include("django_d7verify.webhooks"))]

SEND = "/verify/v1/otp/send-otp"
RESEND = "/verify/v1/otp/resend-otp"
VERIFY = "/verify/v1/otp/verify-otp"
SECRET = "a-secret-of-24-characters"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def d7(emulator: Emulator) -> Iterator[D7Client]:
    client = D7Client(api_token=API_TOKEN, api_url=emulator.url)
    yield client
    client.close()


@pytest.fixture
def messenger(emulator: Emulator) -> Iterator[MessengerClient]:
    root = f"{emulator.url}/messenger"
    client = MessengerClient(
        api_token=API_TOKEN,
        sms_url=f"{root}/sms",
        pin_send_url=f"{root}/2fa/send",
        pin_authenticate_url=f"{root}/2fa/authenticate",
        personal_url=f"{root}/personal",
        blacklist_url=f"{root}/api/blacklist",
    )
    yield client
    client.close()


@pytest.fixture
def raw(emulator: Emulator) -> Iterator[Any]:
    """Another program that follows the other document; Messenger's paths begin with theirs."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {API_TOKEN}"
        session.headers["Accept"] = "application/json"

        def call(method: str, address: str, **options: Any) -> requests.Response:
            return session.request(
                method, emulator.url + address, timeout=10, allow_redirects=False, **options
            )

        yield call


@pytest.fixture
def site(db: None, settings: Any, emulator: Emulator) -> Any:
    """Set a site up that sends by the gateway of this name."""

    def set_up(name: str, **options: Any) -> None:
        gateways = {"default": make_gateway_settings(name, emulator, **options)}
        settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": gateways}

    return set_up


def send_otp(d7: D7Client, **options: Any) -> str:
    options = {"content": "Code {}", "retry_delay_seconds": 0, **options}
    return d7.send_otp(recipient=NUMBER, originator="SignOTP", **options).otp_id


def get_code(emulator: Emulator) -> str:
    return str(emulator.messages(NUMBER)[-1]["code"])


def get_body(emulator: Emulator, address: str) -> dict[str, Any]:
    body = emulator.calls(address)[-1]["body"]
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("lenient", [False, True])
def test_c1_verify_names_its_one_recipient_and_messages_a_list(
    emulator: Emulator, d7: D7Client, raw: Any, lenient: bool
) -> None:
    emulator.set_switches(lenient_recipients=lenient)
    send_otp(d7)
    body = get_body(emulator, SEND)
    assert body["recipient"] == NUMBER
    assert "recipients" not in body
    d7.send_messages([D7Message(recipients=[NUMBER], content="x")], originator="S")
    assert get_body(emulator, "/messages/v1/send")["messages"][0]["recipients"] == [NUMBER]
    for recipients in (NUMBER, [NUMBER]):
        by_the_tables = {"content": "{}", "recipients": recipients}
        assert raw("POST", SEND, json=by_the_tables).status_code == (200 if lenient else 422)


def test_c2_an_expiry_is_sent_as_a_number_and_taken_as_a_text_too(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    sent = d7.send_otp(recipient=NUMBER, originator="S", content="{}", expiry_seconds=300)
    assert sent.expiry_seconds == 300
    assert type(get_body(emulator, SEND)["expiry"]) is int
    for given, answered in ((300, 300), ("300", 300), (None, 600)):
        body = {"recipient": NUMBER, "content": "{}", "expiry": given}
        expiry = raw("POST", SEND, json=body).json()["expiry"]
        assert (type(expiry), expiry) == (int, answered)


def test_c3_a_code_is_sent_as_a_text_since_a_number_loses_its_zeros(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    taken: dict[bool, str] = {}
    for _ in range(500):
        if len(taken) == 2:
            break
        otp_id = send_otp(d7, otp_code_length=2)
        taken[get_code(emulator).startswith("0")] = otp_id
        code = get_code(emulator)
        as_number = {"otp_id": otp_id, "otp_code": int(code)}
        answer = raw("POST", VERIFY, json=as_number)
        if code.startswith("0"):
            assert answer.status_code == 400
            assert d7.verify_otp(otp_id=otp_id, otp_code=code) == Verdict.APPROVED
            assert get_body(emulator, VERIFY)["otp_code"] == code
        else:
            assert answer.json() == {"status": "APPROVED"}
    assert len(taken) == 2


@pytest.mark.parametrize("short", [False, True])
def test_c4_the_paths_are_those_of_the_samples_and_not_of_the_headings(
    emulator: Emulator, d7: D7Client, raw: Any, short: bool
) -> None:
    emulator.set_switches(short_verify_paths=short)
    otp_id = send_otp(d7)
    d7.resend_otp(otp_id)
    d7.verify_otp(otp_id=otp_id, otp_code=get_code(emulator))
    assert [call["path"] for call in emulator.calls()] == [SEND, RESEND, VERIFY]
    for address in ("/verify/v1/resend-otp", "/verify/v1/verify-otp"):
        assert raw("POST", address, json={}).status_code == (422 if short else 404)


def test_c5_the_host_is_the_one_with_https_and_plain_http_is_for_this_machine() -> None:
    assert repr(D7Client(api_token="x")) == "<D7Client api.d7networks.com>"
    default = inspect.signature(D7Client).parameters["api_url"].default
    assert default == "https://api.d7networks.com"
    D7Client(api_token="x", api_url="http://127.0.0.1:8600")
    for url in ("http://api.beta.d7networks.com", "http://api.d7networks.com"):
        with pytest.raises(ConfigurationError, match="https"):
            D7Client(api_token="x", api_url=url)


def test_c6_a_time_is_sent_in_the_documented_form_and_taken_in_all_three(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    moment = datetime(2036, 8, 5, 12, 52, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    message = D7Message(recipients=[NUMBER], content="x")
    sent = d7.send_messages([message], originator="S", schedule_time=moment)
    message_globals = get_body(emulator, "/messages/v1/send")["message_globals"]
    assert message_globals["schedule_time"] == "2036-08-05T12:52+05:30"
    [entry] = d7.message_log(sent.request_id).messages
    in_utc = "2036-08-05T07:22:00.000Z"
    assert (entry.schedule_time, entry.delivery) == (in_utc, Delivery.QUEUED)
    for times in (
        {"schedule_time": "2036-08-05T12:52+05:30"},
        {"schedule_time": "2036-08-05T12:52:00+0530"},
        {"schedule_time": "2036-08-05T12:52:00", "schedule_utc_offset": "+05:30"},
    ):
        body = {
            "messages": [{"recipients": [NUMBER], "content": "x"}],
            "message_globals": {"originator": "S", **times},
        }
        request_id = raw("POST", "/messages/v1/send", json=body).json()["request_id"]
        [entry] = d7.message_log(request_id).messages
        assert entry.schedule_time == in_utc


@pytest.mark.parametrize("new_id", [False, True])
def test_c7_the_id_that_a_resend_answers_is_the_one_that_counts(
    site: Any, emulator: Emulator, new_id: bool
) -> None:
    site("D7VerifyGateway")
    emulator.set_switches(resend_new_otp_id=new_id)
    now = datetime.now(UTC)
    otp = services.send_otp(NUMBER, now=now)
    for resend in (1, 2):
        emulator.advance_clock(60)
        now += timedelta(seconds=60)
        assert services.resend_otp(otp.otp_id, now=now).resend_count == resend
        asked = get_body(emulator, RESEND)["otp_id"]
        assert asked == Pin.objects.get(generation=resend).reference
    references = list(Pin.objects.order_by("generation").values_list("reference", flat=True))
    assert len(set(references)) == (3 if new_id else 1)
    assert services.verify_otp(otp.otp_id, get_code(emulator), now=now).approved
    assert get_body(emulator, VERIFY)["otp_id"] == references[-1]


def test_c8_the_four_shapes_of_an_error_are_all_read(emulator: Emulator, d7: D7Client) -> None:
    def refuse(call: Any, status: int) -> tuple[str, object]:
        with pytest.raises(GatewayRefused) as caught:
            call()
        assert emulator.calls()[-1]["status"] == status
        return caught.value.reason, caught.value

    otp_id = send_otp(d7, retry_delay_seconds=60)
    # A text, an object, a list of codes, a list of fields.
    assert refuse(lambda: d7.resend_otp(otp_id), 400)[0] == GatewayReason.TOO_FREQUENT
    assert refuse(lambda: d7.report(UNKNOWN_ID), 404)[0] == GatewayReason.UNKNOWN_REFERENCE
    poor = D7Client(api_token="poor-token", api_url=emulator.url)
    assert refuse(lambda: send_otp(poor), 402)[0] == GatewayReason.NO_CREDIT
    poor.close()
    emulator.add_fault("invalid", SEND)
    assert refuse(lambda: send_otp(d7), 422)[0] == GatewayReason.INVALID_RECIPIENT
    bad = D7Client(api_token="bad-token", api_url=emulator.url)
    with pytest.raises(ConfigurationError, match="401"):
        send_otp(bad)
    bad.close()


@pytest.mark.parametrize("alternative", [False, True])
def test_c9_a_failed_verification_is_a_400_or_a_word_in_a_200(
    site: Any, emulator: Emulator, d7: D7Client, alternative: bool
) -> None:
    emulator.set_switches(alternative_verify_answers=alternative)
    otp_id = send_otp(d7)
    code = get_code(emulator)
    verdicts = [
        d7.verify_otp(otp_id=otp_id, otp_code=typed) for typed in (make_wrong(code), code, code)
    ]
    statuses = [call["status"] for call in emulator.calls(VERIFY)]
    if alternative:
        assert statuses == [200, 200, 400]
        assert verdicts == [Verdict.WRONG, Verdict.APPROVED, Verdict.WRONG]
    else:
        assert statuses == [400, 200, 200]
        assert verdicts == [Verdict.WRONG, Verdict.APPROVED, Verdict.ALREADY_APPROVED]

    site("D7VerifyGateway")
    otp = services.send_otp(NUMBER)
    code = get_code(emulator)
    result = services.verify_otp(otp.otp_id, make_wrong(code))
    assert (result.approved, result.attempts_left) == (False, 4)
    assert services.verify_otp(otp.otp_id, code).approved


@pytest.mark.parametrize("alternative", [False, True])
def test_c9_an_expired_code_is_wrong_or_expired_and_never_approved(
    site: Any, emulator: Emulator, alternative: bool
) -> None:
    site("D7VerifyGateway")
    emulator.set_switches(alternative_verify_answers=alternative)
    otp = services.send_otp(NUMBER)
    # Only the provider's clock is ahead.
    emulator.advance_clock(600)
    if alternative:
        with pytest.raises(SessionClosed):
            services.verify_otp(otp.otp_id, get_code(emulator))
    else:
        assert not services.verify_otp(otp.otp_id, get_code(emulator)).approved
    session = OTPSession.objects.get()
    assert (session.status, session.attempts) == (SessionStatus.OPEN, 1)


@pytest.mark.parametrize("alternative", [False, True])
def test_c9_a_code_that_was_used_by_somebody_else_is_never_approved(
    site: Any, emulator: Emulator, d7: D7Client, alternative: bool
) -> None:
    site("D7VerifyGateway")
    emulator.set_switches(alternative_verify_answers=alternative)
    otp = services.send_otp(NUMBER)
    code, reference = get_code(emulator), Pin.objects.get().reference
    assert d7.verify_otp(otp_id=reference, otp_code=code) == Verdict.APPROVED
    assert not services.verify_otp(otp.otp_id, code).approved
    assert OTPSession.objects.get().status == SessionStatus.OPEN


@pytest.mark.parametrize("spelling", ["un_delivered", "undelivered"])
def test_c10_a_failed_delivery_has_two_spellings_and_one_meaning(
    emulator: Emulator, d7: D7Client, spelling: str
) -> None:
    emulator.set_switches(undelivered_spelling=spelling, report_delay_seconds=60)
    message = D7Message(recipients=[NUMBER], content="x")
    sent = d7.send_messages([message], originator="S")
    [entry] = d7.message_log(sent.request_id).messages
    assert (entry.status, entry.delivery) == ("processed", Delivery.QUEUED)
    emulator.deliver(NUMBER, "un_delivered")
    [entry] = d7.message_log(sent.request_id).messages
    assert (entry.status, entry.delivery) == (spelling, Delivery.UNDELIVERED)


@pytest.mark.parametrize("in_message", [False, True])
def test_c11_success_stands_in_any_of_three_places(
    emulator: Emulator, messenger: MessengerClient, raw: Any, in_message: bool
) -> None:
    emulator.set_switches(messenger_marker_message=in_message)
    fields = {"receiver": NUMBER[1:], "smstext": "x", "sender": "S"}
    answer = raw("POST", "/messenger/sms", data={"api_token": API_TOKEN, **fields}).json()
    assert ("message" in answer, "status" in answer) == (in_message, not in_message)
    uri = make_dlruri("https://site.example/")
    sent = messenger.send_sms(receiver=NUMBER, smstext="x", sender="S", dlruri=uri, dlrid="158")
    assert sent.dlr_id == "158"
    # In "message", beside a "response" that is an object; and in "response".
    assert messenger.send_pin(receiver=NUMBER).sms == "sent"
    assert messenger.personalize(smstext="%a%", variables={"a": "b"}).formatted_text == "b"
    assert messenger.blacklist() == []


def test_c12_messengers_errors_are_an_object_of_lists_or_a_sentence(
    emulator: Emulator, messenger: MessengerClient, raw: Any
) -> None:
    options = {"smstext": "x", "sender": "S"}
    with pytest.raises(GatewayRefused) as caught:
        messenger.send_sms(receiver=NUMBER, dlruri="nonsense", **options)
    assert "dlruri format is invalid" in caught.value.answer
    assert '"errors"' in caught.value.answer
    with pytest.raises(GatewayRefused) as caught:
        messenger.send_sms(receiver="12", **options)
    assert caught.value.reason == GatewayReason.INVALID_RECIPIENT
    assert '"error"' in caught.value.answer
    # The 2FA call says the same in the other shape.
    with pytest.raises(GatewayRefused) as caught:
        messenger.send_pin(receiver="12")
    assert caught.value.reason == GatewayReason.INVALID_RECIPIENT
    assert '"errors"' in caught.value.answer
    assert emulator.messages() == []


def test_c13_the_token_stands_in_the_body_but_for_the_list_in_a_header(
    emulator: Emulator, messenger: MessengerClient, raw: Any
) -> None:
    messenger.send_sms(receiver=NUMBER, smstext="x", sender="S")
    sent = messenger.send_pin(receiver=NUMBER)
    messenger.authenticate_pin(pin=get_code(emulator), pin_id=sent.pin_id)
    messenger.personalize(smstext="x", variables={})
    messenger.blacklist_add(NUMBER)
    [entry] = messenger.blacklist()
    messenger.blacklist_remove(entry.id)
    places = [(call["method"], call["auth"]) for call in emulator.calls()]
    assert places == [("POST", "body")] * 5 + [("GET", "bearer"), ("POST", "body")]
    # Each is taken in the other place as well.
    fields = {"receiver": NUMBER[1:], "smstext": "x", "sender": "S"}
    assert raw("POST", "/messenger/sms", data=fields).status_code == 200
    with requests.get(
        f"{emulator.url}/messenger/api/blacklist", params={"api_token": "x"}, timeout=10
    ) as answer:
        assert answer.json()["response"] == "Success"


def test_c14_a_receiver_is_digits_without_the_plus_of_any_length_that_a_number_can_have(
    emulator: Emulator, messenger: MessengerClient, raw: Any
) -> None:
    messenger.send_sms(receiver=NUMBER, smstext="x", sender="S")
    assert get_body(emulator, "/messenger/sms")["receiver"] == NUMBER[1:]
    messenger.send_pin(receiver=NUMBER)
    assert get_body(emulator, "/messenger/2fa/send")["receiver"] == NUMBER[1:]
    messenger.blacklist_add(NUMBER)
    assert get_body(emulator, "/messenger/api/blacklist/create")["receiver"] == NUMBER[1:]
    # Those of the samples, which are no numbers at all.
    for receiver in ("3725555555", "37255555555", "372555555555", "37255555555555"):
        messenger.send_sms(receiver=f"+{receiver}", smstext="x", sender="S")
        fields = {"api_token": "x", "receiver": f"+{receiver}", "smstext": "x", "sender": "S"}
        assert raw("POST", "/messenger/sms", data=fields).status_code == 200
    for receiver in ("1234567", "1" * 16):
        fields = {"api_token": "x", "receiver": receiver, "smstext": "x", "sender": "S"}
        assert raw("POST", "/messenger/sms", data=fields).json()["error"] == "Invalid number"
    with pytest.raises(ValueError, match="15 digits"):
        messenger.send_sms(receiver="+" + "1" * 16, smstext="x", sender="S")


def test_c15_a_form_is_urlencoded_as_it_says_it_is(
    emulator: Emulator, messenger: MessengerClient, raw: Any
) -> None:
    text = "50 % & more + ä = 1 €"
    uri = make_dlruri("https://site.example/?a=1&b=%20")
    messenger.send_sms(receiver=NUMBER, smstext=text, sender="A & B", dlruri=uri, dlrid="1")
    [call] = emulator.calls("/messenger/sms")
    assert call["content_type"] == "application/x-www-form-urlencoded"
    body = get_body(emulator, "/messenger/sms")
    assert (body["smstext"], body["sender"], body["dlruri"]) == (text, "A & B", uri)
    assert uri == "https://site.example/?a=1&b=%20&id=%smsid%&dlr=%dlr%"
    assert emulator.messages(NUMBER)[-1]["text"] == text
    fields = {"api_token": "x", "receiver": NUMBER, "smstext": text, "sender": "S"}
    as_files = {name: (None, value) for name, value in fields.items()}
    assert raw("POST", "/messenger/sms", files=as_files).status_code == 200
    assert emulator.messages(NUMBER)[-1]["text"] == text


def test_c16_a_text_message_is_called_text_and_txt_is_taken(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    d7.send_messages([D7Message(recipients=[NUMBER], content="x")], originator="S")
    [message] = get_body(emulator, "/messages/v1/send")["messages"]
    assert message["msg_type"] == "text"
    other = D7Message(recipients=[NUMBER], content="x", msg_type="txt")
    assert d7.send_messages([other], originator="S").status == "accepted"
    assert len(emulator.messages(NUMBER)) == 2


def test_c17_the_channel_is_sms_in_either_case_and_left_out_of_verify(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    message = D7Message(recipients=[NUMBER], content="x")
    for channel in ("sms", "SMS", "Sms"):
        d7.send_messages([message], originator="S", channel=channel)
    channels = [call["body"]["message_globals"]["channel"] for call in emulator.calls()]
    assert channels == ["sms", "SMS", "Sms"]
    default = inspect.signature(D7Client.send_messages).parameters["channel"].default
    assert default == "sms"
    send_otp(d7)
    assert "channel" not in get_body(emulator, SEND)
    for channel in ("SMS", "sms"):
        send_otp(d7, channel=channel)
        assert get_body(emulator, SEND)["channel"] == channel
    assert len(emulator.messages(NUMBER)) == 6


def test_c18_a_sent_code_is_named_by_otp_id_and_by_nothing_else(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    answer = raw("POST", SEND, json={"recipient": NUMBER, "content": "{}"}).json()
    assert sorted(answer) == ["expiry", "otp_id", "status"]
    sent = d7.send_otp(recipient=NUMBER, originator="S", content="{}")
    assert sent.otp_id == emulator.messages(NUMBER)[-1]["reference"]


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"default_expiry": 300, "default_retry_count": 3, "default_data_coding": "text"},
        {"verify_strict_fields": True},
    ],
    ids=["one document", "the other", "the third"],
)
def test_c19_every_limit_is_said_so_that_no_default_matters(
    site: Any, emulator: Emulator, switches: dict[str, Any]
) -> None:
    site("D7VerifyGateway")
    emulator.set_switches(**switches)
    now = datetime.now(UTC)
    otp = services.send_otp(NUMBER, now=now)
    assert otp.expiry == 600
    body = get_body(emulator, SEND)
    assert {
        name: value for name, value in body.items() if name not in {"content", "recipient"}
    } == {
        "originator": "SignOTP",
        "expiry": 600,
        "data_coding": "auto",
        "retry_delay": 50,
        "retry_count": 6,
        "otp_code_length": 6,
        "otp_type": "numeric",
    }
    # The fourth resend is one more than the other document's default takes.
    for resend in range(1, 5):
        emulator.advance_clock(60)
        now += timedelta(seconds=60)
        assert services.resend_otp(otp.otp_id, now=now).resend_count == resend
    assert services.verify_otp(otp.otp_id, get_code(emulator), now=now).approved


@pytest.fixture
def finished() -> Iterator[queue.Queue[None]]:
    """One entry for each request that the site has answered."""
    answered: queue.Queue[None] = queue.Queue()

    def note(**_kwargs: object) -> None:
        answered.put(None)

    request_finished.connect(note)
    yield answered
    request_finished.disconnect(note)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meaning", ["off", "verification", "delivery"])
def test_c20_what_is_called_back_decides_nothing(
    site: Any,
    settings: Any,
    emulator: Emulator,
    finished: queue.Queue[None],
    meaning: str,
) -> None:
    emulator.set_switches(verify_callbacks=meaning, report_delay_seconds=0, report_retries=0)
    with serving() as url:
        settings.D7VERIFY = {**settings.D7VERIFY, "REPORT_SECRETS": [SECRET]}
        address = f"{url}/otp/reports/default/{SECRET}/"
        site("D7VerifyGateway", success_url=address, failure_url=address)
        otp = services.send_otp(NUMBER)
        body = get_body(emulator, SEND)
        assert body["success_url"] == body["failure_url"] == address
        code = get_code(emulator)
        if meaning == "delivery":
            finished.get(timeout=PATIENCE_SECONDS)
        assert services.get_otp(otp.otp_id).status == SessionStatus.OPEN
        assert not services.verify_otp(otp.otp_id, make_wrong(code)).approved
        if meaning == "verification":
            finished.get(timeout=PATIENCE_SECONDS)
        session = OTPSession.objects.get()
        assert (session.status, session.attempts) == (SessionStatus.OPEN, 1)
        assert services.verify_otp(otp.otp_id, code).approved
        if meaning == "verification":
            finished.get(timeout=PATIENCE_SECONDS)
        assert finished.empty()


def test_c21_a_lookup_is_read_by_either_word_and_its_report_by_either_method(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    found = d7.number_lookup(NUMBER)
    assert (found.type, found.country_code, found.recipient) == ("mobile", "AE", NUMBER)
    # By GET, as we ask; and by POST, as one page has it.
    again = d7.number_lookup_report(found.request_id)
    assert (again.type, again.recipient) == ("mobile", NUMBER)
    for method in ("GET", "POST"):
        report = raw(method, f"/hlr/v1/report/{found.request_id}").json()
        assert report["recipient_type"] == "mobile"
        assert "type" not in report
    assert emulator.calls()[0]["path"] == "/hlr/v1/lookup"
    whatsapp = raw("POST", "/whatsapp/v2/send", json={"messages": [{}]}).json()["request_id"]
    for version in ("v1", "v2"):
        assert raw("GET", f"/whatsapp/{version}/report/{whatsapp}").status_code == 200


@pytest.mark.parametrize(("profile", "longest"), [("standard", 160), ("documented", 158)])
def test_c22_the_limits_of_a_text_are_a_setting(
    site: Any, settings: Any, emulator: Emulator, profile: str, longest: int
) -> None:
    site("D7MessagesGateway", text_profile=profile)
    emulator.set_switches(d7_text_profile=profile)
    now = datetime.now(UTC)
    for parts in (1, 2):
        text = "x" * (longest - 6 + parts - 1) + "{}"
        settings.D7VERIFY = {**settings.D7VERIFY, "CONTENT": text}
        services.send_otp(NUMBER, now=now + timedelta(minutes=parts))
        assert Pin.objects.latest("pk").parts == emulator.messages(NUMBER)[-1]["parts"] == parts


def test_c23_a_number_is_sent_with_its_plus_and_known_without(
    emulator: Emulator, d7: D7Client, raw: Any
) -> None:
    send_otp(d7)
    assert get_body(emulator, SEND)["recipient"].startswith("+")
    raw("POST", SEND, json={"recipient": NUMBER[1:], "content": "{}"})
    for recipient in (NUMBER, NUMBER[1:]):
        message = D7Message(recipients=[recipient], content="x")
        sent = d7.send_messages([message], originator="S")
        [entry] = d7.message_log(sent.request_id).messages
        assert entry.recipient == NUMBER
    assert len(emulator.messages(NUMBER)) == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("report_format", ["form", "multipart", "json"])
def test_c24_a_delivery_report_is_a_form_of_either_kind_or_json(
    site: Any, settings: Any, emulator: Emulator, report_format: str
) -> None:
    emulator.set_switches(report_format=report_format, report_delay_seconds=60)
    with serving() as url:
        site("D7MessagesGateway")
        settings.D7VERIFY = {
            **settings.D7VERIFY,
            "REPORT_URL": f"{url}/otp/reports/",
            "REPORT_SECRETS": [SECRET],
        }
        services.send_otp(NUMBER)
        assert get_gateway("default").report_method == "POST"
        emulator.deliver(NUMBER, "delivered")
        wait_for(lambda: Pin.objects.get().delivery == Delivery.DELIVERED)
