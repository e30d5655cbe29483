"""
Direct Messenger (messenger.ee): SMS, blacklist, 2FA (the provider makes the code), text templates.

Source: gateway-apis part B, read 2026-11-21. Addresses come with the account, one for each
endpoint, and none is built from another.

Besides what it names, every call raises::

    ConfigurationError     401, 403: the provider does not take the api_token; no address is set
    GatewayRefused         the provider said no; ``reason`` says why, where it does
    GatewayUnreachable     no connection, or 429 with ``retry_after_seconds``
    GatewayUncertain       cut off, timed out, 3xx, 5xx, or not what the API promises

and ``ValueError`` for what cannot be a receiver or sender. Nothing is retried. After
``GatewayUncertain`` nobody may retry a send: the provider has no idempotency key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Unpack
from urllib.parse import quote_plus, urlsplit

from django.views.decorators.debug import sensitive_variables

from django_d7verify.clients import messenger_answers
from django_d7verify.clients.answers import Answer
from django_d7verify.clients.http import Transport
from django_d7verify.clients.messenger_answers import (
    BlacklistEntry,
    Personalized,
    SentPin,
    SentSMS,
)
from django_d7verify.clients.options import TransportOptions, check_token, check_url
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.words import Verdict

__all__ = [
    "BlacklistEntry",
    "MessengerClient",
    "Personalized",
    "SentPin",
    "SentSMS",
    "check_sender",
    "make_dlruri",
]

_RESERVED_VARIABLES = {"api_token", "smstext", "id", "receiver"}


def check_sender(sender: str) -> str:
    """
    Return *sender* as it is.

    Raises ``ValueError`` unless it is a number (the plus and digits, 15 characters) or a name (11
    characters, one of them neither a digit nor the plus). Digits without the plus are neither.

    Source: gateway-apis B.2 and D, read 2026-11-21.
    """
    number = re.fullmatch(r"\+[0-9]{1,14}", sender)
    name = re.fullmatch(r".{1,11}", sender) and sender.isprintable() and sender.strip("+0123456789")
    if not number and not name:
        raise ValueError("A sender is a name of 11 characters or + and 14 digits, at most.")
    return sender


def make_dlruri(
    base_url: str,
    *,
    id_name: str = "id",
    status_name: str = "dlr",
    receiver_name: str | None = None,
    time_name: str | None = None,
) -> str:
    """
    Make the address for delivery reports: *base_url* and a query of the provider's placeholders.

    The names are those under which the report is to bring its values; receiver and time come
    only if named (a receiver would stand in access logs). The placeholders stay literal here:
    ``send_sms`` percent-encodes the whole, once. Raises ``ValueError`` if *base_url* is not http
    or https, has a fragment, or has a placeholder already.

    Source: gateway-apis B.2 and F.4, read 2026-11-21.
    """
    if urlsplit(base_url).scheme not in {"http", "https"} or "#" in base_url:
        raise ValueError("base_url must be http or https, without a fragment.")
    if re.search(r"%(smsid|dlr|receiver|time)%", base_url):
        raise ValueError("base_url must not hold a placeholder.")
    names = {"smsid": id_name, "dlr": status_name, "receiver": receiver_name, "time": time_name}
    query = "&".join(f"{quote_plus(name)}=%{value}%" for value, name in names.items() if name)
    return f"{base_url}{'&' if '?' in base_url else '?'}{query}"


class MessengerClient:
    """
    Direct Messenger's HTTP API for one account. Threads may share it.

    Calling an endpoint without its address is a ``ConfigurationError``. *blacklist_url* is the
    address of the list, under which ``/create`` and ``/delete/<id>`` are. Other options are those
    of ``Transport``. Raises ``ConfigurationError`` for a token or an address that cannot be used;
    http is taken on this machine only.
    """

    def __init__(
        self,
        *,
        api_token: str,
        sms_url: str | None = None,
        pin_send_url: str | None = None,
        pin_authenticate_url: str | None = None,
        personal_url: str | None = None,
        blacklist_url: str | None = None,
        **transport_options: Unpack[TransportOptions],
    ) -> None:
        self._token = check_token(api_token)
        urls = {
            "sms_url": sms_url,
            "pin_send_url": pin_send_url,
            "pin_authenticate_url": pin_authenticate_url,
            "personal_url": personal_url,
            "blacklist_url": blacklist_url,
        }
        self._urls = {
            option: check_url(url, option=option) for option, url in urls.items() if url is not None
        }
        self._transport = Transport(**transport_options)

    def __repr__(self) -> str:
        hosts = {str(urlsplit(url).hostname) for url in self._urls.values()}
        return f"<MessengerClient {' '.join(sorted(hosts))}>"

    def close(self) -> None:
        """Close the idle connections. The client can be used again."""
        self._transport.close()

    @sensitive_variables()
    def send_sms(
        self,
        *,
        receiver: str,
        smstext: str,
        sender: str,
        conversion: int | None = None,
        deliverytime: str | None = None,
        dlruri: str | None = None,
        dlrid: str | None = None,
    ) -> SentSMS:
        """
        Send one text to one number. Costs money and is not idempotent.

        *receiver* is E.164. *sender* as in ``check_sender``. *conversion* 0 sends the text as it
        is, 1 and 2 convert some or all characters outside GSM 03.38. *deliverytime* is
        ``YYYY-MM-DD HH:MM:SS`` in a time zone that is not documented: better not used. *dlruri*
        is made by ``make_dlruri``; *dlrid*, our own id for its reports, needs it. Raises
        ``ValueError`` for what is none of this.

        Source: gateway-apis B.2, read 2026-11-21.
        """
        if not smstext:
            raise ValueError("smstext is empty.")
        if conversion not in {None, 0, 1, 2}:
            raise ValueError("conversion is 0, 1 or 2.")
        if dlrid is not None and dlruri is None:
            raise ValueError("dlrid needs a dlruri.")
        if deliverytime is not None:
            datetime.strptime(deliverytime, "%Y-%m-%d %H:%M:%S")
        fields = {
            "receiver": _make_receiver(receiver),
            "smstext": smstext,
            "sender": check_sender(sender),
            "conversion": None if conversion is None else str(conversion),
            "deliverytime": deliverytime,
            "dlruri": dlruri,
            "dlrid": dlrid,
        }
        return messenger_answers.read_sent_sms(self._post("sms_url", fields))

    @sensitive_variables()
    def send_pin(self, *, receiver: str, pin_length: int = 6) -> SentPin:
        """
        Have the provider make a pin and send it. Costs money and is not idempotent.

        *receiver* is E.164, *pin_length* 4 to 20, or it is a ``ValueError``. A pin has upper-case
        letters and digits, lives 300 seconds, and has no resend but another ``send_pin``. The
        provider's answer holds it; it is dropped while that is parsed.

        Source: gateway-apis B.4, read 2026-11-21.
        """
        if pin_length not in range(4, 21):
            raise ValueError("pin_length is 4 to 20.")
        fields = {"receiver": _make_receiver(receiver), "pin_length": str(pin_length)}
        return messenger_answers.read_sent_pin(self._post("pin_send_url", fields, drop=["pin"]))

    @sensitive_variables()
    def authenticate_pin(self, *, pin: str, pin_id: str) -> Verdict:
        """
        Ask the provider whether a pin is right. A right one is then used up.

        Case and outer blanks of *pin* do not matter. No limit on attempts is documented: the
        caller must count. ``ALREADY_APPROVED`` says nothing of this call.

        Source: gateway-apis B.5, read 2026-11-21.
        """
        pin = pin.strip().upper()
        fields = {"pin": pin, "pin_id": pin_id}
        answer = self._post("pin_authenticate_url", fields, secrets=[pin, pin_id])
        return messenger_answers.read_verdict(answer, pin_id=pin_id)

    @sensitive_variables()
    def personalize(
        self,
        *,
        smstext: str,
        variables: Mapping[str, str],
        message_id: str | None = None,
        receiver: str | None = None,
    ) -> Personalized:
        """
        Have the provider fill ``%name%`` in *smstext* with *variables*. Sends nothing.

        *message_id* and *receiver* come back as they are. Raises ``ValueError`` for a variable
        whose name the API uses itself.

        Source: gateway-apis B.6, read 2026-11-21.
        """
        if reserved := _RESERVED_VARIABLES & set(variables):
            raise ValueError(f"Not a variable's name: {', '.join(sorted(reserved))}.")
        fields = {**variables, "smstext": smstext, "id": message_id, "receiver": receiver}
        return messenger_answers.read_personalized(self._post("personal_url", fields))

    def blacklist(self) -> list[BlacklistEntry]:
        """
        Ask for the customer's list of numbers. The provider still sends to them.

        Source: gateway-apis B.3, read 2026-11-21.
        """
        url = self._get_url("blacklist_url")
        answer = self._transport.get(url, name="GET blacklist_url", bearer=self._token)
        return messenger_answers.read_blacklist(answer)

    @sensitive_variables()
    def blacklist_add(self, receiver: str) -> None:
        """
        Put a number, E.164, on the list.

        Source: gateway-apis B.3, read 2026-11-21.
        """
        fields = {"receiver": _make_receiver(receiver)}
        messenger_answers.read_success(self._post("blacklist_url", fields, path="/create"))

    def blacklist_remove(self, entry_id: int) -> None:
        """
        Take the entry of that id off the list.

        Source: gateway-apis B.3, read 2026-11-21.
        """
        path = f"/delete/{int(entry_id)}"
        messenger_answers.read_success(self._post("blacklist_url", {}, path=path))

    @sensitive_variables()
    def _post(
        self,
        option: str,
        fields: Mapping[str, str | None],
        *,
        path: str = "",
        secrets: Collection[str] = (),
        drop: Collection[str] = (),
    ) -> Answer:
        url = self._get_url(option)
        given = {name: value for name, value in fields.items() if value is not None}
        return self._transport.post_form(
            url.rstrip("/") + path if path else url,
            {"api_token": self._token, **given},
            name=f"POST {option}{path}",
            secrets=[self._token, *secrets],
            drop=drop,
        )

    def _get_url(self, option: str) -> str:
        try:
            return self._urls[option]
        except KeyError:
            raise ConfigurationError(f"{option} is not set: the call has no address.") from None


def _make_receiver(number: str) -> str:
    """Make a receiver of an E.164 number: its digits, without the plus."""
    digits = number.removeprefix("+")
    if not re.fullmatch(r"[0-9]{1,15}", digits):
        raise ValueError("A receiver is a number of at most 15 digits.")
    return digits
