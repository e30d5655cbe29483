"""How long a text is, and where it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_d7verify.texts import (
    D7,
    D7_DOCUMENTED,
    MESSENGER,
    TextLimits,
    TextRefused,
    TextSize,
    choose_data_coding,
    measure,
    split,
)

EXTENSION = "^{}\\[~]|€\f"
BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà"
EMOJI = "\N{WINKING FACE}"

gsm_texts = st.text(st.sampled_from(BASIC + EXTENSION * 3), min_size=1, max_size=800)
sendable = st.characters(exclude_categories=["Cs", "Cc"])
any_texts = st.text(sendable | st.sampled_from(EMOJI + "õ{" + "a"), min_size=1, max_size=400)
limits = st.builds(
    TextLimits,
    gsm_single=st.integers(2, 170),
    gsm_part=st.integers(2, 160),
    ucs2_single=st.integers(2, 75),
    ucs2_part=st.integers(2, 70),
)


def count_gsm(text: str) -> int:
    return sum(2 if character in EXTENSION else 1 for character in text)


def count_ucs2(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(gsm_texts, limits)
def test_parts_of_a_gsm_text_are_whole_full_and_add_up(text, limits):
    parts = split(text, limits)
    size = measure(text, limits)
    assert "".join(parts) == text
    assert size == TextSize(encoding="gsm", units=count_gsm(text), parts=len(parts))
    if len(parts) == 1:
        assert size.units <= max(limits.gsm_single, limits.gsm_part)
        return
    assert size.units > limits.gsm_single
    for part, following in pairwise(parts):
        assert 0 < count_gsm(part) <= limits.gsm_part
        assert count_gsm(part) + count_gsm(following[0]) > limits.gsm_part
    assert 0 < count_gsm(parts[-1]) <= limits.gsm_part


@given(any_texts, limits)
def test_parts_of_any_text_are_whole_full_and_add_up(text, limits):
    text += "õ"
    parts = split(text, limits)
    size = measure(text, limits)
    assert "".join(parts) == text
    assert size == TextSize(encoding="ucs2", units=count_ucs2(text), parts=len(parts))
    for part in parts:
        part.encode("utf-16-le")
        assert part
    if len(parts) > 1:
        assert all(count_ucs2(part) <= limits.ucs2_part for part in parts)
        for part, following in pairwise(parts):
            assert count_ucs2(part) + count_ucs2(following[0]) > limits.ucs2_part


@given(any_texts)
def test_d7_is_told_the_encoding_that_is_counted(text):
    coding = {"gsm": "text", "ucs2": "unicode"}[measure(text, D7).encoding]
    assert choose_data_coding(text) == coding


@pytest.mark.parametrize(
    ("text", "limits", "size"),
    [
        ("a" * 160, D7, ("gsm", 160, 1)),
        ("a" * 161, D7, ("gsm", 161, 2)),
        ("a" * 306, D7, ("gsm", 306, 2)),
        ("a" * 307, D7, ("gsm", 307, 3)),
        ("€" * 80, D7, ("gsm", 160, 1)),
        ("€" * 81, D7, ("gsm", 162, 2)),
        # 153 holds 76 pairs, not 76 and a half.
        ("€" * 153, D7, ("gsm", 306, 3)),
        ("õ" * 70, D7, ("ucs2", 70, 1)),
        ("õ" * 71, D7, ("ucs2", 71, 2)),
        ("õ" * 134, D7, ("ucs2", 134, 2)),
        (EMOJI * 35, D7, ("ucs2", 70, 1)),
        (EMOJI * 36, D7, ("ucs2", 72, 2)),
        # 67 holds 33 emoji.
        (EMOJI * 67, D7, ("ucs2", 134, 3)),
        ("a" * 158, D7_DOCUMENTED, ("gsm", 158, 1)),
        ("a" * 159, D7_DOCUMENTED, ("gsm", 159, 2)),
        ("õ" * 72, D7_DOCUMENTED, ("ucs2", 72, 1)),
        ("õ" * 73, D7_DOCUMENTED, ("ucs2", 73, 2)),
        ("a" * 459, MESSENGER, ("gsm", 459, 3)),
        ("õ" * 201, MESSENGER, ("ucs2", 201, 3)),
        ("ÄÖÜäöüß@_", D7, ("gsm", 9, 1)),
        ("š", D7, ("ucs2", 1, 1)),
        ("`", D7, ("ucs2", 1, 1)),
        ("ç", D7, ("ucs2", 1, 1)),
        ("Код 123", D7, ("ucs2", 7, 1)),
    ],
)
def test_texts_at_the_limits_are_counted(text, limits, size):
    encoding, units, parts = size
    assert measure(text, limits) == TextSize(encoding=encoding, units=units, parts=parts)


@pytest.mark.parametrize("text", ["a" * 460, "õ" * 202, "€" * 230, EMOJI * 100])
def test_a_text_of_too_many_parts_is_refused(text):
    with pytest.raises(TextRefused, match="parts"):
        measure(text, MESSENGER)
    with pytest.raises(TextRefused, match="parts"):
        split(text, MESSENGER)
    assert measure(text, D7).parts > 3


@pytest.mark.parametrize(
    "text",
    ["", "\0", "a\0", "õ\0", "a\x1bb", "a\tb", "\x7f", "\x85", "\ud800", "a\udfff", "\ud83d\ude09"],
)
def test_a_text_that_cannot_be_sent_is_refused(text):
    for call in (lambda: measure(text, D7), lambda: split(text, D7)):
        with pytest.raises(TextRefused):
            call()
    with pytest.raises(TextRefused):
        choose_data_coding(text)


def test_a_refused_text_is_not_told():
    with pytest.raises(TextRefused) as caught:
        measure("Code 831207\0", D7)
    assert "831207" not in str(caught.value)


def test_a_text_refused_is_a_value_error():
    assert issubclass(TextRefused, ValueError)
