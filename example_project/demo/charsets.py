"""Forms are UTF-8; to one whose content type says otherwise Django has a 500 where DEBUG is off."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


def forms_in_utf8(get_response: GetResponse) -> GetResponse:
    """Middleware: read every form so, before anything looks into it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.content_type == "application/x-www-form-urlencoded":
            request.encoding = "utf-8"
        return get_response(request)

    return middleware
