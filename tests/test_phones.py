"""One canonical number for every spelling, or none; and one way to show it."""

from __future__ import annotations

import traceback

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from django_d7verify.phones import NUMBER_TYPES, Phone, mask_phone, parse_phone

NUMBER = "+971501234567"
TYPE_NAMES = {value: name for name, value in vars(PhoneNumberType).items() if name.isupper()}


def find_examples() -> list[tuple[str, str, phonenumbers.PhoneNumber]]:
    """A number of each country and type that phonenumbers knows one of."""
    return [
        (country, TYPE_NAMES[kind], example)
        for country in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in PhoneNumberType.values()
        if (example := phonenumbers.example_number_for_type(country, kind)) is not None
    ]


EXAMPLES = find_examples()


def write(number: phonenumbers.PhoneNumber, form: int = PhoneNumberFormat.E164) -> str:
    return phonenumbers.format_number(number, form)


def test_a_number_is_its_e164_its_country_and_its_type():
    assert parse_phone(NUMBER) == Phone(number=NUMBER, country="AE", number_type="MOBILE")


def test_every_number_in_the_world_is_read_as_what_it_is():
    assert len(EXAMPLES) > 700
    for country, _, example in EXAMPLES:
        phone = parse_phone(write(example))
        assert phone.number == write(example)
        assert phone.number_type == TYPE_NAMES[phonenumbers.number_type(example)]
        # Numbers of small countries may be their neighbour's too.
        assert phone.country in {
            country,
            phonenumbers.region_code_for_number(example),
        }


def test_every_number_in_the_world_is_the_same_in_each_of_its_usual_forms():
    for country, _, example in EXAMPLES:
        number = parse_phone(write(example)).number
        assert parse_phone(write(example, PhoneNumberFormat.INTERNATIONAL)).number == number
        national = write(example, PhoneNumberFormat.NATIONAL)
        # Some, of Mexico or Argentina, are written with words or stars at home.
        if national.isascii() and not any(map(str.isalpha, national)) and "*" not in national:
            assert parse_phone(national, default_region=country).number == number


def test_what_was_read_is_read_as_itself():
    for _, _, example in EXAMPLES:
        number = parse_phone(write(example)).number
        assert parse_phone(number).number == number
        assert number[0] == "+"
        assert number[1:].isdecimal()
        assert number.isascii()
        assert len(number) <= 16


def test_a_number_without_a_plus_needs_the_sites_country():
    for spelling in ("0501234567", "050 123 4567", "501234567", "00971501234567"):
        with pytest.raises(ValueError, match="Not a"):
            parse_phone(spelling)
        assert parse_phone(spelling, default_region="AE").number == NUMBER


def test_a_number_with_a_plus_is_not_read_as_one_of_the_sites_country():
    assert parse_phone("+44 7911 123456", default_region="AE").number == "+447911123456"


@pytest.mark.parametrize(
    "text",
    [
        *(None, 971501234567, 971501234567.0, True, b"+971501234567", [NUMBER], {"a": NUMBER}),
        *("", " ", "+", "-", "()", "+-", "0", "00", "112", "+112", "12345"),
        *(NUMBER + "\n", "\n" + NUMBER, "+97150\n1234567", NUMBER + "\r\nX: y", "+97150\t1234567"),
        *(NUMBER + "\0", "+97150\x001234567", "\x85" + NUMBER, NUMBER + "\u2028"),
        *(NUMBER + " ext. 5", NUMBER + " x5", NUMBER + "x5", NUMBER + ";ext=5", NUMBER + ",5"),
        *(NUMBER + "#5", NUMBER + " доб. 5", NUMBER + " extension 5", NUMBER + "~5"),
        *(
            "+1 800 FLOWERS",
            "+1 800 FLO WERS",
            "+971 50 GET CODE",
            "+97150123456O",
            "+97150l234567",
        ),
        *("tel:+971501234567", "TEL:+971501234567", "tel:+971-50-1234567", "sms:+971501234567"),
        *("tel:501234567;phone-context=+971", "+971501234567;phone-context=example.com"),
        *(NUMBER + "8", NUMBER + "0" * 10, "+" + "9" * 31, NUMBER + " " * 20, "+971" + " " * 28),
        *("+97150123456", "+9715012345", "+9710501", "+999123456789", "+0971501234567"),
        *("++971501234567", "+971+501234567", "+971501234567+", "971501234567+"),
        *("+971501234567/+971507654321", "+971501234567 +971507654321", f"{NUMBER},{NUMBER}"),
        *(
            "<+971501234567>",
            "'+971501234567'",
            "+971501234567;",
            "+971*501234567",
            "+971_501234567",
        ),
        *("\ud800" + NUMBER, "+97150\ud8001234567", "+\U0001f4f1971501234567", "+9️⃣71501234567"),
    ],
)
def test_what_is_no_number_is_refused_in_words_that_do_not_repeat_it(text: object):
    with pytest.raises(ValueError, match=r"number") as caught:
        parse_phone(text)
    told = "".join(traceback.format_exception(caught.value, chain=True))
    assert "501234567" not in told.rpartition("ValueError")[2]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_32_characters_are_the_most_that_are_looked_at():
    assert parse_phone("+971 5 0 1 2 3 4 5 6 7".ljust(32)).number == NUMBER
    with pytest.raises(ValueError, match="32"):
        parse_phone("+971 5 0 1 2 3 4 5 6 7".ljust(33))


def test_a_number_is_not_in_its_repr():
    assert "501234567" not in repr(parse_phone(NUMBER))


def test_number_types_are_those_of_phonenumbers():
    assert {"MOBILE", "FIXED_LINE_OR_MOBILE", "PREMIUM_RATE", "PAGER", "UNKNOWN"} <= NUMBER_TYPES


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+971501234567", "+9715*****67"),
        ("+14155552671", "+141*****71"),
        ("+3725123456", "+37*****56"),
        ("+29023456", "+2*****56"),
        ("+6907290", "+6*****90"),
    ],
)
def test_a_masked_number_shows_its_beginning_and_its_last_two_digits(number: str, masked: str):
    assert mask_phone(number) == masked


def test_a_masked_mobile_number_hides_almost_half_of_it_and_not_how_much():
    for _, kind, example in EXAMPLES:
        if kind not in {"MOBILE", "FIXED_LINE_OR_MOBILE"}:
            continue
        number = write(example)
        masked = mask_phone(number)
        start, _, end = masked.partition("*****")
        assert number.startswith(start)
        assert number.endswith(end)
        assert "*" not in start + end
        hidden = len(number) - len(start) - len(end)
        assert hidden >= 4
        assert hidden * 2 >= len(number) - 3
