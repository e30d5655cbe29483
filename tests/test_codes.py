"""Codes: random, read strictly, and kept only as digests that say what they are good for."""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

import django_d7verify
from django_d7verify import codes, services
from django_d7verify.codes import ALPHABETS, Binding, is_code_of, make_code, make_digest, parse_code
from django_d7verify.conf import conf
from django_d7verify.gateways import locmem
from django_d7verify.models import Pin

from .conftest import NUMBER

MANY = 100_000
BINDING = Binding(
    otp_id="8ae0340c-3b77-4664-a00e-1d78da109de2",
    generation=1,
    purpose="verify",
    recipient=NUMBER,
    salt="0f" * 16,
)


@pytest.fixture(scope="module")
def many_codes() -> list[str]:
    return [make_code(6, "numeric") for _ in range(MANY)]


def chi_square(drawn: Iterable[str], cells: Sequence[str]) -> float:
    counts = Counter(drawn)
    expected = sum(counts.values()) / len(cells)
    assert set(counts) <= set(cells)
    return sum((counts[cell] - expected) ** 2 / expected for cell in cells)


# Made.


def test_each_digit_of_a_code_is_uniform(many_codes: list[str]):
    for position in range(6):
        # 9 degrees of freedom: 60 is passed by chance once in 10^9 runs.
        assert chi_square((code[position] for code in many_codes), ALPHABETS["numeric"]) < 60


def test_the_digits_of_a_code_are_independent(many_codes: list[str]):
    pairs = [f"{number:02}" for number in range(100)]
    for first, second in ((0, 1), (2, 3), (4, 5), (0, 5)):
        # 99 degrees of freedom: mean 99, deviation 14.
        drawn = (code[first] + code[second] for code in many_codes)
        assert chi_square(drawn, pairs) < 220


def test_codes_keep_their_leading_zeros(many_codes: list[str]):
    assert {len(code) for code in many_codes} == {6}
    # A tenth of them; the deviation is 95.
    assert abs(sum(code[0] == "0" for code in many_codes) - MANY // 10) < 700
    assert any(code.startswith("00") for code in many_codes)


def test_codes_repeat_no_more_than_chance_has_it(many_codes: list[str]):
    # 10^5 of 10^6: 95,163 different ones, with a deviation of some 65.
    assert abs(len(set(many_codes)) - 95_163) < 600


@pytest.mark.parametrize("alphabet", ["alpha", "alphanumeric"])
def test_letters_that_people_confuse_are_left_out_and_the_others_uniform(alphabet: str):
    letters = [letter for letter in ALPHABETS[alphabet] if letter not in "IO01"]
    drawn = "".join(make_code(10, alphabet) for _ in range(4000))
    # 23 or 31 degrees of freedom.
    assert chi_square(drawn, letters) < 110


@pytest.mark.parametrize("length", [6, 8, 10])
def test_a_code_has_the_length_that_was_asked_for(length: int):
    assert all(len(make_code(length, "numeric")) == length for _ in range(100))


def test_nothing_in_the_app_imports_the_module_random():
    package = Path(django_d7verify.__file__).parent
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in package.rglob("*.py")]
    assert len(modules) > 30
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                assert "random" not in {name.name for name in node.names}
            if isinstance(node, ast.ImportFrom):
                assert node.module != "random"


def test_salts_are_128_random_bits():
    salts = {codes.make_salt() for _ in range(1000)}
    assert len(salts) == 1000
    assert all(len(salt) == 32 and int(salt, 16) >= 0 for salt in salts)


# Read.


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("012345", "012345"),
        (" 012345 ", "012345"),
        ("012 345", "012345"),
        ("012-345", "012345"),
        ("0 1 2 3 4 5", "012345"),
        ("012345\n", "012345"),
        ("000000", "000000"),
    ],
)
def test_a_code_is_read_without_blanks_and_hyphens(text: str, code: str):
    assert parse_code(text, length=6, alphabet="numeric") == code


def test_letters_are_read_in_either_case():
    assert parse_code("abC-dEf", length=6, alphabet="alpha") == "ABCDEF"
    assert parse_code("a2c4e6", length=6, alphabet="alphanumeric") == "A2C4E6"


@pytest.mark.parametrize(
    "text",
    [
        *(12345, 123456, 123456.0, None, True, b"123456", ["123456"], {"code": "123456"}, ()),
        *("", " ", "-", "12345", "1234567", "0123456", "12345a", "ABCDEF", "1e5000"),
        *("+12345", "-123456x", "12_456", "12.456", "12,456", "0x1234", "123\n456", "123\t456"),
        *("123456\0", "\x00123456", "12345\ud800", "123456;", "123456 or 1"),
        # Digits to Python's int(), str.isdigit() and \d, and to no phone.
        *("\u0661\u0662\u0663\u0664\u0665\u0666", "\u0967\u0968\u0969\u096a\u096b\u096c"),
        *("\uff11\uff12\uff13\uff14\uff15\uff16", "12345\uff16", "\U0001d7cf" * 6),
        *("\u00b9\u00b2\u00b3\u00b9\u00b2\u00b3", "\u2460\u2461\u2462\u2463\u2464\u2465"),
        *("123456\u200b", "\u202e123456", "123\u00a0456", "123\u2010456"),
    ],
)
def test_what_is_not_six_ascii_digits_is_no_code(text: object):
    with pytest.raises(ValueError, match=r"A code") as caught:
        parse_code(text, length=6, alphabet="numeric")
    assert len(str(caught.value)) < 60
    assert "1" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        # The long s and the dotless i, which become S and I in upper case; the sharp s, which
        # becomes two letters; an A that is Cyrillic, and one that is full-width.
        *("ABCDE\u017f", "ABCDE\u0131", "ABCD\u00df", "\u0410BCDEF", "\uff21BCDEF"),
        *("ABCDE1", "ABCDE", "ABCDEFG"),
    ],
)
def test_what_only_looks_like_letters_or_becomes_them_is_no_code(text: str):
    with pytest.raises(ValueError, match="A code"):
        parse_code(text, length=6, alphabet="alpha")


# Kept.


def test_a_digest_is_of_its_code_and_of_no_other():
    digest = make_digest("012345", BINDING, secret="key")
    assert is_code_of("012345", digest, BINDING, secret_keys=["key"])
    for other in ("012346", "12345", "0123450", "", "543210"):
        assert not is_code_of(other, digest, BINDING, secret_keys=["key"])


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("otp_id", "8ae0340c-3b77-4664-a00e-1d78da109de3"),
        ("generation", 2),
        ("purpose", "login"),
        ("recipient", "+971501234568"),
        ("salt", "0e" * 16),
        ("salt", ""),
    ],
)
def test_a_digest_is_bound_to_each_part_of_what_its_code_is_good_for(part: str, other: Any):
    digest = make_digest("012345", BINDING, secret="key")
    changed = dataclasses.replace(BINDING, **{part: other})
    assert not is_code_of("012345", digest, changed, secret_keys=["key"])


def test_every_part_of_a_binding_is_in_the_test_above():
    assert {field.name for field in dataclasses.fields(Binding)} == {
        "otp_id",
        "generation",
        "purpose",
        "recipient",
        "salt",
    }


def test_a_digest_is_64_hexadecimal_digits_and_the_same_every_time():
    digest = make_digest("012345", BINDING, secret="key")
    assert digest == make_digest("012345", BINDING, secret="key")
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


def test_a_digest_says_nothing_without_its_key():
    digest = make_digest("012345", BINDING, secret="key")
    for keys in ([], ["other"], ["KEY"], ["key "], [""]):
        assert not is_code_of("012345", digest, BINDING, secret_keys=keys)


def test_a_digest_under_an_older_key_is_taken_while_that_key_is_kept():
    digest = make_digest("012345", BINDING, secret="old")
    assert is_code_of("012345", digest, BINDING, secret_keys=["new", "old"])
    assert not is_code_of("012345", digest, BINDING, secret_keys=["new"])


def test_no_digest_is_a_digest_of_nothing():
    # A provider-made code has none, and must not be open to an empty one.
    assert not is_code_of("", "", BINDING, secret_keys=["key"])
    assert not is_code_of("012345", "", BINDING, secret_keys=["key"])


# By way of the settings.


def with_keys(settings: Any, **keys: Any) -> None:
    for name, value in keys.items():
        setattr(settings, name, value)


@pytest.mark.django_db
def test_a_code_sent_before_a_change_of_keys_is_right_after_it(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "SECRET_KEYS": ["old"]}
    otp = services.send_otp(NUMBER)
    settings.D7VERIFY = {**settings.D7VERIFY, "SECRET_KEYS": ["new", "old"]}
    assert services.verify_otp(otp.otp_id, locmem.outbox[-1].code).approved


@pytest.mark.django_db
def test_a_code_sent_under_a_key_that_is_gone_is_wrong(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "SECRET_KEYS": ["old"]}
    otp = services.send_otp(NUMBER)
    settings.D7VERIFY = {**settings.D7VERIFY, "SECRET_KEYS": ["new"]}
    assert not services.verify_otp(otp.otp_id, locmem.outbox[-1].code).approved


@pytest.mark.django_db
def test_djangos_keys_are_used_where_there_are_no_others(settings: Any):
    with_keys(settings, SECRET_KEY="old-" + "x" * 40)
    otp = services.send_otp(NUMBER)
    with_keys(settings, SECRET_KEY="new-" + "x" * 40, SECRET_KEY_FALLBACKS=["old-" + "x" * 40])
    result = services.verify_otp(otp.otp_id, locmem.outbox[-1].code)
    assert result.approved
    token = services.make_verification_token(result.otp)
    # Proofs turn with the same keys.
    with_keys(settings, SECRET_KEY="newer-" + "x" * 40, SECRET_KEY_FALLBACKS=["new-" + "x" * 40])
    assert services.consume_verification_token(token, purpose="verify")


@pytest.mark.django_db
def test_the_digest_in_the_database_is_of_the_code_under_the_first_key_alone(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "SECRET_KEYS": ["first", "second"]}
    services.send_otp(NUMBER)
    pin, code = Pin.objects.select_related("session").get(), locmem.outbox[-1].code
    assert is_code_of(code, pin.digest, pin.make_binding(), secret_keys=["first"])
    assert not is_code_of(code, pin.digest, pin.make_binding(), secret_keys=["second"])


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["approved", "locked", "cancelled"])
def test_a_digest_says_nothing_once_its_session_has_ended(end: str):
    otp = services.send_otp(NUMBER)
    code = locmem.outbox[-1].code
    digest, binding = Pin.objects.get().digest, Pin.objects.get().make_binding()
    assert is_code_of(code, digest, binding, secret_keys=conf.SECRET_KEYS)
    if end == "approved":
        services.verify_otp(otp.otp_id, code)
    elif end == "cancelled":
        services.cancel_otp(otp.otp_id)
    else:
        for variant in range(1, 6):
            wrong = "".join(str((int(digit) + variant) % 10) for digit in code)
            services.verify_otp(otp.otp_id, wrong)
    pin = Pin.objects.get()
    assert pin.make_binding().salt == ""
    assert not is_code_of(code, pin.digest, pin.make_binding(), secret_keys=conf.SECRET_KEYS)
