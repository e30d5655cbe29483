"""What each call costs: data statements, transactions apart (``design.md`` 6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_d7verify import services
from django_d7verify.exceptions import Refused
from django_d7verify.gateways import locmem

from .conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)


def count(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured, suppress(Refused):
        call()
    verbs = [query["sql"].split(maxsplit=1)[0] for query in captured.captured_queries]
    return sum(verb in {"SELECT", "INSERT", "UPDATE", "DELETE"} for verb in verbs)


@pytest.fixture(params=["own codes", "provider-made codes"])
def code(request: pytest.FixtureRequest) -> Callable[[], str]:
    if request.param == "own codes":
        return lambda: str(locmem.outbox[-1].code)
    emulator = request.getfixturevalue("d7")
    return lambda: str(emulator.messages(NUMBER)[-1]["code"])


def make_wrong(code: str) -> str:
    return code[1:] + str(9 - int(code[0])) if len(set(code)) > 1 else str(9 - int(code[0])) * 6


def test_a_send_takes_five_statements_and_eight_to_a_number_never_seen(code: Any) -> None:
    now = timezone.now()
    assert count(lambda: services.send_otp(NUMBER, now=now)) == 8
    later = now + timedelta(seconds=60)
    assert count(lambda: services.send_otp(NUMBER, now=later)) == 5


def test_a_throttled_send_takes_two_statements(code: Any) -> None:
    now = timezone.now()
    services.send_otp(NUMBER, now=now)
    assert count(lambda: services.send_otp(NUMBER, now=now)) == 2


def test_a_resend_takes_six_statements_and_a_throttled_one_one(
    code: Any, request: pytest.FixtureRequest
) -> None:
    now = timezone.now()
    otp = services.send_otp(NUMBER, now=now)
    assert count(lambda: services.resend_otp(otp.otp_id, now=now)) == 1
    if "d7" in request.fixturenames:
        request.getfixturevalue("d7").advance_clock(60)
    later = now + timedelta(seconds=60)
    assert count(lambda: services.resend_otp(otp.otp_id, now=later)) == 6


def test_a_wrong_code_takes_four_statements_each_time_and_a_closed_session_one(
    code: Any, request: pytest.FixtureRequest
) -> None:
    otp = services.send_otp(NUMBER)
    wrong = make_wrong(code())
    # A provider's last wrong answer takes one more, which locks the session.
    last = 5 if "d7" in request.fixturenames else 4
    counts = [count(lambda: services.verify_otp(otp.otp_id, wrong)) for _ in range(6)]
    assert counts == [4, 4, 4, 4, last, 1]


def test_a_right_code_of_ours_takes_four_statements_and_a_provider_made_one_six(
    code: Any, request: pytest.FixtureRequest
) -> None:
    otp = services.send_otp(NUMBER)
    expected = 6 if "d7" in request.fixturenames else 4
    assert count(lambda: services.verify_otp(otp.otp_id, code())) == expected


def test_reading_a_session_takes_one_statement(code: Any) -> None:
    otp = services.send_otp(NUMBER)
    assert count(lambda: services.get_otp(otp.otp_id)) == 1


def test_using_a_proof_takes_three_statements(code: Any) -> None:
    otp = services.verify_otp(services.send_otp(NUMBER).otp_id, code()).otp
    token = services.make_verification_token(otp)
    assert count(lambda: services.consume_verification_token(token, purpose="verify")) == 3
