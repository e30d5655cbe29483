"""A code on its way: made for the gateway that is to carry it, and again for the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from django.views.decorators.debug import sensitive_variables

from django_d7verify import codes, limits
from django_d7verify.conf import Purpose, conf
from django_d7verify.dispatching import Dispatcher, get_dispatcher
from django_d7verify.exceptions import ConfigurationError, InvalidPurpose
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import PLACEHOLDER, CodeMessage, Gateway
from django_d7verify.models import Event, OTPSession, Pin
from django_d7verify.texts import render_content
from django_d7verify.words import Alphabet, EventKind, PinStatus


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """One code on its way: what is claimed, and what to send."""

    session: OTPSession
    rules: Purpose
    pin: Pin
    gateway: Gateway
    now: datetime
    dispatcher: Dispatcher
    #: None until the code is made: by us now, or by a worker later.
    message: CodeMessage | None = None
    #: The code is a fixed one of ``TEST_NUMBERS``: nothing is sent.
    is_test: bool = False
    #: Made by another package, which asked for it to be sent; "" to make one.
    given_code: str = field(default="", repr=False)
    #: Where to turn while the code surely was not sent.
    successors: list[Gateway] = field(default_factory=list)
    #: Budgets to take from, in the order of their locks.
    scopes: list[str] = field(default_factory=list)
    #: The provider's id of the session so far, for a resend; "" to send anew.
    reference: str = ""
    #: The session's ``expires_at`` before a resend; None for the first code.
    expired_before: datetime | None = None

    @property
    def is_inline(self) -> bool:
        """Whether the caller sends: always what was given to it, which goes into no queue."""
        return bool(self.given_code) or self.dispatcher.is_inline

    @property
    def claim(self) -> str:
        """The name under which the recipient's send is taken, and given back once."""
        return f"{self.session.otp_id}:{self.session.generation}"

    def make_event(self, kind: EventKind, *, reason: str = "", answer: str = "") -> Event:
        """What the gateway did, for the audit."""
        return Event(
            session=self.session,
            kind=kind,
            at=self.now,
            generation=self.pin.generation,
            gateway=self.gateway.alias,
            reason=reason,
            answer=answer,
        )


def get_purpose(name: str) -> Purpose:
    """What holds for *name*. Raises ``InvalidPurpose``."""
    try:
        return conf.get_purpose(name)
    except KeyError:
        raise InvalidPurpose("D7VERIFY['PURPOSES'] has no such purpose.") from None


def make_lifetime(rules: Purpose, gateway: Gateway) -> timedelta:
    """How long a code of *gateway* lives."""
    longest = gateway.fixed_expiry_seconds or rules.expiry_seconds
    return timedelta(seconds=min(rules.expiry_seconds, longest))


def make_outgoing(
    session: OTPSession,
    rules: Purpose,
    gateway: Gateway,
    *,
    now: datetime,
    given_code: str = "",
    reference: str = "",
    expired_before: datetime | None = None,
) -> Outgoing:
    """
    The next code of *session*, for *gateway*: made now, or left for a worker to make.

    Raises ``ConfigurationError`` for bad aliases, and for a text that has not the code in it once.
    """
    dispatcher = get_dispatcher(hidden=session.hidden)
    outgoing = Outgoing(
        session=session,
        rules=rules,
        pin=_make_pin(session, rules, gateway, now),
        gateway=gateway,
        now=now,
        dispatcher=dispatcher,
        given_code=given_code,
        successors=find_successors(gateway, must_carry=session.hidden or bool(given_code)),
        scopes=limits.find_scopes(session.recipient_id, session.country),
        reference=reference,
        expired_before=expired_before,
    )
    # A fixed code works at once: who knows it waits for no message.
    if outgoing.is_inline or conf.find_test_code(session.recipient_id, now):
        make_code(outgoing)
    if not outgoing.is_inline:
        outgoing.pin.status = PinStatus.QUEUED
    return outgoing


def make_rerouted(outgoing: Outgoing) -> Outgoing:
    """The same claim with a new code, for the first of the successors."""
    gateway, *successors = outgoing.successors
    pin = _make_pin(outgoing.session, outgoing.rules, gateway, outgoing.now)
    pin.budgets = outgoing.pin.budgets
    rerouted = Outgoing(
        session=outgoing.session,
        rules=outgoing.rules,
        pin=pin,
        gateway=gateway,
        now=outgoing.now,
        dispatcher=outgoing.dispatcher,
        given_code=outgoing.given_code,
        successors=successors,
        expired_before=outgoing.expired_before,
    )
    make_code(rerouted)
    return rerouted


def find_successors(gateway: Gateway, *, must_carry: bool) -> list[Gateway]:
    """
    Where to turn while the code surely was not sent by *gateway*.

    *must_carry*: never to one that makes codes. It could not send one that was given; and of a
    hidden session it would be asked about those of known people only, and that could be seen.
    """
    found = [get_gateway(alias) for alias in conf.get_failover(gateway.alias)]
    return [successor for successor in found if not (must_carry and successor.makes_codes)]


def _make_pin(session: OTPSession, rules: Purpose, gateway: Gateway, now: datetime) -> Pin:
    return Pin(
        session=session,
        generation=session.generation,
        gateway=gateway.alias,
        code_length=rules.code_length,
        code_alphabet=gateway.fixed_alphabet or rules.code_alphabet,
        created_at=now,
        expires_at=min(session.expires_at, now + make_lifetime(rules, gateway)),
    )


@sensitive_variables()
def make_code(outgoing: Outgoing) -> None:
    """Make the code, unless the provider does, its digest, and the message that carries it."""
    session, rules, pin = outgoing.session, outgoing.rules, outgoing.pin
    test_code = conf.find_test_code(session.recipient_id, outgoing.now)
    outgoing.is_test = test_code is not None
    code = outgoing.given_code or test_code
    if outgoing.given_code and outgoing.gateway.makes_codes:
        raise ConfigurationError(f"{outgoing.gateway.alias!r} carries its own codes only.")
    if code is not None:
        pin.code_length, pin.code_alphabet = len(code), "alphanumeric"
    elif not outgoing.gateway.makes_codes:
        code = codes.make_code(pin.code_length, pin.code_alphabet)
    if code is not None:
        pin.digest = codes.make_digest(code, pin.make_binding(), secret=conf.SECRET_KEYS[0])
        pin.reference = outgoing.gateway.make_reference()
    expiry_seconds = round((pin.expires_at - outgoing.now).total_seconds())
    content = render_content(
        rules.content,
        purpose=rules.name,
        language=session.language,
        expiry_seconds=expiry_seconds,
    )
    if content.count(PLACEHOLDER) != 1:
        # A check says so at start; a template may have changed since.
        raise ConfigurationError(f"The text for {rules.name!r} must have the code in it once.")
    outgoing.message = CodeMessage(
        recipient=session.recipient_id,
        content=content,
        code=code,
        code_length=rules.code_length,
        code_alphabet=cast("Alphabet", pin.code_alphabet),
        expiry_seconds=expiry_seconds,
        resend_wait_seconds=conf.RESEND_WAIT_SECONDS,
        max_resends=rules.max_resends,
        origin_host=conf.ORIGIN_HOST,
        reference=pin.reference,
    )
