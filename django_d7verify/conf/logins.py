"""Keys of ``D7VERIFY`` for logging in, and for who sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.views.decorators.debug import sensitive_variables

from .django_settings import DjangoSettings


class LoginSettings(DjangoSettings):
    """What holds for users and their numbers."""

    @property
    def PHONE_STORE(self) -> str:
        """Path of the class that knows whose number is whose (``phone_stores.PhoneStore``)."""
        return self._read("PHONE_STORE", "django_d7verify.phone_stores.ModelPhoneStore")

    @property
    def SIGN_UP(self) -> bool:
        """Whether a number that nobody has is sent a login code, and becomes a new user."""
        return self._read("SIGN_UP", False)

    @property
    def TOKEN_STRATEGY(self) -> str:
        """Path of the class that answers a login by API (``token_strategies.TokenStrategy``)."""
        return self._read("TOKEN_STRATEGY", "django_d7verify.token_strategies.SessionStrategy")

    @property
    def DISPATCHER(self) -> str:
        """
        Path of the class that has codes sent (``dispatching.Dispatcher``).

        Codes for a login never go out inline: then a pool of threads sends them.
        """
        return self._read("DISPATCHER", "django_d7verify.dispatchers.InlineDispatcher")

    @property
    def DISPATCH_THREADS(self) -> int:
        """Threads of each process that send codes for ``ThreadDispatcher``."""
        return self._read("DISPATCH_THREADS", 8)

    @property
    def DISPATCH_QUEUE(self) -> int:
        """Codes of a process that may wait for a thread; more are refused with 503."""
        return self._read("DISPATCH_QUEUE", 100)

    @property
    def TEST_NUMBERS(self) -> Mapping[str, Mapping[str, Any]]:
        """
        Numbers for reviewers, ``{"+12025550123": {"CODE": "314159", "UNTIL": date(…)}}``.

        Their code is fixed and no message is sent. From ``UNTIL`` on they are like any other.
        """
        return self._read("TEST_NUMBERS", cast("Mapping[str, Mapping[str, Any]]", {}))

    @property
    def STEP_UP_SECONDS(self) -> int:
        """Seconds for which a second factor counts where a page does not say."""
        return self._read("STEP_UP_SECONDS", 300)

    @property
    def TELL_OLD_NUMBER(self) -> bool:
        """Whether a number that was replaced is told so in a text, which costs one."""
        return self._read("TELL_OLD_NUMBER", True)

    @property
    def END_OTHER_SESSIONS(self) -> bool:
        """Whether a change of number ends the user's other sessions, by ``web.sessions``."""
        return self._read("END_OTHER_SESSIONS", False)

    @property
    def CONTENT_SECURITY_POLICY(self) -> bool:
        """Whether the app's pages carry a strict policy of their own."""
        return self._read("CONTENT_SECURITY_POLICY", True)

    @sensitive_variables()
    def find_test_code(self, number: str, now: datetime) -> str | None:
        """The fixed code of *number* at *now*; None where it is no number for tests."""
        given = self.TEST_NUMBERS.get(number)
        if given is None:
            return None
        until = given.get("UNTIL")
        return str(given["CODE"]) if until is None or now.date() < until else None
