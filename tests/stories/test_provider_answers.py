"""Where D7's documents contradict each other, the story is the same either way (C7, C9, G7)."""

from __future__ import annotations

import pytest
import requests

from django_d7verify.emulator import Emulator
from django_d7verify.models import Event, OTPSession, Pin
from tests.conftest import NUMBER, make_d7_settings

from .site import (
    RESEND_PATH,
    SEND_PATH,
    VERIFY_PATH,
    Api,
    Clocks,
    assert_approved,
    assert_closed,
    assert_refused,
    assert_wrong,
    make_wrong,
)

pytestmark = pytest.mark.django_db

either_way = pytest.mark.parametrize("switch", [False, True])


def asked_ids(d7: Emulator, path: str) -> list[str]:
    return [call["body"]["otp_id"] for call in d7.calls(path)]


@either_way
@pytest.mark.parametrize("alternative", [False, True])
def test_the_story_is_the_same_in_all_of_d7s_answers(
    api: Api, d7: Emulator, clocks: Clocks, switch: bool, alternative: bool
):
    d7.set_switches(resend_new_otp_id=switch, alternative_verify_answers=alternative)
    otp_id = api.send()["otp_id"]
    first_code = d7.messages(NUMBER)[-1]["code"]
    assert_wrong(api.verify(otp_id, make_wrong(first_code)), attempts_left=4)
    clocks.advance(60)
    assert api.resend(otp_id)["otp_id"] == otp_id
    assert_wrong(api.verify(otp_id, first_code), attempts_left=3)
    code = d7.messages(NUMBER)[-1]["code"]
    assert_approved(api.verify(otp_id, code))
    assert_closed(api.verify(otp_id, code))


@either_way
def test_the_id_that_a_resend_returns_is_the_one_that_is_asked_from_then_on(
    api: Api, d7: Emulator, clocks: Clocks, switch: bool
):
    d7.set_switches(resend_new_otp_id=switch)
    otp_id = api.send()["otp_id"]
    for _ in range(2):
        clocks.advance(60)
        assert api.resend(otp_id).status == 200
    api.verify(otp_id, d7.messages(NUMBER)[-1]["code"])
    first, second, third = (str(message["reference"]) for message in d7.messages(NUMBER))
    assert len({first, second, third}) == (3 if switch else 1)
    assert asked_ids(d7, RESEND_PATH) == [first, second]
    assert asked_ids(d7, VERIFY_PATH) == [third]
    assert list(Pin.objects.order_by("generation").values_list("reference", flat=True)) == [
        first,
        second,
        third,
    ]
    # The provider's ids are its own affair: the person has one id from first to last.
    assert otp_id not in {first, second, third}


@either_way
def test_all_five_attempts_are_counted_in_either_way_of_saying_no(
    api: Api, d7: Emulator, clocks: Clocks, switch: bool
):
    d7.set_switches(alternative_verify_answers=switch)
    otp_id = api.send()["otp_id"]
    code = d7.messages(NUMBER)[-1]["code"]
    for variant in range(1, 6):
        assert_wrong(api.verify(otp_id, make_wrong(code, variant)), attempts_left=5 - variant)
    assert_closed(api.verify(otp_id, code))
    assert OTPSession.objects.get().status == "LOCKED"
    # Asked five times, and no report on any of them.
    assert [call["path"] for call in d7.calls()] == [SEND_PATH, *[VERIFY_PATH] * 5]


@either_way
def test_a_code_that_somebody_else_used_up_at_d7_is_not_approved_here(
    api: Api, d7: Emulator, clocks: Clocks, switch: bool
):
    d7.set_switches(alternative_verify_answers=switch)
    otp_id = api.send()["otp_id"]
    code = d7.messages(NUMBER)[-1]["code"]
    # "Already verified" by whom? Not by us: we have no record of having asked.
    d7.set_switches(alternative_verify_answers=False)
    reference = Pin.objects.get().reference
    use_up(d7, reference, code)
    d7.set_switches(alternative_verify_answers=switch)
    assert_wrong(api.verify(otp_id, code), attempts_left=4)
    assert_wrong(api.verify(otp_id, code), attempts_left=3)


def use_up(d7: Emulator, reference: str, code: object) -> None:
    answer = requests.post(
        d7.url + VERIFY_PATH,
        json={"otp_id": reference, "otp_code": code},
        headers={"Authorization": "Bearer another-token"},
        timeout=10,
    )
    assert answer.json() == {"status": "APPROVED"}


def test_an_older_code_that_d7_would_still_take_is_d7s_to_judge(
    api: Api, d7: Emulator, clocks: Clocks
):
    d7.set_switches(resend_keeps_old_code=True)
    otp_id = api.send()["otp_id"]
    first_code = d7.messages(NUMBER)[-1]["code"]
    clocks.advance(60)
    api.resend(otp_id)
    assert_approved(api.verify(otp_id, first_code))


def test_a_session_that_d7_forgot_is_closed_to_codes_and_begun_anew_by_a_resend(
    api: Api, d7: Emulator, clocks: Clocks
):
    otp_id = api.send()["otp_id"]
    code = d7.messages(NUMBER)[-1]["code"]
    d7.reset()
    assert_closed(api.verify(otp_id, code))
    # Not compared, so not counted.
    assert OTPSession.objects.get().attempts == 0
    event = Event.objects.latest("pk")
    assert (event.kind, event.reason) == ("not_compared", "unknown_reference")
    clocks.advance(60)
    assert api.resend(otp_id).status == 200
    assert [call["status"] for call in d7.calls()] == [404, 404, 200]
    assert (len(d7.calls(RESEND_PATH)), len(d7.calls(SEND_PATH))) == (1, 1)
    assert_approved(api.verify(otp_id, d7.messages(NUMBER)[-1]["code"]))


@pytest.mark.parametrize(
    ("token", "refusal"),
    [
        ("bad-token", {"status": 503, "code": "gateway_unreachable", "retry_after": 10}),
        ("poor-token", {"status": 502, "code": "gateway_refused"}),
    ],
)
def test_the_sites_own_trouble_with_d7_is_a_gateway_error_without_details(
    api: Api, emulator: Emulator, settings, token: str, refusal: dict
):
    gateway = make_d7_settings(emulator, api_token=token)
    settings.D7VERIFY = {**settings.D7VERIFY, "GATEWAYS": {"default": gateway}}
    assert_refused(api.send(), **refusal)
    assert emulator.messages() == []
