"""Parts by the emulator's own count: gateway-apis D."""

from __future__ import annotations

import pytest

from django_d7verify.emulator.text_parts import (
    D7_PROFILES,
    GSM,
    MESSENGER_PROFILE,
    UCS2,
    count_parts,
    is_gsm,
)


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("", GSM, [1, 1, 1, 1]),
        ("x" * 158, GSM, [1, 1, 1, 1]),
        ("x" * 159, GSM, [1, 2, 1, 1]),
        ("x" * 160, GSM, [1, 2, 1, 1]),
        ("x" * 161, GSM, [2, 2, 2, 2]),
        ("x" * 306, GSM, [2, 2, 2, 2]),
        ("x" * 307, GSM, [3, 3, 3, 2]),
        ("x" * 315, GSM, [3, 3, 3, 3]),
        ("€" * 80, GSM, [1, 2, 1, 1]),
        ("€" * 81, GSM, [2, 2, 2, 2]),
        # 76 fit in 153 septets, since the 77th would be cut; 78 in Messenger's 157.
        ("€" * 153, GSM, [3, 3, 3, 2]),
        ("õ" * 63, UCS2, [1, 1, 1, 1]),
        ("õ" * 70, UCS2, [1, 1, 1, 1]),
        ("õ" * 71, UCS2, [2, 1, 2, 2]),
        ("õ" * 73, UCS2, [2, 2, 2, 2]),
        ("õ" * 127, UCS2, [2, 2, 3, 2]),
        ("õ" * 135, UCS2, [3, 3, 3, 3]),
        ("😀" * 35, UCS2, [1, 1, 1, 1]),
        ("😀" * 36, UCS2, [2, 1, 2, 2]),
        # 33 in 67 units, 31 in 63: an emoji is not cut.
        ("😀" * 66, UCS2, [2, 2, 3, 2]),
        ("😀" * 67, UCS2, [3, 3, 3, 3]),
    ],
    ids=range(21),
)
def test_parts_by_the_standard_by_s3_by_153_63_and_by_messenger(text, encoding, expected):
    profiles = [
        D7_PROFILES["standard"],
        D7_PROFILES["documented"],
        D7_PROFILES["153_63"],
        MESSENGER_PROFILE,
    ]
    counted = [count_parts(text, encoding, profile) for profile in profiles]
    assert counted == expected


def test_gsm_has_these_and_not_those():
    assert all(map(is_gsm, "äöüÄÖÜñÑåÅæÆøØßÉé@£$¥èùìòÇ¡¿§¤ΔΦΓΛΩΠΨΣΘΞ^{}\\[]~|€\f\n\r"))
    assert not any(map(is_gsm, "õÕšžçêабÀ`\u2019\u201c\t\x1b😀"))
