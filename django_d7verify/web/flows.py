"""What the server's session remembers of one errand; the ``otp_id`` stands nowhere else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme

_MAX_NEXT_LENGTH = 2000


class Flow:
    """
    One errand (*name*) of one browser: its open session and where it leads.

    Values are plain, so that any serializer of sessions takes them.
    """

    def __init__(self, request: HttpRequest, name: str) -> None:
        self._request = request
        self._key = f"d7verify.{name}"

    def __getitem__(self, name: str) -> str:
        """What is remembered as *name*, or ""."""
        value = self._values.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def otp_id(self) -> str:
        """The session whose code is asked for, or ""."""
        return self["otp_id"]

    def begin(self, otp_id: str, **more: str) -> None:
        """
        Ask for the code of *otp_id* from now on.

        The form gets ``form``, a word of no meaning: a form from another tab, which asks for
        another code, is known by it.
        """
        self._write(otp_id=otp_id, form=get_random_string(12), **more)

    def close(self) -> None:
        """Forget the session, and keep where the errand leads."""
        self._write(otp_id="", form="")

    def end(self) -> str:
        """Forget all; answers where the errand led, or ""."""
        url = self["next"]
        self._request.session.pop(self._key, None)
        return url

    def remember(self, **values: str) -> None:
        """Remember *values* if they differ, so that a mere visit writes no session."""
        if any(self[name] != value for name, value in values.items()):
            self._write(**values)

    def remember_next(self) -> None:
        """Remember the query's ``next``, if it is an address of this site; forget another."""
        if "next" not in self._request.GET:
            return
        self.remember(next=find_safe_url(self._request, self._request.GET["next"]))

    def leave_note(self, note: str) -> None:
        """Have the next page say *note*, a word of ``notes``."""
        self._write(note=note)

    def take_note(self) -> str:
        """The note that was left, once, or ""."""
        note = self["note"]
        self.remember(note="")
        return note

    @property
    def _values(self) -> dict[str, Any]:
        values = self._request.session.get(self._key)
        return values if isinstance(values, dict) else {}

    def _write(self, **values: str) -> None:
        self._request.session[self._key] = {**self._values, **values}


def find_safe_url(request: HttpRequest, url: str) -> str:
    """*url* if it is one of this site, else ""."""
    is_safe = len(url) <= _MAX_NEXT_LENGTH and url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if is_safe else ""
