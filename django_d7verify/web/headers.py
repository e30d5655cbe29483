"""What every answer of the pages says to the browser."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

from django.http import HttpResponseBase

from django_d7verify.conf import conf

AnyResponse = TypeVar("AnyResponse", bound=HttpResponseBase)


def add_headers(response: AnyResponse) -> AnyResponse:
    """Kept by nobody, no address told to other sites, nothing inline and in nobody's frame."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    if conf.CONTENT_SECURITY_POLICY:
        response["Content-Security-Policy"] = make_policy()
    return response


def make_policy() -> str:
    """
    The pages' ``Content-Security-Policy``.

    Files may come from where the site keeps them; browsers ask for form-action also of the
    address that a form's answer leads to.
    """
    files = f"'self'{_origin(conf.static_url)}"
    return (
        f"default-src 'none'; script-src {files}; style-src {files}; img-src {files} data:; "
        f"font-src {files}; connect-src 'self'; form-action 'self'{_origin(conf.home_url)}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f" {parts.scheme or 'https'}://{parts.netloc}" if parts.netloc else ""
