"""Keys of ``D7VERIFY`` for sending and checking codes, and what a purpose is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django_d7verify.words import CHANGE_PHONE, LOGIN, SECOND_FACTOR, VERIFY, Alphabet

from .logins import LoginSettings

#: Keys that a purpose may set: what belongs to one session, never what guards a recipient.
PURPOSE_KEYS = frozenset(
    {
        "PUBLIC",
        "GATEWAY",
        "CONTENT",
        "EXPIRY_SECONDS",
        "MAX_RESENDS",
        "MAX_ATTEMPTS",
        "CODE_LENGTH",
        "CODE_ALPHABET",
    }
)
_OWN_PURPOSES: dict[str, dict[str, Any]] = {
    VERIFY: {"PUBLIC": True},
    LOGIN: {},
    CHANGE_PHONE: {},
    SECOND_FACTOR: {},
}
_CONSOLE = {"default": {"BACKEND": "django_d7verify.gateways.console.ConsoleGateway"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What holds for sessions of one purpose; durations in seconds."""

    name: str
    public: bool
    gateway: str
    #: Text with ``{}`` where the code stands; None to render the template.
    content: str | None
    expiry_seconds: int
    max_resends: int
    max_attempts: int
    code_length: int
    code_alphabet: Alphabet


class Settings(LoginSettings):
    """Typed view of ``settings.D7VERIFY``. Nothing is cached, so ``override_settings`` works."""

    @property
    def GATEWAYS(self) -> Mapping[str, Mapping[str, Any]]:
        """
        Gateways by alias, as ``{"default": {"BACKEND": path, "OPTIONS": {…}, "FAILOVER": […]}}``.

        ``FAILOVER`` names others, tried while the first surely did not send. Without any gateway,
        the console gateway under ``DEBUG``.
        """
        return self._read("GATEWAYS", _CONSOLE if self.is_debug else {})

    @property
    def PURPOSES(self) -> Mapping[str, Mapping[str, Any]]:
        """
        What codes are asked for, by name.

        ``verify`` (public), ``login``, ``change_phone`` and ``second_factor`` are always there.
        """
        return {**_OWN_PURPOSES, **self._read("PURPOSES", {})}

    @property
    def RESEND_WAIT_SECONDS(self) -> int:
        """Seconds between two codes to one number, over all sessions and purposes."""
        return self._read("RESEND_WAIT_SECONDS", 60)

    @property
    def EXPIRY_SECONDS(self) -> int:
        """Seconds that a code can be used; at most 600."""
        return self._read("EXPIRY_SECONDS", 600)

    @property
    def MAX_RESENDS(self) -> int:
        """Resends in one session."""
        return self._read("MAX_RESENDS", 5)

    @property
    def MAX_ATTEMPTS(self) -> int:
        """Codes compared in one session, over all its resends."""
        return self._read("MAX_ATTEMPTS", 5)

    @property
    def CODE_LENGTH(self) -> int:
        """Letters in a code; at least 6, at most 10."""
        return self._read("CODE_LENGTH", 6)

    @property
    def CODE_ALPHABET(self) -> Alphabet:
        """``numeric``, ``alpha`` or ``alphanumeric``."""
        return self._read("CODE_ALPHABET", "numeric")

    @property
    def CONTENT(self) -> str | None:
        """
        Text of the message, with ``{}`` where the code stands.

        Without it, the templates ``d7verify/<purpose>/code.txt`` or ``d7verify/code.txt``.
        """
        return self._read("CONTENT", cast("str | None", None))

    @property
    def ORIGIN_HOST(self) -> str:
        """Host of the site's pages, for the last line by which browsers fill in codes of ours."""
        return self._read("ORIGIN_HOST", "")

    @property
    def SENDS_PER_HOUR(self) -> int:
        """Codes to one number per hour; each approval gives one back."""
        return self._read("SENDS_PER_HOUR", 5)

    @property
    def SENDS_PER_DAY(self) -> int:
        """Codes to one number per day."""
        return self._read("SENDS_PER_DAY", 20)

    @property
    def FAILURES_PER_HOUR(self) -> int:
        """Wrong codes for one number per hour, over all sessions."""
        return self._read("FAILURES_PER_HOUR", 10)

    @property
    def FAILURES_PER_DAY(self) -> int:
        """Wrong codes for one number per day, over all sessions."""
        return self._read("FAILURES_PER_DAY", 30)

    @property
    def MAX_FAILURES_IN_A_ROW(self) -> int:
        """Wrong codes in a row in a known user's own sessions before the number is disabled."""
        return self._read("MAX_FAILURES_IN_A_ROW", 100)

    @property
    def VERIFICATION_TOKEN_SECONDS(self) -> int:
        """Seconds after the approval in which it can be used."""
        return self._read("VERIFICATION_TOKEN_SECONDS", 300)

    @property
    def SECRET_KEYS(self) -> Sequence[str]:
        """
        Secrets that codes and proofs are signed with: the first signs, all are accepted.

        Without any, Django's ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``.
        """
        return self._read("SECRET_KEYS", self.secret_keys)

    @property
    def REPORT_URL(self) -> str:
        """Address of the site's delivery reports, ``https://…/otp/reports/``; none without it."""
        return self._read("REPORT_URL", "")

    @property
    def REPORT_SECRETS(self) -> Sequence[str]:
        """Secrets in the paths of delivery reports: the first is given out, all are accepted."""
        return self._read("REPORT_SECRETS", cast("Sequence[str]", []))

    @property
    def BREAKER_FAILURES(self) -> int:
        """Calls in a row without an answer after which a gateway is left alone."""
        return self._read("BREAKER_FAILURES", 5)

    @property
    def BREAKER_SECONDS(self) -> int:
        """Seconds for which it is left alone, by each process."""
        return self._read("BREAKER_SECONDS", 30)

    @property
    def DEFAULT_REGION(self) -> str | None:
        """ISO alpha-2 of the country whose numbers may be typed without a plus."""
        return self._read("DEFAULT_REGION", cast("str | None", None))

    @property
    def NUMBER_TYPES(self) -> Sequence[str]:
        """Kinds of number that are sent to, as names of ``phonenumbers.PhoneNumberType``."""
        return self._read("NUMBER_TYPES", ["MOBILE", "FIXED_LINE_OR_MOBILE"])

    @property
    def SENDS_PER_IPV4(self) -> Sequence[str]:
        """Codes asked for by one IPv4 address, as rates of django-ratelimit."""
        return self._read("SENDS_PER_IPV4", ["100/h", "500/d"])

    @property
    def SENDS_PER_IPV6(self) -> Sequence[str]:
        """Codes asked for by one IPv6 network (/64)."""
        return self._read("SENDS_PER_IPV6", ["30/h", "100/d"])

    @property
    def SENDS_PER_USER(self) -> Sequence[str]:
        """Codes asked for by one signed-in user."""
        return self._read("SENDS_PER_USER", ["20/h", "60/d"])

    @property
    def WRONG_CODES_PER_ADDRESS(self) -> Sequence[str]:
        """Wrong codes from one IPv4 address or IPv6 network."""
        return self._read("WRONG_CODES_PER_ADDRESS", ["100/10m"])

    @property
    def WATCHED_SENDS_PER_ADDRESS(self) -> str:
        """Rate from which an address's codes are said to the log and ``limit_observed``."""
        return self._read("WATCHED_SENDS_PER_ADDRESS", "30/h")

    @property
    def ALLOWED_COUNTRIES(self) -> Sequence[str] | None:
        """ISO alpha-2 of the countries that are sent to; None for all."""
        return self._read("ALLOWED_COUNTRIES", cast("Sequence[str] | None", None))

    @property
    def HOME_COUNTRIES(self) -> Sequence[str]:
        """Countries of the site's own people: the pumping guard is for all others, once set."""
        return self._read("HOME_COUNTRIES", cast("Sequence[str]", []))

    @property
    def PREFIX_BUDGET(self) -> tuple[int, int]:
        """Unverified codes per hour and day to a prefix: a number less its last four digits."""
        return self._read("PREFIX_BUDGET", (50, 200))

    @property
    def COUNTRY_BUDGET(self) -> tuple[int, int]:
        """Unverified codes per hour and day to a country that is not home."""
        return self._read("COUNTRY_BUDGET", (100, 500))

    @property
    def SITE_SENDS_PER_DAY(self) -> int | None:
        """Codes per day of the whole site, a cap on money; None for none."""
        return self._read("SITE_SENDS_PER_DAY", cast("int | None", None))

    @property
    def LIMIT_MODES(self) -> Mapping[str, str]:
        """``"enforce"`` or ``"observe"`` by limit (``words.LimitName``); enforced if not named."""
        return self._read("LIMIT_MODES", cast("Mapping[str, str]", {}))

    @property
    def SESSION_RETENTION_DAYS(self) -> int:
        """Days that ``d7verify_prune`` keeps sessions, with their codes and events."""
        return self._read("SESSION_RETENTION_DAYS", 90)

    @property
    def AUDIT_RETENTION_DAYS(self) -> int:
        """Days that ``d7verify_prune`` keeps what staff did to numbers."""
        return self._read("AUDIT_RETENTION_DAYS", 365)

    @property
    def TRUSTED_PROXY_COUNT(self) -> int:
        """Own proxies in front of the site: so many entries of ``X-Forwarded-For`` are believed."""
        return self._read("TRUSTED_PROXY_COUNT", 0)

    def get_purpose(self, name: str) -> Purpose:
        """
        What holds for *name*: its own values over the site's.

        Raises ``KeyError`` for a purpose that the site does not have.
        """
        own = self.PURPOSES[name]
        return Purpose(
            name=name,
            public=own.get("PUBLIC", False),
            gateway=own.get("GATEWAY", "default"),
            content=own.get("CONTENT", self.CONTENT),
            expiry_seconds=own.get("EXPIRY_SECONDS", self.EXPIRY_SECONDS),
            max_resends=own.get("MAX_RESENDS", self.MAX_RESENDS),
            max_attempts=own.get("MAX_ATTEMPTS", self.MAX_ATTEMPTS),
            code_length=own.get("CODE_LENGTH", self.CODE_LENGTH),
            code_alphabet=own.get("CODE_ALPHABET", self.CODE_ALPHABET),
        )

    def is_enforced(self, limit: str) -> bool:
        """Whether *limit* refuses, or is only counted and said."""
        return self.LIMIT_MODES.get(limit, "enforce") != "observe"

    def get_failover(self, alias: str) -> Sequence[str]:
        """Aliases to try, in turn, while the gateway of *alias* surely did not send."""
        return cast("Sequence[str]", self.GATEWAYS[alias].get("FAILOVER", ()))


#: Every key of ``D7VERIFY``, in the order in which they stand here.
KEYS = tuple(name for name in (*vars(Settings), *vars(LoginSettings)) if name.isupper())
