"""Pages of the example; what they do is done by their script through the JSON API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView


@method_decorator(never_cache, name="dispatch")
class PhonePage(TemplateView):
    """Send, resend, verify: one page for the whole life of a code."""

    template_name = "demo/phone.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(inbox_url=find_inbox_url(), **kwargs)


def find_inbox_url() -> str | None:
    """The emulator's inbox; None where the gateway does not call an address on this machine."""
    options = settings.D7VERIFY["GATEWAYS"]["default"].get("OPTIONS", {})
    url = str(options.get("api_url", ""))
    return url if urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"} else None
