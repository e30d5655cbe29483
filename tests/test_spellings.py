"""However a number is spelt, it is one number with one throttle, or it is refused."""

from __future__ import annotations

import pytest

from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Recipient

from .conftest import NUMBER
from .stories.site import Answer, Api

pytestmark = pytest.mark.django_db

#: What people write, and phones copy.
SAME = [
    "+971501234567",
    "+971 501234567",
    "+971 50 123 4567",
    "+971 50 1234567",
    "+971-50-123-4567",
    "+971.50.123.4567",
    "+971/50/1234567",
    "+971 (50) 123 4567",
    "+971 (50) 123-4567",
    "+(971) 50 123 4567",
    "(+971) 50 123 4567",
    "(+971)501234567",
    "+971(0)501234567",
    "+971 (0)50 123 4567",
    "+971 0501234567",
    "+971 050 123 4567",
    "+9 7 1 5 0 1 2 3 4 5 6 7",
    "+97150 1234567",
    "+ 971 50 123 4567",
    " +971501234567",
    "+971501234567 ",
    "  +971  50  1234567  ",
    "+971--50--1234567",
    "+971 50 123 4567.",
    "+971 - 50 - 123 - 4567",
    # Hyphens and dashes of typographers, and a minus.
    "+971\u201050\u20101234567",
    "+971\u201150\u20111234567",
    "+971\u201350\u20131234567",
    "+971\u201450\u20141234567",
    "+971\u221250\u22121234567",
    # Blanks that are not the blank.
    "+971\u00a050\u00a01234567",
    "+971\u200950\u20091234567",
    "+971\u202f50\u202f1234567",
    "+971\u300050\u30001234567",
    # Marks that are not seen.
    "\u202a+971501234567\u202c",
    "\u200e+971501234567",
    "\u2066+971 50 123 4567\u2069",
    "\ufeff+971501234567",
    "+971\u200b50\u200b1234567",
    "+971\u00ad501234567",
    # Digits and signs of other scripts.
    "\uff0b\uff19\uff17\uff11\uff15\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
    "+\u0669\u0667\u0661\u0665\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
    "+\u06f9\u06f7\u06f1\u06f5\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7",
    "+\u096f\u096d\u0967\u096b\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d",
    "+\U0001d7d7\U0001d7d5\U0001d7cf501234567",
]
#: With the country left out, or dialled. The same where it is the site's own, else refused.
AT_HOME = [
    "0501234567",
    "050 123 4567",
    "(050) 123-4567",
    "501234567",
    "00971501234567",
    "00 971 50 123 4567",
    "971501234567",
]
SPELLINGS = SAME + AT_HOME

REFUSED = {
    "landline of Dubai": "+97143331234",
    "landline of London": "+442079460018",
    "landline of Berlin": "+4930123456",
    "landline of Tallinn": "+3726123456",
    "landline of Paris": "+33123456789",
    "premium rate, UK": "+449012345678",
    "premium rate, US": "+19002345678",
    "premium rate, Germany": "+499001234567",
    "premium rate, international": "+979123456789",
    "toll-free, UAE": "+971800123456",
    "toll-free, US": "+18002345678",
    "toll-free, UK": "+448001234567",
    "toll-free, international": "+80012345678",
    "shared cost, UK": "+448431234567",
    "shared cost, international": "+80812345678",
    "pager, UK": "+447640123456",
    "VoIP, UK": "+445612345678",
    "personal, UK": "+447012345678",
    "UAN, UAE": "+971600500005",
    "UAN, UK": "+445512345678",
    "voicemail, Switzerland": "+41860123456789",
    "emergency": "112",
    "short": "40404",
    "short with a country": "+97112345",
    "one digit short": "+97150123456",
    "one digit long": "+9715012345678",
    "too long": "+97150123456789012345",
    "33 characters": "+971501234567" + "-" * 20,
    "64 characters": "+971501234567" + "-" * 51,
    "no country has it": "+999501234567",
    "a zero for a country": "+0501234567",
    "extension": "+971501234567 ext. 5",
    "extension by x": "+971501234567x5",
    "extension by hash": "+971501234567#5",
    "extension by comma": "+971501234567,5",
    "extension of RFC 3966": "+971501234567;ext=5",
    "extension in Russian": "+971501234567 \u0434\u043e\u0431. 5",
    "vanity": "+1 800 FLOWERS",
    "vanity in a mobile": "+971 50 GET CODE",
    "letter O for a zero": "+97150123456O",
    "tel URI": "tel:+971501234567",
    "tel URI, capitals": "TEL:+971-50-1234567",
    "tel URI with a context": "tel:501234567;phone-context=+971",
    "sms URI": "sms:+971501234567",
    "newline inside": "+97150\n1234567",
    "carriage return inside": "+97150\r1234567",
    "header after a newline": "+971501234567\r\nX-Y: z",
    "tab inside": "+97150\t1234567",
    "NUL inside": "+97150\x001234567",
    "NUL at the end": "+971501234567\x00",
    "escape": "+971501234567\x1b[0m",
    "two pluses": "++971501234567",
    "plus inside": "+971+501234567",
    "two numbers": "+971501234567 +971507654321",
    "two numbers by a comma": "+971501234567,+971507654321",
    "two numbers by a slash": "+971501234567/971507654321",
    "underscore": "+971_501234567",
    "asterisk": "+971*501234567",
    "e-mail": "+971501234567@example.com",
    "markup": "<b>+971501234567</b>",
    "nothing": "",
    "only signs": "+-() ",
}


@pytest.fixture
def api() -> Api:
    return Api()


def set_home(settings, region: str | None) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "DEFAULT_REGION": region}


def is_throttled(answer: Answer) -> bool:
    return answer.body.get("code") == "throttled" and 0 < answer["retry_after"] <= 60


def test_there_are_52_spellings_and_no_two_of_them_the_same():
    assert len(set(SPELLINGS)) == len(SPELLINGS) == 52


@pytest.mark.parametrize("region", [None, "AE", "GB"])
def test_52_spellings_of_one_number_share_one_throttle_or_are_refused(
    api: Api, settings, region: str | None
):
    set_home(settings, region)
    assert api.send(NUMBER).status == 201
    answers = {spelling: api.send(spelling) for spelling in SPELLINGS}
    for spelling, answer in answers.items():
        # "00" is dialled before any country from many, as from Britain.
        if spelling in SAME or region == "AE" or (region == "GB" and spelling[:2] == "00"):
            assert is_throttled(answer), (spelling, answer)
        else:
            assert (answer.status, answer["code"]) == (400, "invalid_recipient"), spelling
    assert [message.recipient for message in locmem.outbox] == [NUMBER]
    assert Recipient.objects.get().number == NUMBER


def test_every_spelling_that_is_taken_is_sent_to_the_one_number(api: Api, settings):
    set_home(settings, "AE")
    for spelling in SPELLINGS:
        sent = api.send(spelling)
        assert (sent.status, sent["recipient"]) == (201, "+9715*****67")
        # As if the 60 seconds, the hour and the day were over.
        Recipient.objects.update(next_send=0, sends_hour=0, sends_day=0)
    assert {message.recipient for message in locmem.outbox} == {NUMBER}
    assert OTPSession.objects.filter(recipient=NUMBER).count() == len(SPELLINGS)
    assert Recipient.objects.count() == 1


def test_what_cannot_be_sent_a_text_is_refused_with_nothing_sent_or_written(api: Api, settings):
    set_home(settings, "AE")
    answers = {name: api.send(recipient) for name, recipient in REFUSED.items()}
    taken = {name: answer for name, answer in answers.items() if answer.status != 400}
    assert taken == {}
    assert locmem.outbox == []
    assert Recipient.objects.count() == OTPSession.objects.count() == 0


def test_a_valid_number_of_the_wrong_kind_is_told_apart_from_what_is_no_number(api: Api):
    for name in ("landline of Dubai", "premium rate, US", "toll-free, UK", "pager, UK"):
        assert api.send(REFUSED[name])["code"] == "recipient_refused"
    for name in ("one digit long", "extension", "vanity", "tel URI", "newline inside"):
        assert api.send(REFUSED[name])["code"] == "invalid_recipient"


def test_no_answer_repeats_what_was_typed(api: Api):
    for recipient in REFUSED.values():
        told = str(api.send(recipient).body)
        assert not any(part in told for part in ("501234567", "FLOWERS", "example.com", "<b>"))


def test_numbers_that_differ_by_a_digit_share_nothing(api: Api):
    for number in (NUMBER, "+971501234568", "+971501234566", "+971521234567"):
        assert api.send(number).status == 201
    assert len(locmem.outbox) == 4
