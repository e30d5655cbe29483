"""
A second factor after the password, and a step-up before a page that is worth one.

A proof is kept in the server's session of this browser, by purpose, with the number it was for: it
ends with that number, and is never another browser's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from django_d7verify.conf import conf
from django_d7verify.words import SECOND_FACTOR

from .flows import find_safe_url
from .headers import add_headers
from .sessions import is_mark, read_mark

_KEY = "d7verify.proofs"
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


def phone_verified_required(
    *, within_seconds: int | None = None, purpose: str = SECOND_FACTOR
) -> Callable[[_View], _View]:
    """
    Decorate a (sync) view: only for who has proven their phone in this browser lately.

    *within_seconds* is by default ``STEP_UP_SECONDS``. *purpose* is one of ``PURPOSES``: a proof
    for one is none for another. Who is not signed in is led to ``LOGIN_URL``, who has not proven
    to the second factor's page and from there back. A form that was sent too late is answered 403
    by a page that says so, and never sent again by us.
    """

    def decorate(view: _View) -> _View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = find_refusal(request, within_seconds=within_seconds, purpose=purpose)
            return refusal or view(request, *args, **kwargs)

        return cast("_View", guarded)

    return decorate


class _Dispatches(Protocol):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


class PhoneVerifiedRequired:
    """The same for class-based views: stands left of the view's base."""

    #: By default ``STEP_UP_SECONDS``.
    within_seconds: int | None = None
    purpose: str = SECOND_FACTOR

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, or lead to the second factor."""
        refusal = find_refusal(request, within_seconds=self.within_seconds, purpose=self.purpose)
        if refusal:
            return refusal
        view: _Dispatches = super()  # type: ignore[assignment]  # the view right of this class
        return view.dispatch(request, *args, **kwargs)


def find_refusal(
    request: HttpRequest, *, within_seconds: int | None, purpose: str
) -> HttpResponse | None:
    """The answer to who has not proven their phone, or None."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if is_proven(request, within_seconds=within_seconds, purpose=purpose):
        return None
    if request.method in _SAFE:
        return HttpResponseRedirect(_make_url(request.get_full_path(), purpose))
    # The body of a form cannot be led through another page; the page it stands on can be gone
    # back to.
    came_from = find_safe_url(request, request.headers.get("Referer", ""))
    url = _make_url(came_from or request.get_full_path(), purpose)
    template = "d7verify/second_factor_needed.html"
    return add_headers(render(request, template, {"second_factor_url": url}, status=403))


def is_proven(request: HttpRequest, *, within_seconds: int | None, purpose: str) -> bool:
    """Whether this browser's signed-in user has proven their number for *purpose* lately."""
    proof = request.session.get(_KEY, {}).get(purpose)
    if proof is None:
        return False
    proven_at, mark = proof
    seconds = conf.STEP_UP_SECONDS if within_seconds is None else within_seconds
    age = timezone.now().timestamp() - proven_at
    return bool(0 <= age < seconds) and is_mark(mark, request.user)


def remember_proof(request: HttpRequest, purpose: str) -> None:
    """Remember that the signed-in user has just proven the number that they have now."""
    proof = [timezone.now().timestamp(), read_mark(request.user)]
    request.session[_KEY] = {**request.session.get(_KEY, {}), purpose: proof}


def _make_url(next_url: str, purpose: str) -> str:
    query = {"next": next_url} | ({} if purpose == SECOND_FACTOR else {"purpose": purpose})
    return f"{reverse('d7verify:second_factor')}?{urlencode(query)}"
