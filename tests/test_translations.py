"""Every text of the app in every language that it ships."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

import django_d7verify
from django_d7verify import texts
from django_d7verify.texts import render_content
from django_d7verify.web import sentences

PACKAGE = Path(django_d7verify.__file__).parent
LOCALE = PACKAGE / "locale"
#: By language: how many forms a word has beside a number.
FORMS = {"et": 2, "ar": 6}
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}
PLACEHOLDERS = re.compile(r"%(?:\(\w+\))?[sd]|\{\w*\}")

#: By msgid: its msgid_plural ("" for none) and its forms.
Catalog = dict[str, tuple[str, list[str]]]


def read_catalog(language: str) -> Catalog:
    """The entries of a .po file that are in use; fails for a fuzzy one."""
    written = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text()
    catalog: Catalog = {}
    for block in written.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#~")]
        assert not any(line.startswith("#,") and "fuzzy" in line for line in lines), block
        found: dict[str, str] = {}
        name = ""
        for line in lines:
            key, _, text = line.partition('"')
            name = key.strip() or name
            if text:
                found[name] = found.get(name, "") + ast.literal_eval(f'"{text}')
        if found.get("msgid"):
            forms = [found[key] for key in sorted(found) if key.startswith("msgstr")]
            catalog[found["msgid"]] = (found.get("msgid_plural", ""), forms)
    return catalog


def find_texts() -> Iterator[str]:
    """Every text that the package gives to gettext."""
    for path in PACKAGE.rglob("*.py"):
        if "emulator" not in path.parts:
            yield from find_arguments(path.read_text())
    for path in (PACKAGE / "templates").rglob("*.*"):
        calls = re.findall(r"\bn?gettext\(.*?\) ", templatize(path.read_text()), re.DOTALL)
        for call in calls:
            yield from find_arguments(re.sub(r",\s*\w+\) $", ")", call).strip())


def find_arguments(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.func.id in FUNCTIONS and node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


@pytest.mark.parametrize("language", FORMS)
def test_every_text_is_translated_in_all_its_forms(language: str):
    catalog = read_catalog(language)
    assert set(find_texts()) == set(catalog), "make messages"
    for msgid, (plural, forms) in catalog.items():
        assert len(forms) == (FORMS[language] if plural else 1), msgid
        assert all(forms), msgid


def test_the_texts_that_are_looked_for_are_found():
    found = set(find_texts())
    assert {"That is not the right code.", "Use another number", "%(count)d try left."} <= found
    assert "Your verification code is %(code)s" in found


@pytest.mark.parametrize("language", FORMS)
def test_a_translation_has_the_places_of_its_text(language: str):
    for msgid, (plural, forms) in read_catalog(language).items():
        wanted = set(PLACEHOLDERS.findall(msgid))
        for form in forms:
            places = set(PLACEHOLDERS.findall(form))
            # "One minute" and "two minutes" are words without a number in Arabic.
            assert places == wanted or (plural and places < wanted), form


@pytest.mark.parametrize("language", FORMS)
def test_the_compiled_catalog_is_the_written_one(language: str):
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    written: dict[object, str] = {}
    for msgid, (plural, forms) in read_catalog(language).items():
        for number, form in enumerate(forms):
            written[(msgid, number) if plural else msgid] = form
    compiled.pop("", None)
    assert compiled == written, "make messages"


@pytest.mark.parametrize("language", ["en", *FORMS])
@pytest.mark.parametrize("length", [6, 10])
def test_the_message_with_a_code_is_one_part(language: str, length: int):
    code = "8" * length
    text = render_content(None, purpose="login", language=language, expiry_seconds=600)
    bound = f"{text.format(code)}\n\n@accounts.some-site.example #{code}"
    assert texts.measure(bound, texts.D7).parts == 1
    assert texts.get_encoding(bound) == ("ucs2" if language == "ar" else "gsm")


@pytest.mark.parametrize("language", ["en", *FORMS])
def test_a_number_agrees_with_its_word(language: str):
    with translation.override(language):
        said = [sentences.describe_attempts(count) for count in (1, 2, 3, 11, 100)]
        assert len(set(said)) == len(said)
        waits = [sentences.describe_resend(seconds) for seconds in (1, 2, 3, 60, 600, 7200, 86400)]
        assert len(set(waits)) == len(waits)
    if language == "ar":
        assert said[:2] == ["بقيت محاولة واحدة.", "بقيت محاولتان."]


def test_the_old_number_is_told_in_one_part():
    for language in ("en", *FORMS):
        with translation.override(language):
            text = translation.gettext(
                "Your account has a new phone number. "
                "If that was not you, please contact us at once."
            )
        assert texts.measure(text, texts.D7).parts == 1, language
