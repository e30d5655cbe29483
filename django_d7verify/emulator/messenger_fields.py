"""Reads Messenger's parameters and says what is wrong in Laravel's sentences (B.1)."""

from __future__ import annotations

from .messenger_answers import (
    Errors,
    invalid_number,
    make_validation_error,
    no_credit,
    unauthorized,
)
from .phones import find_number
from .tokens import is_poor, is_refused
from .wire import RefusalError, Request
from .world import World


def read_token(request: Request) -> str:
    """``api_token`` of body or query, else a Bearer: either is taken everywhere (C13)."""
    return request.parameters.get("api_token") or request.bearer


def check_token(request: Request) -> None:
    """Raise ``RefusalError`` 401 unless the token is one that the emulator takes."""
    if is_refused(read_token(request)):
        raise RefusalError(unauthorized())


def check_credit(world: World, request: Request) -> None:
    """Raise ``RefusalError`` for the account without credit."""
    if is_poor(read_token(request)):
        raise RefusalError(no_credit(world.switches.messenger_no_credit_status))


def read_number(receiver: str) -> str:
    """E.164 with the plus. Raises ``RefusalError`` 422 in the words of the SMS call."""
    number = find_number(receiver)
    if number is None:
        raise RefusalError(invalid_number())
    return number


class Parameters:
    """
    Reads parameters and collects what does not fit; call ``check`` once all are read.

    An empty text is the same as none, as Laravel has it.
    """

    def __init__(self, request: Request) -> None:
        self._values = request.parameters
        self.errors: Errors = {}

    def refuse(self, name: str, sentence: str) -> None:
        """Say what is wrong with *name*."""
        self.errors.setdefault(name, []).append(sentence)

    def text(self, name: str) -> str:
        """The parameter, or ""."""
        return self._values.get(name, "").strip()

    def required(self, name: str) -> str:
        """The parameter, refused where it is missing."""
        value = self.text(name)
        if not value:
            self.refuse(name, f"The {_spoken(name)} field is required.")
        return value

    def integer(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.text(name)
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            self.refuse(name, f"The {_spoken(name)} must be an integer.")
            return default

    def check(self) -> None:
        """Raise ``RefusalError`` 422 if anything did not fit."""
        if self.errors:
            raise RefusalError(make_validation_error(self.errors))


def _spoken(name: str) -> str:
    return name.replace("_", " ")
