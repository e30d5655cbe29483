"""What no gateway sends."""

from __future__ import annotations

from typing import Any

import pytest

from django_d7verify import services
from django_d7verify.exceptions import ConfigurationError, RecipientRefused
from django_d7verify.words import SessionStatus
from tests.conftest import NUMBER, set_d7verify

from .wires import Wire

pytestmark = pytest.mark.django_db


def test_a_stopped_number_is_sent_nothing(wire: Wire) -> None:
    otp = wire.send()
    wire.advance(60)
    assert services.stop_recipient(NUMBER)
    calls = len(wire.emulator.calls())
    for call in (wire.send, lambda: wire.resend(otp)):
        with pytest.raises(RecipientRefused):
            call()
    assert len(wire.codes()) == 1
    assert len(wire.emulator.calls()) == calls


@pytest.mark.parametrize("content", ["No place for it", "", "{ }", "Twice {} and {}"])
def test_a_text_that_has_not_exactly_one_place_for_the_code_is_never_sent(
    wire: Wire, settings: Any, content: str
) -> None:
    set_d7verify(settings, CONTENT=content)
    with pytest.raises(ConfigurationError):
        wire.send()
    assert wire.codes() == []
    assert wire.emulator.calls() == []
    set_d7verify(settings, CONTENT="Code {}")
    assert wire.send().status == SessionStatus.OPEN
