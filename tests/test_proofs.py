"""The proof of an approval: signed, bound, short-lived, and good for one use."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import transaction

from django_d7verify import services, signals
from django_d7verify.exceptions import ConfigurationError, SessionClosed
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, OTPSession
from django_d7verify.services import OTP
from django_d7verify.words import EventKind, SessionStatus

from .conftest import NUMBER
from .parallel import run_at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OTHER_NUMBER = "+971507654321"
INSTANT = timedelta(microseconds=1)


def approve(number: str = NUMBER, purpose: str = "verify", now: datetime = NOW) -> OTP:
    otp = services.send_otp(number, purpose=purpose, now=now)
    return services.verify_otp(otp.otp_id, str(locmem.outbox[-1].code), now=now).otp


def use(token: Any, *, purpose: str = "verify", now: datetime = NOW) -> OTP:
    return services.consume_verification_token(token, purpose=purpose, now=now)


def assert_refused(token: Any, **keywords: Any) -> None:
    before = Event.objects.count()
    with pytest.raises(SessionClosed):
        use(token, **keywords)
    assert Event.objects.count() == before


def test_a_proof_says_whose_number_was_proven_for_what_and_is_used_once():
    otp = approve()
    token = services.make_verification_token(otp)
    proven = use(token)
    assert (proven.otp_id, proven.recipient, proven.purpose) == (otp.otp_id, NUMBER, "verify")
    assert proven.status == SessionStatus.APPROVED
    session = OTPSession.objects.get()
    assert (session.consumed_at, session.status) == (NOW, SessionStatus.APPROVED)
    assert Event.objects.latest("pk").kind == EventKind.CONSUMED
    assert_refused(token)
    assert_refused(token, now=NOW + timedelta(seconds=1))
    # Another proof of the same approval is the same proof.
    assert_refused(services.make_verification_token(proven))


@pytest.mark.django_db(transaction=True)
def test_of_20_uses_at_once_one_succeeds():
    token = services.make_verification_token(approve())
    outcomes = run_at_once(20, lambda _: use(token).status)
    assert outcomes == {"APPROVED": 1, "SessionClosed": 19}
    assert Event.objects.filter(kind=EventKind.CONSUMED).count() == 1


@pytest.mark.parametrize("seconds", [1, 300, 3600])
def test_a_proof_is_good_for_exactly_as_long_as_is_set(settings: Any, seconds: int):
    settings.D7VERIFY = {**settings.D7VERIFY, "VERIFICATION_TOKEN_SECONDS": seconds}
    token = services.make_verification_token(approve())
    late = NOW + timedelta(seconds=seconds)
    assert_refused(token, now=late)
    assert_refused(token, now=late + timedelta(days=1))
    assert use(token, now=late - INSTANT).recipient == NUMBER


def test_the_time_begins_with_the_approval_and_not_with_the_proof():
    otp = approve()
    later = NOW + timedelta(seconds=299)
    token = services.make_verification_token(services.get_otp(otp.otp_id, now=later))
    assert_refused(token, now=later + timedelta(seconds=1))


@pytest.mark.parametrize("purpose", ["login", "change_phone", "", "Verify", "verify|"])
def test_a_proof_is_good_for_its_own_purpose_only(purpose: str):
    token = services.make_verification_token(approve())
    assert_refused(token, purpose=purpose)
    assert use(token).purpose == "verify"


def test_a_session_is_not_good_for_a_purpose_that_its_proof_was_signed_for_by_mistake():
    otp = approve(purpose="verify")
    mistaken = signing.Signer(salt=f"django_d7verify.proof|login|{NUMBER}").sign(otp.otp_id)
    assert_refused(mistaken, purpose="login")


def make_forgeries(otp: OTP, token: str) -> list[Any]:
    otp_id, signature = token.split(":")
    return [
        *("", ":", "nonsense", otp_id, f"{otp_id}:", f":{signature}", f"{otp_id}:{signature[:-1]}"),
        *(f"{otp_id}:{signature}x", f"{otp_id}:{'A' * len(signature)}", f"{token}:{signature}"),
        *(f" {token}", f"{token} ", f"{token}\n", token.upper(), token.replace(":", "-")),
        f"{uuid.uuid4()}:{signature}",
        f"{{{otp_id}}}:{signature}",
        f"{otp_id.replace('-', '')}:{signature}",
        *(f"{otp_id}:\ud800", f"{otp_id}:é", f"{otp_id}:\0", "\ud800:x", f"{otp_id}\0:{signature}"),
        signing.Signer(key="another-key").sign(otp_id),
        # Signed by the site, for something else.
        signing.Signer().sign(otp_id),
        signing.Signer(salt="django_d7verify.proof").sign(otp_id),
        signing.Signer(salt="django_d7verify.proof|verify|").sign(otp_id),
        signing.Signer(salt=f"django_d7verify.proof|verify|{OTHER_NUMBER}").sign(otp_id),
        *(None, 1, b"", token.encode(), [token], {"token": token}, uuid.UUID(otp_id)),
    ]


def test_no_forged_proof_is_taken_and_none_is_an_error_of_ours():
    otp = approve()
    token = services.make_verification_token(otp)
    for forgery in make_forgeries(otp, token):
        assert_refused(forgery)
    assert use(token)


def test_the_proof_of_one_session_is_not_good_for_another():
    first, second = approve(), approve(OTHER_NUMBER)
    signature = services.make_verification_token(first).split(":")[1]
    assert_refused(f"{second.otp_id}:{signature}")
    assert OTPSession.objects.filter(consumed_at=None).count() == 2


def test_a_proof_shows_neither_the_number_nor_the_code():
    otp = approve()
    token = services.make_verification_token(otp)
    assert NUMBER[1:] not in token
    assert str(locmem.outbox[-1].code) not in token.split(":")[1]


def test_what_is_not_approved_proves_nothing():
    opened = services.send_otp(NUMBER, now=NOW)
    token = services.make_verification_token(opened)
    assert_refused(token)
    services.cancel_otp(opened.otp_id, now=NOW)
    assert_refused(token)
    now = NOW + timedelta(seconds=60)
    locked = services.send_otp(NUMBER, now=now)
    wrong = f"{(int(str(locmem.outbox[-1].code)) + 1) % 10**6:06}"
    for _ in range(5):
        services.verify_otp(locked.otp_id, wrong, now=now)
    assert_refused(services.make_verification_token(locked), now=now)
    assert not OTPSession.objects.exclude(consumed_at=None).exists()


def test_a_proof_made_before_the_approval_is_the_same_proof():
    opened = services.send_otp(NUMBER, now=NOW)
    token = services.make_verification_token(opened)
    services.verify_otp(opened.otp_id, str(locmem.outbox[-1].code), now=NOW)
    assert use(token).status == SessionStatus.APPROVED


def test_a_proof_outlives_the_rotation_of_the_key_that_signed_it_and_not_its_removal(
    settings: Any,
):
    token = services.make_verification_token(approve())
    known = settings.D7VERIFY
    settings.D7VERIFY = {**known, "SECRET_KEYS": ["new-key"]}
    assert_refused(token)
    settings.D7VERIFY = {**known, "SECRET_KEYS": ["new-key", "older-key", settings.SECRET_KEY]}
    assert use(token).recipient == NUMBER


def test_djangos_own_keys_rotate_alike(settings: Any):
    token = services.make_verification_token(approve())
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key"
    assert_refused(token)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert use(token).recipient == NUMBER


def test_the_signal_is_sent_once_it_holds_and_not_for_a_refusal():
    seen: list[str] = []

    def receive(otp: OTP, **_: object) -> None:
        seen.append(otp.otp_id)
        raise ZeroDivisionError("of a receiver")

    signals.otp_consumed.connect(receive)
    try:
        otp = approve()
        token = services.make_verification_token(otp)
        use(token)
        assert_refused(token)
    finally:
        signals.otp_consumed.disconnect(receive)
    assert seen == [otp.otp_id]


@pytest.mark.django_db(transaction=True)
def test_a_proof_is_not_used_inside_a_transaction_that_could_give_it_back():
    token = services.make_verification_token(approve())
    with transaction.atomic(), pytest.raises(ConfigurationError):
        use(token)
    assert use(token).recipient == NUMBER
