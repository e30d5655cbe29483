"""
D7 Networks: Verify (D7 makes and checks the code), Messages (we make it), and what goes with them.

Source: gateway-apis part A, read 2026-11-21. Left out are the login for tokens, which are made in
the dashboard, Verify V2, of whose answers nothing is published, and the channels that are no SMS.

Besides what it names, every call raises::

    ConfigurationError     401, 403: D7 does not take the api_token
    GatewayRefused         D7 said no; ``reason`` says why, where D7 does
    GatewayUnreachable     no connection, or 429 with ``retry_after_seconds``
    GatewayUncertain       cut off, timed out, 5xx, or not what the API promises

Nothing is retried. After ``GatewayUncertain`` nobody may retry a send: D7 has no idempotency key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, Unpack
from urllib.parse import quote, urlsplit

from django.views.decorators.debug import sensitive_variables

from django_d7verify.clients import d7_answers
from django_d7verify.clients.answers import Answer
from django_d7verify.clients.d7_answers import (
    MessageLog,
    NumberLookup,
    ResentOTP,
    SentMessages,
    SentOTP,
)
from django_d7verify.clients.http import Transport
from django_d7verify.clients.options import TransportOptions, check_token, check_url
from django_d7verify.words import Alphabet, Verdict

__all__ = [
    "D7Client",
    "D7Message",
    "DataCoding",
    "MessageLog",
    "NumberLookup",
    "ResentOTP",
    "SentMessages",
    "SentOTP",
]

#: GSM 03.38, UCS-2, or as D7 finds fit.
DataCoding = Literal["text", "unicode", "auto"]

#: Of one request; ours, D7 documents none (gateway-apis G11).
MAX_RECIPIENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class D7Message:
    """
    One text to one or many recipients, E.164 with the plus.

    What is None here is as in the call's globals, or as D7 has it by default.
    """

    recipients: Sequence[str] = field(repr=False)
    content: str = field(repr=False)
    originator: str | None = None
    channel: str | None = None
    msg_type: str = "text"
    data_coding: DataCoding | None = None
    #: Where D7 posts delivery reports.
    report_url: str | None = field(default=None, repr=False)
    #: Whether D7 looks the number up first and sends to active ones only; costs extra.
    num_lookup: bool | None = None
    client_ref: str | None = None


class D7Client:
    """
    D7's HTTP API for one account. Threads may share it.

    *api_token* is the bearer token; other options are those of ``Transport``. Raises
    ``ConfigurationError`` for a token or an address that cannot be used; http is taken on this
    machine only.
    """

    def __init__(
        self,
        *,
        api_token: str,
        api_url: str = "https://api.d7networks.com",
        **transport_options: Unpack[TransportOptions],
    ) -> None:
        self._token = check_token(api_token)
        self._url = check_url(api_url, option="api_url").rstrip("/")
        self._transport = Transport(**transport_options)

    def __repr__(self) -> str:
        return f"<D7Client {urlsplit(self._url).hostname}>"

    def close(self) -> None:
        """Close the idle connections. The client can be used again."""
        self._transport.close()

    @sensitive_variables()
    def send_otp(
        self,
        *,
        recipient: str,
        originator: str,
        content: str | None = None,
        template_id: int | None = None,
        expiry_seconds: int = 600,
        data_coding: DataCoding = "text",
        channel: str | None = None,
        retry_delay_seconds: int = 60,
        retry_count: int = 5,
        otp_code_length: int = 6,
        otp_type: Alphabet = "numeric",
        success_url: str | None = None,
        failure_url: str | None = None,
    ) -> SentOTP:
        """
        Have D7 make a code and send it. Costs money and is not idempotent.

        *recipient* is E.164 with the plus. The code stands in place of ``{}`` in *content*, or in
        the dashboard's template: give one of the two, or it is a ``ValueError``.
        *retry_delay_seconds* and *retry_count* are D7's own limits on resending. What D7 does
        with *success_url* and *failure_url* is not documented (C20).

        Source: gateway-apis A.7, read 2026-11-21.
        """
        if (content is None) == (template_id is None):
            raise ValueError("Give content or template_id, and not both.")
        if content is not None and "{}" not in content:
            raise ValueError("content must hold {} where the code is to stand.")
        body = {
            "recipient": recipient,
            "originator": originator,
            "content": content,
            "template_id": template_id,
            "expiry": expiry_seconds,
            "data_coding": data_coding,
            "channel": channel,
            "retry_delay": retry_delay_seconds,
            "retry_count": retry_count,
            "otp_code_length": otp_code_length,
            "otp_type": otp_type,
            "success_url": success_url,
            "failure_url": failure_url,
        }
        answer = self._post("/verify/v1/otp/send-otp", body)
        return d7_answers.read_sent_otp(answer, expiry_seconds=expiry_seconds)

    def resend_otp(self, otp_id: str) -> ResentOTP:
        """
        Have D7 make a new code and send it. Costs money and is not idempotent.

        ``GatewayRefused`` has the reason ``too_frequent`` or ``expired`` where D7 says so.

        Source: gateway-apis A.8, C7, read 2026-11-21.
        """
        answer = self._post("/verify/v1/otp/resend-otp", {"otp_id": otp_id})
        return d7_answers.read_resent_otp(answer)

    @sensitive_variables()
    def verify_otp(self, *, otp_id: str, otp_code: str) -> Verdict:
        """
        Ask D7 whether a code is right. A right one is then used up.

        We know of no limit of D7's on attempts: the caller must count. ``WRONG`` may also mean
        expired, D7 has one answer for both. ``ALREADY_APPROVED`` says nothing of this code.

        Source: gateway-apis A.9, C3, C9, read 2026-11-21.
        """
        body = {"otp_id": otp_id, "otp_code": otp_code}
        answer = self._post("/verify/v1/otp/verify-otp", body, secrets=[otp_code])
        return d7_answers.read_verdict(answer)

    def report(self, otp_id: str) -> Verdict:
        """
        Ask D7 how its session stands: OPEN, APPROVED, WRONG, EXPIRED, or UNKNOWN for other words.

        Source: gateway-apis A.10, read 2026-11-21.
        """
        return d7_answers.read_report(self._get("/verify/v1/report/", otp_id))

    @sensitive_variables()
    def send_messages(
        self,
        messages: Sequence[D7Message],
        *,
        originator: str | None = None,
        channel: str | None = "sms",
        data_coding: DataCoding | None = None,
        report_url: str | None = None,
        schedule_time: datetime | None = None,
        tag: str | None = None,
    ) -> SentMessages:
        """
        Send texts. Costs money and is not idempotent.

        The keywords are D7's globals, for messages that do not say otherwise. *schedule_time* is
        aware and in the future; its seconds are dropped. A recipient named twice in a message
        gets it once. How each recipient fared, ``message_log`` tells.

        Raises ``ValueError`` for what cannot be sent: no message, a message without recipient,
        content or originator, more than 100 recipients, a time that is naive or past.

        Source: gateway-apis A.4, C6, G11, G14, read 2026-11-21.
        """
        for message in messages:
            if not message.recipients or not message.content:
                raise ValueError("Each message needs recipients and content.")
            if not (message.originator or originator):
                raise ValueError("Give an originator in each message or for all.")
        bodies = [_make_message(message) for message in messages]
        if not 1 <= sum(len(set(message.recipients)) for message in messages) <= MAX_RECIPIENTS:
            raise ValueError(f"Give 1 to {MAX_RECIPIENTS} recipients.")
        everywhere = {
            "originator": originator,
            "channel": channel,
            "data_coding": data_coding,
            "report_url": report_url,
            "schedule_time": schedule_time and _make_schedule_time(schedule_time),
            "tag": tag,
        }
        body = {"messages": bodies, "message_globals": _without_nulls(everywhere)}
        return d7_answers.read_sent_messages(self._post("/messages/v1/send", body))

    def message_log(self, request_id: str) -> MessageLog:
        """
        Ask how the messages of one request stand.

        For about a minute after sending, D7 may not know the request yet: ``GatewayRefused`` with
        the reason ``unknown_reference`` (A.5).

        Source: gateway-apis A.5, read 2026-11-21.
        """
        return d7_answers.read_message_log(self._get("/report/v1/message-log/", request_id))

    def balance(self) -> Decimal:
        """
        Ask for the account's balance, in a currency that D7 does not name.

        Source: gateway-apis A.3, read 2026-11-21.
        """
        return d7_answers.read_balance(self._get("/messages/v1/balance"))

    def pricing(self, country_iso: str | None = None) -> dict[str, Decimal]:
        """
        Ask what a part costs, by country (ISO alpha-2), for one country or all.

        Source: gateway-apis A.6, read 2026-11-21.
        """
        query = {"country_iso": country_iso} if country_iso else None
        return d7_answers.read_prices(self._get("/messages/v1/sms/pricing", query=query))

    @sensitive_variables()
    def number_lookup(self, recipient: str) -> NumberLookup:
        """
        Ask the networks about a number, E.164 with the plus. Costs money.

        Source: gateway-apis A.12, read 2026-11-21.
        """
        answer = self._post("/hlr/v1/lookup", {"recipient": recipient})
        return d7_answers.read_number_lookup(answer)

    def number_lookup_report(self, request_id: str) -> NumberLookup:
        """
        Ask again for what a lookup found.

        Source: gateway-apis A.12, C21, read 2026-11-21.
        """
        return d7_answers.read_number_lookup(self._get("/hlr/v1/report/", request_id))

    @sensitive_variables()
    def _post(
        self, path: str, body: Mapping[str, object], *, secrets: Collection[str] = ()
    ) -> Answer:
        return self._transport.post_json(
            self._url + path,
            _without_nulls(body),
            name=f"POST {path}",
            bearer=self._token,
            secrets=secrets,
        )

    def _get(
        self, path: str, reference: str | None = None, *, query: Mapping[str, str] | None = None
    ) -> Answer:
        url, name = self._url + path, f"GET {path}"
        if reference is not None:
            # Dots alone are a path of their own, and no quoting helps.
            if not reference.strip("."):
                raise ValueError("Not an id of D7's.")
            url, name = url + quote(reference, safe=""), name + "<id>"
        return self._transport.get(url, name=name, bearer=self._token, query=query)


def _make_message(message: D7Message) -> dict[str, object]:
    return _without_nulls(
        {
            "channel": message.channel,
            "originator": message.originator,
            "recipients": list(dict.fromkeys(message.recipients)),
            "content": message.content,
            "msg_type": message.msg_type,
            "data_coding": message.data_coding,
            "report_url": message.report_url,
            "num_lookup": message.num_lookup,
            "client_ref": message.client_ref,
        }
    )


def _make_schedule_time(moment: datetime) -> str:
    if moment.tzinfo is None or moment <= datetime.now(UTC):
        raise ValueError("schedule_time must be aware and in the future.")
    return moment.isoformat(timespec="minutes")


def _without_nulls(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
