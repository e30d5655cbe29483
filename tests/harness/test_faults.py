"""Each fault of the provider, through the whole site: one answer, no error of ours, a way on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_d7verify.emulator.faults import FAULTS
from django_d7verify.words import Delivery

from . import reports
from .answers import Answer
from .figures import Figures
from .people import KINDS, Person, make_wrong
from .site import Site, wait_for

#: By fault: status, word and options. Surely not done, so it may be tried again at once.
NOT_DONE: dict[str, tuple[int, str, dict[str, Any]]] = {
    "refuse": (503, "gateway_unreachable", {"seconds": 60}),
    "unauthorized": (503, "gateway_unreachable", {}),
    "forbidden": (503, "gateway_unreachable", {}),
    "no_credit": (502, "gateway_refused", {}),
    "invalid": (502, "gateway_refused", {}),
    "too_many": (503, "gateway_unreachable", {"retry_after": 7}),
    "rejected": (502, "gateway_refused", {}),
}
#: By fault: options, and whether the provider did what was asked. Nobody here can know.
UNCERTAIN: dict[str, tuple[dict[str, Any], bool]] = {
    "reset": ({}, False),
    "slow": ({"seconds": 3}, True),
    "stall": ({}, True),
    "cut_body": ({}, True),
    "trickled_headers": ({"interval_seconds": 0.1}, True),
    "server_error": ({"act": True}, True),
    "not_json": ({"act": True}, True),
    "redirect": ({}, False),
}
#: Faults that are waited for.
SILENT = {"slow", "stall", "trickled_headers"}
#: By fault: the words that come, and whether each changes anything.
REPORTED = {
    "report_twice": [("sent", True), ("sent", False), ("delivered", True), ("delivered", False)],
    "report_backward": [("delivered", True), ("sent", False)],
    "report_never": [],
}


@pytest.fixture
def person(person: Person, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Whose gateway does not wait for long for what never comes; no fault is left at the end."""
    if request.node.callspec.params.get("fault") in SILENT:
        person.purpose = person.kind.hasty_purpose
    yield person
    recover(person.site)


def recover(site: Site) -> None:
    site.emulator.clear_faults()
    site.emulator.stop_refusing()


def assert_refused(answer: Answer, fault: str) -> None:
    status, code, options = NOT_DONE[fault]
    assert answer.outcome == f"{status} {code}"
    assert ("Retry-After" in answer.headers) is (status == 503)
    if "retry_after" in options:
        assert answer["retry_after"] == options["retry_after"]


def assert_uncertain(answer: Answer, otp_id: str) -> None:
    assert answer.outcome == "504 gateway_uncertain"
    assert answer["otp_id"] == otp_id


def test_no_fault_of_the_emulator_is_forgotten_here() -> None:
    assert set(FAULTS) == {*NOT_DONE, *UNCERTAIN, *REPORTED}


@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_send_that_surely_failed_may_be_repeated_at_once(
    person: Person, fault: str, figures: Figures
) -> None:
    person.site.emulator.add_fault(fault, person.kind.send_path, **NOT_DONE[fault][2])
    answer = person.send()
    figures.show("send", [answer])
    assert_refused(answer, fault)
    assert person.codes() == []
    recover(person.site)
    otp_id = person.get_otp_id()
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"


@pytest.mark.parametrize("fault", UNCERTAIN)
def test_a_send_without_an_answer_is_never_repeated_inside_60_seconds(
    person: Person, fault: str, figures: Figures
) -> None:
    options, acts = UNCERTAIN[fault]
    person.site.emulator.add_fault(fault, person.kind.send_path, **options)
    answer = person.send()
    figures.show("send", [answer], messages=len(person.codes()))
    otp_id = str(person.session().otp_id)
    assert_uncertain(answer, otp_id)
    recover(person.site)
    assert person.send().outcome == person.resend(otp_id).outcome == "429 throttled"
    assert len(person.codes()) == acts
    person.site.advance(60)
    assert person.resend(otp_id).outcome == "200 OPEN"
    assert len(person.codes()) == acts + 1
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"


@pytest.mark.parametrize("kind", [KINDS["provider-made codes"]], ids=["provider-made codes"])
@pytest.mark.parametrize("fault", [fault for fault in NOT_DONE if fault != "rejected"])
def test_a_check_that_was_surely_not_made_is_not_counted(
    person: Person, fault: str, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    person.site.emulator.add_fault(fault, person.kind.verify_path, **NOT_DONE[fault][2])
    answer = person.verify(otp_id, person.newest_code())
    figures.show("verify", [answer])
    assert_refused(answer, fault)
    recover(person.site)
    assert person.session().attempts == 0
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"


@pytest.mark.parametrize("kind", [KINDS["provider-made codes"]], ids=["provider-made codes"])
@pytest.mark.parametrize("fault", UNCERTAIN)
def test_a_check_without_an_answer_is_counted_and_the_same_code_is_approved_next(
    person: Person, fault: str, figures: Figures
) -> None:
    otp_id = person.get_otp_id()
    code = person.newest_code()
    person.site.emulator.add_fault(fault, person.kind.verify_path, **UNCERTAIN[fault][0])
    answer = person.verify(otp_id, code)
    figures.show("verify", [answer])
    assert_uncertain(answer, otp_id)
    recover(person.site)
    assert person.session().attempts == 1
    assert person.verify(otp_id, make_wrong(code)).outcome == "400 invalid_code"
    assert person.verify(otp_id, code).outcome == "200 APPROVED"


@pytest.mark.parametrize("kind", [KINDS["provider-made codes"]], ids=["provider-made codes"])
def test_a_check_that_is_rejected_is_a_wrong_code(person: Person, figures: Figures) -> None:
    # 200 FAILED is D7's other word for it (gateway-apis C9).
    otp_id = person.get_otp_id()
    person.site.emulator.add_fault("rejected", person.kind.verify_path)
    answer = person.verify(otp_id, person.newest_code())
    figures.show("verify", [answer])
    assert (answer.outcome, answer["attempts_left"]) == ("400 invalid_code", 4)
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"


@pytest.mark.parametrize("kind", [KINDS["own codes"]], ids=["own codes"])
@pytest.mark.parametrize("fault", REPORTED)
def test_delivery_reports_only_go_forward(person: Person, fault: str, figures: Figures) -> None:
    site = person.site
    site.emulator.add_fault(fault, person.kind.send_path)
    otp_id = person.get_otp_id()
    [pin] = person.pins()
    expected = REPORTED[fault]
    wait_for(lambda: site.emulator.messages(person.number)[-1]["status"] == "delivered")
    wait_for(lambda: len(reports.read(site.folder, pin.reference)) >= len(expected))
    told = reports.read(site.folder, pin.reference)
    state = site.state(otp_id)
    figures.show("state", [state], reports=len(told), delivery=state["delivery"] or "unknown")
    assert told == expected
    assert state["delivery"] == (Delivery.DELIVERED if expected else Delivery.UNKNOWN)
    assert person.verify(otp_id, person.newest_code()).outcome == "200 APPROVED"
