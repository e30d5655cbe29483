"""A person at a browser without JavaScript: opens pages, fills in their forms, and reads codes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from django.test import Client

from django_d7verify import services
from django_d7verify.dispatching import Dispatcher
from django_d7verify.gateways import locmem
from tests.conftest import NUMBER

NUMBER_PAGE = "/login/"
CODE_PAGE = "/login/code/"
DONE_PAGE = "/login/done/"
CHANGE_PAGE = "/login/change/"
CHANGE_CODE_PAGE = "/login/change/code/"
FACTOR_PAGE = "/login/second-factor/"
FACTOR_CODE_PAGE = "/login/second-factor/code/"


class AtOnce(Dispatcher):
    """A worker who is always there: codes are sent before the answer, in the same thread."""

    def dispatch(self, otp_id: str, generation: int) -> None:
        services.deliver_otp(otp_id, generation)


@dataclass
class Form:
    """A form as a page has it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.forms.append(Form(values.get("action") or ""))
        elif tag == "input":
            self.forms[-1].fields[values["name"] or ""] = values.get("value") or ""


class Page:
    """What came, after every redirect."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.path: str = response.request["PATH_INFO"]
        self.html: str = response.content.decode()

    def __repr__(self) -> str:
        return f"<{self.status} {self.path}: {self.title}>"

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.html, re.DOTALL)
        return found[1].strip() if found else ""

    @property
    def problem(self) -> str:
        """What is announced as wrong, or ""."""
        found = re.search(r'role="alert">(.*?)</p>', self.html)
        return found[1] if found else ""

    @property
    def news(self) -> str:
        found = re.search(r'role="status">(.*?)</p>', self.html)
        return found[1] if found else ""

    @property
    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.html)
        return parser.forms


class Browser:
    """One browser, with its cookies; its forms are checked as everybody's."""

    def __init__(self, **headers: str) -> None:
        self.client = Client(enforce_csrf_checks=True, headers=headers)

    def open(self, path: str) -> Page:
        return Page(self.client.get(path, follow=True))

    def submit(self, page: Page, form: int = 0, **fields: str) -> Page:
        """Send *page*'s form of that place, with what it has and *fields*."""
        chosen = page.forms[form]
        return Page(
            self.client.post(
                urljoin(page.path, chosen.action), {**chosen.fields, **fields}, follow=True
            )
        )

    def ask_for_code(self, number: str = NUMBER, page: Page | None = None) -> Page:
        return self.submit(page or self.open(NUMBER_PAGE), recipient=number)

    def sign_in(self, number: str = NUMBER) -> Page:
        return self.submit(self.ask_for_code(number), otp_code=newest_code(number))

    def resend(self, page: Page) -> Page:
        return self.submit(page, form=1)

    @property
    def is_signed_in(self) -> bool:
        return self.client.get("/pages/anybody/").content != b"nobody"


def codes(number: str = NUMBER) -> list[str]:
    return [str(message.code) for message in locmem.outbox if message.recipient == number]


def newest_code(number: str = NUMBER) -> str:
    return codes(number)[-1]
