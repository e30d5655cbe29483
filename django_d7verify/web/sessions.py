"""
Ending a person's other sessions once their number changed (``END_OTHER_SESSIONS``).

``MIDDLEWARE``, after Django's ``AuthenticationMiddleware``:
``"django_d7verify.web.sessions.end_sessions"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from django_d7verify.conf import conf
from django_d7verify.phone_stores import get_phone_store

_KEY = "d7verify.number"

GetResponse = Callable[[HttpRequest], HttpResponse]


def end_sessions(get_response: GetResponse) -> GetResponse:
    """
    Middleware: sign a session out that was signed in while its user had another number.

    One statement per request of a signed-in user, and none while ``END_OTHER_SESSIONS`` is off.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not conf.END_OTHER_SESSIONS:
            return get_response(request)
        if _is_signed_in(request) and not _has_same_number(request):
            logout(request)
        response = get_response(request)
        # Signed in by this very request, by whichever view.
        if _is_signed_in(request) and _KEY not in request.session:
            remember_number(request)
        return response

    return middleware


def remember_number(request: HttpRequest) -> None:
    """Let this session live on with the number that its user has now."""
    request.session[_KEY] = read_mark(request.user)


def read_mark(user: Any) -> str:
    """What stands for *user*'s number in a session, where the number itself must not be kept."""
    return _read_marks(user)[0]


def is_mark(mark: str, user: Any) -> bool:
    """Whether *mark* was made of the number that *user* has now, under any key of Django's."""
    return any(constant_time_compare(mark, made) for made in _read_marks(user))


def _read_marks(user: Any) -> list[str]:
    text = f"{user.pk}|{get_phone_store().find_number(user)}"
    return [
        salted_hmac(_KEY, text, secret=secret, algorithm="sha256").hexdigest()
        for secret in conf.secret_keys
    ]


def _is_signed_in(request: HttpRequest) -> bool:
    # Asked first, because a look into the session makes the answer vary by cookie.
    return request.session.session_key is not None and SESSION_KEY in request.session


def _has_same_number(request: HttpRequest) -> bool:
    mark = request.session.get(_KEY)
    if mark is None:
        remember_number(request)
        return True
    return is_mark(mark, request.user)
