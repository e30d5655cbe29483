"""Closed lists of ours. Provider words are translated to these in the clients and gateways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class SessionStatus(TextChoices):
    """
    Where a session stands, in D7's words.

    ``EXPIRED`` is never stored: it is ``OPEN`` compared with the clock.
    """

    OPEN = "OPEN", _("Open")
    APPROVED = "APPROVED", _("Approved")
    EXPIRED = "EXPIRED", _("Expired")
    LOCKED = "LOCKED", _("Locked")
    CANCELLED = "CANCELLED", _("Cancelled")
    FAILED = "FAILED", _("Failed")


class PinStatus(TextChoices):
    """What is known of the message that carried one code."""

    QUEUED = "queued", _("Waiting to be sent")
    CLAIMED = "claimed", _("Being sent")
    SENT = "sent", _("Sent")
    UNCERTAIN = "uncertain", _("Maybe sent")
    NOT_SENT = "not_sent", _("Not sent")


#: Messages that left, or maybe did.
LEFT = (PinStatus.SENT, PinStatus.UNCERTAIN)


class Delivery(TextChoices):
    """What the network said of a message; forward only, in this order."""

    UNKNOWN = "", _("Unknown")
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent to the network")
    DELIVERED = "delivered", _("Delivered")
    UNDELIVERED = "undelivered", _("Not delivered")


#: By delivery: what it may follow. Reports come in any order, and only go forward.
DELIVERY_AFTER = {
    Delivery.QUEUED: {Delivery.UNKNOWN},
    Delivery.SENT: {Delivery.UNKNOWN, Delivery.QUEUED},
    Delivery.DELIVERED: {Delivery.UNKNOWN, Delivery.QUEUED, Delivery.SENT},
    Delivery.UNDELIVERED: {Delivery.UNKNOWN, Delivery.QUEUED, Delivery.SENT},
}


class Verdict(TextChoices):
    """A provider's word on a code that it made."""

    APPROVED = "approved"
    WRONG = "wrong"
    EXPIRED = "expired"
    ALREADY_APPROVED = "already_approved"
    OPEN = "open"
    UNKNOWN = "unknown"


class GatewayReason(TextChoices):
    """Why a provider did not do what was asked."""

    OTHER = "other"
    TOO_FREQUENT = "too_frequent"
    EXPIRED = "expired"
    UNKNOWN_REFERENCE = "unknown_reference"
    INVALID_RECIPIENT = "invalid_recipient"
    NO_CREDIT = "no_credit"
    RATE_LIMITED = "rate_limited"
    BREAKER_OPEN = "breaker_open"
    EDGE_DOWN = "edge_down"
    QUEUE_DOWN = "queue_down"
    OVERTAKEN = "overtaken"


class EventKind(TextChoices):
    """What happened in a session, in the past tense. One row each, never changed."""

    SENT = "sent", _("Code sent")
    SEND_UNCERTAIN = "send_uncertain", _("Code maybe sent")
    NOT_SENT = "not_sent", _("Code not sent")
    WRONG_CODE = "wrong_code", _("Wrong code")
    ANSWER_LOST = "answer_lost", _("Provider's answer lost")
    NOT_COMPARED = "not_compared", _("Code not compared")
    APPROVED = "approved", _("Approved")
    LOCKED = "locked", _("Wrong code, out of attempts")
    CANCELLED = "cancelled", _("Cancelled")
    CONSUMED = "consumed", _("Proof used")
    DELIVERY = "delivery", _("Delivery reported")
    UNLOCKED = "unlocked", _("Unlocked by staff")
    STOPPED = "stopped", _("Put on the stop list")
    ALLOWED = "allowed", _("Taken from the stop list")
    LOGGED_IN = "logged_in", _("Logged in")
    DECOY = "decoy", _("Nothing sent: nobody has this number")
    TEST_CODE = "test_code", _("Test number: nothing sent")
    BOUND = "bound", _("Number bound to a user")
    UNBOUND = "unbound", _("Number taken from a user")
    NOTIFIED = "notified", _("Told that it was replaced")
    FACTOR_RESET = "factor_reset", _("Numbers of a user reset by staff")
    LIFTED = "lifted", _("Budget lifted by staff")
    ERASED = "erased", _("A person's data erased")


#: Purposes of the app's own. The first is public, codes for the others go to users' own numbers.
VERIFY = "verify"
LOGIN = "login"
CHANGE_PHONE = "change_phone"
SECOND_FACTOR = "second_factor"

#: Letters of a code, in D7's words (``otp_type``).
Alphabet = Literal["numeric", "alpha", "alphanumeric"]


class LimitName(TextChoices):
    """Limits that a site may observe before it enforces them."""

    SENDS_PER_ADDRESS = "sends_per_address"
    SENDS_PER_USER = "sends_per_user"
    WRONG_CODES_PER_ADDRESS = "wrong_codes_per_address"
    ALLOWED_COUNTRIES = "allowed_countries"
    NUMBER_TYPES = "number_types"
    PREFIX_BUDGET = "prefix_budget"
    COUNTRY_BUDGET = "country_budget"
    SITE_SENDS = "site_sends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks, as plain values. Made from a request by ``edge.make_requester``."""

    #: Client address as text, "" where it is not known.
    address: str = ""
    user_agent: str = ""
    #: Language tag, as in ``settings.LANGUAGE_CODE``; "" for the site's own.
    language: str = ""


#: What a person reads, by the ``text_code`` of an error.
ERROR_TEXTS = {
    "throttled": _("Please wait before you ask for another code."),
    "locked": _("Too many wrong codes for this number. Please wait before you try again."),
    "session_closed": _("This code can no longer be used. Please ask for a new one."),
    "invalid_recipient": _(
        "Enter a valid phone number with its country code, as in +44 7911 123456."
    ),
    "recipient_refused": _("We cannot send codes to this number."),
    "invalid_purpose": _("This is not something a code can be asked for."),
    "invalid_code": _("That is not the right code."),
    "malformed_code": _("Enter the code as it stands in the message."),
    "number_taken": _("This number belongs to another account."),
    "no_number": _("There is no phone number to send a code to."),
    "gateway_refused": _("The code could not be sent. You can try again at once."),
    "gateway_unreachable": _("The code service cannot be reached. Please try again in a moment."),
    "gateway_uncertain": _(
        "We do not know whether the code was sent. If a message arrives, you can still use it."
    ),
    "attempt_uncertain": _(
        "We could not learn whether that is the right code. Please try the same code again."
    ),
}
