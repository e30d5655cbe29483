"""The published SDK, ``direct7`` 0.0.16, unchanged: every call of gateway-apis A.14."""

from __future__ import annotations

import uuid

import direct7
import pytest
import requests

from .conftest import PHONE


@pytest.fixture
def make_client(emulator):
    clients = []

    def make(token="good-token", **options):  # noqa: S107 - any text is a token
        client = direct7.Client(api_token=token, **options)
        client.host(emulator.url)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.session.close()


@pytest.fixture
def client(make_client):
    return make_client()


def send_otp(client, **options):
    return client.verify.send_otp(
        originator="SignOTP", recipient=PHONE, content="Code {}", expiry=600, **options
    )


def test_a_code_is_sent_resent_verified_and_its_status_read(client, emulator):
    sent = send_otp(client, data_coding="text")
    assert (sent["status"], sent["expiry"]) == ("OPEN", 600)
    otp_id = sent["otp_id"]
    assert client.verify.get_status(otp_id) == {"status": "OPEN"}
    emulator.advance_clock(60)
    assert client.verify.resend_otp(otp_id)["resend_count"] == 1
    code = emulator.messages(PHONE)[-1]["code"]
    assert client.verify.verify_otp(otp_id, code) == {"status": "APPROVED"}
    assert client.verify.get_status(otp_id) == {"status": "APPROVED"}


def test_nulls_of_the_sdk_are_taken(client):
    sent = client.verify.send_otp(originator="S", recipient=PHONE, content="{}")
    assert sent["expiry"] == 600


def test_a_template_is_sent(client, emulator):
    client.verify.send_otp(originator="S", recipient=PHONE, template_id=25)
    assert emulator.calls()[-1]["body"] == {
        "originator": "S",
        "recipient": PHONE,
        "template_id": 25,
    }


def test_v2_is_sent_resent_verified_and_read(client, emulator):
    otp_id = client.verify.v2.send_otp(recipient=PHONE, flow_id="flow")["otp_id"]
    emulator.advance_clock(60)
    client.verify.v2.resend_otp(otp_id)
    code = emulator.messages(PHONE)[-1]["code"]
    assert client.verify.v2.verify_otp(otp_id, code) == {"status": "APPROVED"}
    assert client.verify.v2.get_status(otp_id) == {"status": "APPROVED"}


def test_messages_are_sent_as_unicode_and_their_log_is_read(client, emulator):
    messages = [{"recipients": [PHONE], "content": "Greetings"}, {"recipients": ["37255512345"],
                "content": "Tere", "unicode": False}]  # fmt: skip
    sent = client.sms.send_messages(*messages, originator="Sender")
    assert sent["status"] == "accepted"
    log = client.sms.get_status(sent["request_id"])
    assert [row["recipient"] for row in log["messages"]] == [PHONE, "+37255512345"]
    assert [message["encoding"] for message in emulator.messages()] == ["UCS-2"] * 2


def test_messages_are_scheduled_in_the_sdks_own_form(client):
    sent = client.sms.send_messages(
        {"recipients": [PHONE], "content": "x"},
        originator="S",
        report_url="https://site.example/",
        schedule_time="2037-02-05T07:13:13+0000",
        tag="mine",
    )
    [row] = client.sms.get_status(sent["request_id"])["messages"]
    assert row["status"] == "scheduled"


def test_a_number_is_looked_up(client):
    assert client.number_lookup.search_number_details(recipient=PHONE)["country_code"] == "AE"


def test_slack_and_viber_answer_with_an_id(client):
    slack = client.slack.send_slack_message(
        content="x", work_space_name="w", channel_name="c", report_url="https://site.example/"
    )
    assert client.slack.get_status(slack["request_id"])["channel"] == "slack"
    viber = client.viber.send_viber_message(
        recipients=[PHONE],
        content="x",
        label="PROMOTION",
        originator="S",
        call_back_url="https://site.example/",
    )
    assert client.viber.get_status(viber["request_id"])["channel"] == "viber"


def test_whatsapp_answers_with_an_id_and_its_other_calls_are_served(client):
    sent = client.whatsapp.send_whatsapp_freeform_message(
        originator="+97150", recipient=PHONE, message_type="TEXT", body="Hi"
    )
    assert client.whatsapp.get_status(sent["request_id"])["channel"] == "whatsapp"
    assert client.whatsapp.read_receipt("abc")["status"] == "read"
    assert client.whatsapp.download_media("abc") is None


def test_each_answer_becomes_the_documented_exception(client, make_client, emulator):
    otp_id = send_otp(client)["otp_id"]
    with pytest.raises(direct7.errors.BadRequest, match="Frequent resend request"):
        client.verify.resend_otp(otp_id)
    with pytest.raises(direct7.errors.BadRequest, match="INVALID_OTP_CODE"):
        client.verify.verify_otp(otp_id, "wrong")
    with pytest.raises(direct7.errors.NotFoundError, match="MESSAGE_LOG_NOT_EXISTS"):
        client.verify.get_status(str(uuid.UUID(int=1)))
    with pytest.raises(direct7.errors.NotFoundError, match="message request id"):
        client.sms.get_status("unknown")
    with pytest.raises(direct7.errors.ValidationError, match="placeholder"):
        client.verify.send_otp(originator="S", recipient=PHONE, content="no place")
    for token in (None, "bad-token"):
        with pytest.raises(direct7.errors.AuthenticationError):
            send_otp(make_client(token))
    with pytest.raises(direct7.errors.InsufficientCreditError, match="INSUFFICIENT_CREDIT"):
        send_otp(make_client("poor-token"))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("forbidden", direct7.errors.ClientError),
        ("too_many", direct7.errors.ClientError),
        ("server_error", direct7.errors.ServerError),
        ("reset", requests.ConnectionError),
        ("stall", requests.ReadTimeout),
        ("cut_body", requests.exceptions.ChunkedEncodingError),
    ],
)
def test_each_fault_is_what_the_sdk_makes_of_it(make_client, emulator, fault, error):
    client = make_client(timeout=0.3)
    emulator.add_fault(fault)
    with pytest.raises(error):
        send_otp(client)


def test_what_is_not_json_is_none_to_the_sdk(client, emulator):
    for fault in ("not_json", "redirect"):
        emulator.add_fault(fault)
        assert send_otp(client) is None


def test_a_host_with_a_path_would_be_joined_as_it_is(client, emulator):
    client.host(emulator.url + "/")
    with pytest.raises(direct7.errors.NotFoundError):
        send_otp(client)
