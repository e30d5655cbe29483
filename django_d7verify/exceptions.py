"""
Every error of the app, sorted by what the caller can know::

    D7VerifyError
    ├── Refused                nothing was sent, nothing was compared
    │   ├── Throttled          too soon, or a budget is used up; carries the wait
    │   ├── LockedOut          too many wrong codes for this number; carries the wait
    │   ├── SessionClosed      unknown, expired, used, cancelled, out of attempts
    │   ├── InvalidRecipient   not a number we could send to
    │   ├── RecipientRefused   country, number type, stop list, veto
    │   ├── InvalidPurpose     not a purpose of this site, or not one for the public
    │   ├── InvalidCode        not the shape of a code of this session
    │   ├── NumberTaken        proven, but another user has it
    │   └── NoNumber           the user has no number to send to
    └── GatewayError           the provider; sorted by what is known of the message
        ├── GatewayRefused     the provider said no: not sent
        ├── GatewayUnreachable no connection was made, or no service now: not sent
        └── GatewayUncertain   timed out, cut off or unreadable: maybe sent

    ConfigurationError         outside the tree, so no ``except D7VerifyError`` hides it

Messages of these errors are for logs: English, without code, token or full number.
What a person reads is in ``words.ERROR_TEXTS`` by ``text_code``.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

DEFAULT_RETRY_AFTER_SECONDS = 10


class D7VerifyError(Exception):
    """Base of all errors that a caller can answer; never raised itself."""

    #: Stable word for API clients and logs; never translated.
    code = "error"

    @property
    def text_code(self) -> str:
        """The key of what a person reads of it, in ``words.ERROR_TEXTS``: mostly ``code``."""
        return self.code


class Refused(D7VerifyError):
    """The caller may not do this now: nothing was sent and no code was compared."""

    code = "refused"


class Throttled(Refused):
    """Too soon after the last code, or a budget of sends is used up."""

    code = "throttled"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"No code before {retry_after_seconds} s have passed.")
        self.retry_after_seconds = retry_after_seconds


class LockedOut(Refused):
    """Too many wrong codes for this number."""

    code = "locked"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Too many wrong codes; locked for {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class SessionClosed(Refused):
    """
    Unknown, expired, used, cancelled or out of attempts.

    One error for all of them, so that ids cannot be probed.
    """

    code = "session_closed"

    def __init__(self, message: str = "No open session of that id.") -> None:
        super().__init__(message)


class InvalidRecipient(Refused):
    """Not a phone number that a code could be sent to."""

    code = "invalid_recipient"


class RecipientRefused(Refused):
    """A number of a kind that this site does not send to, on its stop list, or vetoed."""

    code = "recipient_refused"


class InvalidPurpose(Refused):
    """Not a purpose of this site, or not one that the public may ask for."""

    code = "invalid_purpose"


class InvalidCode(Refused):
    """Not the shape of a code of this session: it was neither compared nor counted."""

    code = "invalid_code"

    @property
    def text_code(self) -> str:
        """Not that it is wrong: it was not compared."""
        return "malformed_code"


class NumberTaken(Refused):
    """The number is proven, but it is another user's."""

    code = "number_taken"


class NoNumber(Refused):
    """The user has no number to send a code to."""

    code = "no_number"


class GatewayError(D7VerifyError):
    """
    The provider did not do what was asked; sorted by what is known of the message.

    *reason* is one of ``words.GatewayReason``. *answer* is what the provider said,
    scrubbed of numbers and shortened, for the audit; it never stands in the message.
    """

    code = "gateway_error"

    def __init__(self, message: str, *, reason: str = "other", answer: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.answer = answer


class GatewayRefused(GatewayError):
    """The provider said no: not sent. It may be tried again at once."""

    code = "gateway_refused"


class GatewayUnreachable(GatewayError):
    """No connection was made, or the provider takes no requests now: not sent."""

    code = "gateway_unreachable"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "other",
        answer: str = "",
        retry_after_seconds: int = DEFAULT_RETRY_AFTER_SECONDS,
    ) -> None:
        super().__init__(message, reason=reason, answer=answer)
        self.retry_after_seconds = retry_after_seconds


class GatewayUncertain(GatewayError):
    """
    Timed out, cut off or unreadable: maybe sent, so never sent again by us.

    Out of ``services`` it carries *otp_id*, whose late message can still be used,
    and the seconds until the next send is allowed.
    """

    code = "gateway_uncertain"
    otp_id: str | None = None
    #: It was asked about a code: the same one may be tried again.
    of_attempt = False
    retry_after_seconds: int = DEFAULT_RETRY_AFTER_SECONDS

    @property
    def text_code(self) -> str:
        """By whether a code was to be sent, or was tried."""
        return "attempt_uncertain" if self.of_attempt else self.code


class ConfigurationError(ImproperlyConfigured):
    """The site's settings are wrong, or the provider refuses its credentials (401, 403)."""

    code = "configuration_error"
