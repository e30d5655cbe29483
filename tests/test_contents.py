"""What a person reads: the text by purpose and language, the browser's line, and its length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.emulator.text_parts import MESSENGER_PROFILE, Profile, count_parts
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.gateways import get_gateway, locmem
from django_d7verify.models import OTPSession, Pin, Recipient
from django_d7verify.texts import D7_DOCUMENTED, MESSENGER, TextLimits, get_encoding, measure
from django_d7verify.words import PinStatus, Requester, SessionStatus

from .conftest import NUMBER, set_d7verify
from .contract.wires import KINDS, make_gateway_settings, make_message

pytestmark = pytest.mark.django_db

#: Django's own, translated into every language: "Enter a number." in English.
TRANSLATED = gettext_lazy("Enter a number.")
GERMAN = "Bitte eine Zahl eingeben."
ENGLISH_TEXT = "Your verification code is {}"


def send(**options: Any) -> str:
    """The text that the person gets, with ``{}`` for the code."""
    services.send_otp(NUMBER, **options)
    message = locmem.outbox[-1]
    assert message.code is not None
    assert message.text.count(message.code) == 1 + bool(message.origin_host)
    return message.text.replace(message.code, "{}")


def set_templates(settings: Any, folder: Path, **texts: str) -> None:
    """A site with templates: ``code`` for all purposes, another name for one purpose's own."""
    for name, text in texts.items():
        path = folder / "d7verify" / ("" if name == "code" else name) / "code.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [folder],
            "APP_DIRS": True,
        }
    ]


# By purpose and language.


def test_without_any_templates_a_site_sends_a_text_all_the_same(settings: Any) -> None:
    settings.TEMPLATES = []
    assert send() == ENGLISH_TEXT


def test_with_templates_and_no_own_one_the_apps_own_is_sent(settings: Any, tmp_path: Path) -> None:
    set_templates(settings, tmp_path)
    assert send() == ENGLISH_TEXT


def test_content_is_the_text_of_all_purposes_that_have_none_of_their_own(settings: Any) -> None:
    purposes = {"login": {"CONTENT": "Log in with {}."}, "pay": {}}
    set_d7verify(settings, CONTENT="Shop: {}", PURPOSES=purposes, RESEND_WAIT_SECONDS=1)
    texts = []
    for purpose in ("verify", "login", "pay"):
        Recipient.objects.update(next_send=0)
        texts.append(send(purpose=purpose))
    assert texts == ["Shop: {}", "Log in with {}.", "Shop: {}"]


def test_a_lazy_content_is_in_the_language_of_who_asks(settings: Any) -> None:
    set_d7verify(settings, CONTENT=format_lazy("{} {{}}", TRANSLATED))
    assert send(requester=Requester(language="de")) == f"{GERMAN} {{}}"
    Recipient.objects.update(next_send=0)
    assert send() == "Enter a number. {}"


def test_without_a_language_of_the_requester_the_active_one_is_taken(settings: Any) -> None:
    set_d7verify(settings, CONTENT=format_lazy("{} {{}}", TRANSLATED))
    with translation.override("de"):
        assert send() == f"{GERMAN} {{}}"
        assert translation.get_language() == "de"


@pytest.mark.parametrize("language", ["xx", "no such language", "de-xx", "../de", "\x00"])
def test_a_language_that_is_none_does_not_keep_the_code_from_being_sent(
    settings: Any, language: str
) -> None:
    set_d7verify(settings, CONTENT=format_lazy("{} {{}}", TRANSLATED))
    assert send(requester=Requester(language=language.replace("\x00", ""))).endswith(" {}")


def test_the_language_of_the_first_send_is_that_of_its_resends(settings: Any) -> None:
    set_d7verify(settings, CONTENT=format_lazy("{} {{}}", TRANSLATED), RESEND_WAIT_SECONDS=1)
    otp = services.send_otp(NUMBER, requester=Requester(language="de"))
    Recipient.objects.update(next_send=0)
    services.resend_otp(otp.otp_id, requester=Requester(language="en"))
    assert [message.content for message in locmem.outbox] == [f"{GERMAN} {{}}"] * 2


def test_a_request_brings_its_language(settings: Any) -> None:
    set_d7verify(settings, CONTENT=format_lazy("{} {{}}", TRANSLATED))
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    # The middleware leaves its language active.
    with translation.override("en"):
        answer = Client().post(
            "/api/otp/send/",
            {"recipient": NUMBER},
            content_type="application/json",
            headers={"accept-language": "de"},
        )
    assert answer.status_code == 201
    assert locmem.outbox[-1].content.startswith(GERMAN)


def test_a_template_of_the_site_is_sent_for_all_purposes(settings: Any, tmp_path: Path) -> None:
    set_templates(settings, tmp_path, code="{{ code }} for {{ purpose }}, {{ minutes }} min\n\n")
    assert send() == "{} for verify, 10 min"


def test_a_template_of_a_purpose_is_sent_for_that_purpose_only(
    settings: Any, tmp_path: Path
) -> None:
    set_templates(settings, tmp_path, code="Site: {{ code }}", login="Log in: {{ code }}")
    assert send(purpose="login") == "Log in: {}"
    Recipient.objects.update(next_send=0)
    assert send(purpose="verify") == "Site: {}"


def test_a_template_is_rendered_in_the_language_of_who_asks(settings: Any, tmp_path: Path) -> None:
    text = '{% load i18n %}{% translate "Enter a number." %} {{ code }}'
    set_templates(settings, tmp_path, code=text)
    assert send(requester=Requester(language="de")) == f"{GERMAN} {{}}"


def test_a_content_wins_over_a_template(settings: Any, tmp_path: Path) -> None:
    set_templates(settings, tmp_path, code="Template {{ code }}")
    set_d7verify(settings, CONTENT="Setting {}")
    assert send() == "Setting {}"


def test_a_text_is_not_a_format_and_may_have_braces(settings: Any) -> None:
    text = "{0} {name} %s %(code)s {{}} $1"
    set_d7verify(settings, CONTENT=text)
    services.send_otp(NUMBER)
    code = locmem.outbox[-1].code
    assert locmem.outbox[-1].text == f"{{0}} {{name}} %s %(code)s {{{code}}} $1"


def test_a_template_tells_the_minutes_that_the_code_lives(settings: Any, tmp_path: Path) -> None:
    set_templates(settings, tmp_path, code="{{ code }} {{ minutes }}")
    set_d7verify(settings, PURPOSES={"login": {"EXPIRY_SECONDS": 180}})
    assert send(purpose="login") == "{} 3"


# The last line, which browsers read.


OWN = ["D7MessagesGateway", "MessengerSMSGateway", "ConsoleGateway", "LocMemGateway"]


@pytest.mark.parametrize("name", ["D7MessagesGateway", "MessengerSMSGateway"])
def test_the_last_line_binds_the_code_to_the_sites_host(
    settings: Any, emulator: Emulator, name: str
) -> None:
    gateways = {"default": make_gateway_settings(name, emulator)}
    set_d7verify(settings, ORIGIN_HOST="shop.example.com", GATEWAYS=gateways)
    services.send_otp(NUMBER)
    [message] = emulator.messages(NUMBER)
    code = str(message["code"])
    text = str(message["text"])
    assert text == f"Your verification code is {code}\n\n@shop.example.com #{code}"
    assert (message["encoding"], message["parts"]) == ("GSM-7", 1)


def test_the_line_is_as_its_specification_says(settings: Any) -> None:
    """Explanatory text, a blank line; the at sign first, one blank, nothing after."""
    set_d7verify(settings, ORIGIN_HOST="example.com", CONTENT="Your code for Example is {}.")
    services.send_otp(NUMBER)
    text, code = locmem.outbox[-1].text, locmem.outbox[-1].code
    explanation, blank, last = text.split("\n")
    assert explanation == f"Your code for Example is {code}."
    assert blank == ""
    assert last == f"@example.com #{code}"
    host, space, number = last.partition("\u0020")
    assert (host[0], space, number) == ("@", " ", f"#{code}")
    assert text.isascii()
    assert len(text) == len(text.rstrip()) <= 160


def test_without_a_host_there_is_no_such_line() -> None:
    assert "@" not in send()


def test_trailing_blanks_of_a_template_do_not_come_between(settings: Any, tmp_path: Path) -> None:
    set_templates(settings, tmp_path, code="\n  {{ code }} is it.  \n\n\n")
    set_d7verify(settings, ORIGIN_HOST="example.com")
    assert send() == "{} is it.\n\n@example.com #{}"


def test_the_browsers_line_is_part_of_the_length(settings: Any, emulator: Emulator) -> None:
    gateways = {"default": make_gateway_settings("D7MessagesGateway", emulator)}
    line = "\n\n@example.com #123456"
    set_d7verify(settings, GATEWAYS=gateways, CONTENT="x" * (160 - 6 - len(line)) + "{}")
    set_d7verify(settings, ORIGIN_HOST="example.com")
    services.send_otp(NUMBER)
    assert Pin.objects.latest("pk").parts == emulator.messages()[-1]["parts"] == 1
    Recipient.objects.update(next_send=0)
    set_d7verify(settings, ORIGIN_HOST="example.comm")
    services.send_otp(NUMBER)
    assert Pin.objects.latest("pk").parts == emulator.messages()[-1]["parts"] == 2


def test_d7_gets_a_text_with_one_place_and_no_browsers_line(
    settings: Any, emulator: Emulator
) -> None:
    gateways = {"default": make_gateway_settings("D7VerifyGateway", emulator)}
    set_d7verify(settings, ORIGIN_HOST="example.com", CONTENT="Your code: {}.", GATEWAYS=gateways)
    services.send_otp(NUMBER)
    [call] = emulator.calls(KINDS["D7VerifyGateway"].send_path)
    content = call["body"]["content"]
    assert content == "Your code: {}."
    [message] = emulator.messages(NUMBER)
    assert message["text"] == f"Your code: {message['code']}."


def test_direct_messenger_gets_no_text_for_a_pin_of_its_own(
    settings: Any, emulator: Emulator
) -> None:
    gateways = {"default": make_gateway_settings("Messenger2FAGateway", emulator)}
    set_d7verify(settings, CONTENT="Ours {}", ORIGIN_HOST="example.com", GATEWAYS=gateways)
    services.send_otp(NUMBER)
    [call] = emulator.calls(KINDS["Messenger2FAGateway"].send_path)
    assert call["body"] == {"receiver": NUMBER[1:], "pin_length": "6"}


# How long it is, and how it travels.


@pytest.mark.parametrize(
    ("text", "data_coding", "encoding"),
    [
        ("Your code: {}", "text", "GSM-7"),
        ("Tere, kood on {} ä ö ü €", "text", "GSM-7"),
        ("Sõnum: {}", "unicode", "UCS-2"),
        ("Код {}", "unicode", "UCS-2"),
        ("{} 😀", "unicode", "UCS-2"),
    ],
)
def test_d7_is_told_how_the_text_is_to_travel(
    settings: Any, emulator: Emulator, text: str, data_coding: str, encoding: str
) -> None:
    gateways = {"default": make_gateway_settings("D7MessagesGateway", emulator)}
    set_d7verify(settings, CONTENT=text, GATEWAYS=gateways)
    services.send_otp(NUMBER)
    [call] = emulator.calls("/messages/v1/send")
    assert call["body"]["messages"][0]["data_coding"] == data_coding
    [message] = emulator.messages(NUMBER)
    assert message["encoding"] == encoding
    # What the person reads is what was written: no question mark for a letter that is not in GSM.
    assert message["text"] == text.replace("{}", str(message["code"]))


TOO_LONG = {
    "GSM over three parts": "x" * 454 + "{}",
    "unicode over three parts": "õ" * 196 + "{}",
    "a control character": "\x01{}",
    "NUL": "\x00{}",
    "half of a pair": "\ud83d{}",
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_text_that_messenger_cannot_send_is_a_mistake_of_the_sites_and_costs_nothing(
    settings: Any, emulator: Emulator, name: str
) -> None:
    gateways = {"default": make_gateway_settings("MessengerSMSGateway", emulator)}
    set_d7verify(settings, CONTENT=TOO_LONG[name], GATEWAYS=gateways)
    with pytest.raises(ConfigurationError) as caught:
        services.send_otp(NUMBER)
    assert "xxx" not in str(caught.value)
    assert emulator.calls() == []
    assert OTPSession.objects.get().status == SessionStatus.FAILED
    assert Pin.objects.get().status == PinStatus.NOT_SENT
    # The claim is given back: the next is sent at once.
    set_d7verify(settings, CONTENT="Code {}")
    assert services.send_otp(NUMBER).status == SessionStatus.OPEN


@pytest.mark.parametrize(
    ("text", "parts"), [("x" * 453 + "{}", 3), ("õ" * 195 + "{}", 3), ("x" * 154 + "{}", 1)]
)
def test_the_longest_texts_are_sent_by_messenger(
    settings: Any, emulator: Emulator, text: str, parts: int
) -> None:
    gateways = {"default": make_gateway_settings("MessengerSMSGateway", emulator)}
    set_d7verify(settings, CONTENT=text, GATEWAYS=gateways)
    services.send_otp(NUMBER)
    assert Pin.objects.get().parts == parts
    assert len(emulator.messages(NUMBER)) == 1


def test_a_text_too_long_for_messenger_goes_out_through_the_next_gateway(
    settings: Any, emulator: Emulator
) -> None:
    gateways = {
        "default": {
            **make_gateway_settings("MessengerSMSGateway", emulator),
            "FAILOVER": ["long"],
        },
        "long": make_gateway_settings("D7MessagesGateway", emulator),
    }
    set_d7verify(settings, CONTENT="x" * 600 + "{}", GATEWAYS=gateways)
    services.send_otp(NUMBER)
    pin = Pin.objects.get()
    assert (pin.gateway, pin.parts) == ("long", 4)
    assert emulator.messages()[-1]["parts"] == 4


# Any text at all, really sent: our count and that of the provider, which counts on its own.

GSM = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./059:;<=>?¡AZÄÖÑÜ§¿azäöñüà"
EXTENSION = "^{}\\[~]|€"
#: Texts as short as they come, of pairs that must not be cut, and of anything at all.
alphabets = [
    st.sampled_from(GSM + EXTENSION),
    st.sampled_from(EXTENSION + "a"),
    st.sampled_from("õ😀a€"),
    st.characters(exclude_categories=["Cs", "Cc"]),
]


@st.composite
def make_texts(draw: Any) -> str:
    """A length first: by itself Hypothesis seldom tries a text of more than one part."""
    length = draw(st.integers(1, 500))
    alphabet = draw(st.sampled_from(alphabets))
    return str(draw(st.text(alphabet, min_size=length, max_size=length).filter(str.strip)))


really_sent = hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
        HealthCheck.data_too_large,
        HealthCheck.too_slow,
    ],
    database=None,
)


@pytest.fixture
def carriers(settings: Any, emulator: Emulator) -> Emulator:
    gateways = {
        "standard": make_gateway_settings("D7MessagesGateway", emulator),
        "documented": make_gateway_settings(
            "D7MessagesGateway", emulator, text_profile="documented"
        ),
        "sms": make_gateway_settings("MessengerSMSGateway", emulator),
    }
    set_d7verify(settings, GATEWAYS=gateways)
    return emulator


@pytest.mark.parametrize("profile", ["standard", "documented"])
@really_sent
@given(text=make_texts())
@example(text="😀" * 36)
@example(text="😀" * 67)
@example(text="€" * 81)
@example(text="€" * 153)
def test_our_count_of_parts_is_d7s_for_any_text(
    carriers: Emulator, profile: str, text: str
) -> None:
    carriers.set_switches(d7_text_profile=profile)
    message = make_message(content=text)
    receipt = get_gateway(profile).send(message)
    sent = carriers.messages(NUMBER)[-1]
    assert sent["reference"] == receipt.reference
    assert sent["text"] == message.text
    assert sent["parts"] == receipt.parts
    assert sent["encoding"] == {"gsm": "GSM-7", "ucs2": "UCS-2"}[get_encoding(message.text)]


#: 157 septets a part, as Direct Messenger documents it; we keep to the 153 that fit.
DOCUMENTED_OF_MESSENGER = TextLimits(gsm_part=157, max_parts=3)
STANDARD = Profile(160, 153, 70, 67)


@really_sent
@given(text=make_texts())
@example(text="😀" * 36)
@example(text="😀" * 67)
@example(text="€" * 81)
@example(text="€" * 153)
def test_our_count_of_parts_is_messengers_by_its_own_numbers_and_by_ours_for_any_text(
    carriers: Emulator, text: str
) -> None:
    message = make_message(content=text)
    gateway = get_gateway("sms")
    encoding = {"gsm": "GSM-7", "ucs2": "UCS-2"}[get_encoding(message.text)]
    counted = count_parts(message.text, encoding, STANDARD)
    before = len(carriers.messages())
    if counted > 3:
        with pytest.raises(ConfigurationError, match="parts"):
            gateway.send(message)
        assert len(carriers.messages()) == before
        return
    receipt = gateway.send(message)
    sent = carriers.messages(NUMBER)[-1]
    assert receipt.parts == counted
    assert sent["encoding"] == encoding
    assert sent["parts"] == measure(str(sent["text"]), DOCUMENTED_OF_MESSENGER).parts
    # Messenger's parts are longer where they are GSM, so ours is never the smaller count.
    assert sent["parts"] <= receipt.parts


def test_the_limits_compared_here_are_those_that_the_gateways_use() -> None:
    assert (MESSENGER.gsm_part, MESSENGER.max_parts) == (153, 3)
    assert (D7_DOCUMENTED.gsm_single, D7_DOCUMENTED.ucs2_single) == (158, 72)
    assert MESSENGER_PROFILE.gsm_part == DOCUMENTED_OF_MESSENGER.gsm_part
