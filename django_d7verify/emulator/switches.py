"""The documented alternatives: where sources contradict each other, both can be served."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Final

#: Switches that are one of a few words or numbers.
CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "default_data_coding": ("auto", "text"),
    "verify_callbacks": ("off", "verification", "delivery"),
    "invalid_number_status": (400, 422),
    "undelivered_spelling": ("un_delivered", "undelivered"),
    "d7_text_profile": ("standard", "documented", "153_63"),
    "report_format": ("form", "multipart", "json"),
    "messenger_report_values": ("words", "kannel"),
    "messenger_no_credit_status": (402, 422),
}


@dataclass(slots=True)
class Switches:
    """
    Every switch with its default. Sections are those of gateway-apis.

    Contradictions that need no switch: C3, C6, C13, C14, C16, C17, C21 and C23 (both
    forms are always taken), C8, C12 (both shapes occur), C5, C15, C18 (one is an error).
    """

    #: C1: Verify also takes ``recipients``, as a text or a list of one.
    lenient_recipients: bool = False
    #: C2, C19: the fields that S0 stars (originator, expiry, data_coding) are required.
    verify_strict_fields: bool = False
    #: C4: ``/verify/v1/verify-otp`` and ``/verify/v1/resend-otp`` work too.
    short_verify_paths: bool = False
    #: C19: taken where the request has none. 300, 3 and "text" are the other documents'.
    default_expiry: int = 600
    default_retry_count: int = 5
    default_data_coding: str = "auto"
    #: C7: a resend answers with a new id; old and new then name the same code.
    resend_new_otp_id: bool = False
    #: G6: a resend does not start the expiry again.
    resend_keeps_expiry: bool = False
    #: G7: codes sent before a resend still work.
    resend_keeps_old_code: bool = False
    #: C9: 200 FAILED, 200 EXPIRED and 400 for a code that was used.
    alternative_verify_answers: bool = False
    #: C20, F.2: POST to ``success_url`` and ``failure_url`` on a verification, or on delivery.
    verify_callbacks: str = "off"
    #: A.12: how D7 refuses what is not a phone number.
    invalid_number_status: int = 400
    #: A.5: seconds for which the message log does not know a request yet.
    message_log_delay: float = 0.0
    #: C10: D7's word for a failed delivery.
    undelivered_spelling: str = "un_delivered"
    #: C22, section D.
    d7_text_profile: str = "standard"
    #: C24, F.1: how D7 posts its reports.
    report_format: str = "form"
    #: F.1: how often a report is posted again while the answer is not 200.
    report_retries: int = 3
    #: From acceptance to ``sent``, and from there to ``delivered``, on the emulator's clock.
    report_delay_seconds: float = 0.1
    #: C11: Messenger's SMS answers say "Success" in ``message``, not in ``status``.
    messenger_marker_message: bool = False
    #: B.2: Messenger takes an SMS by GET too.
    accept_get_sms: bool = False
    #: B.2: Messenger's SMS answers carry the warning of a low balance.
    messenger_low_balance: bool = False
    #: G17: HTTP status of Messenger's answer to an account without credit.
    messenger_no_credit_status: int = 402
    #: B.1: without ``Accept: application/json`` Messenger's errors are redirects.
    messenger_redirects: bool = True
    #: G22: Messenger's pins are digits only.
    messenger_numeric_pins: bool = False
    #: F.4: what Messenger puts for ``%dlr%``.
    messenger_report_values: str = "words"

    def set(self, /, **values: object) -> None:
        """Set several at once, or none: raises ``ValueError`` that names what does not fit."""
        known = {field.name: field for field in fields(self)}
        checked: dict[str, object] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"Unknown switch {name!r}; known are {', '.join(known)}.")
            checked[name] = _check(name, value, known[name].default)
        for name, value in checked.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, object]:
        """Every switch with its current value."""
        return asdict(self)

    def reset(self) -> None:
        """Put every switch back to its default."""
        for field in fields(self):
            setattr(self, field.name, field.default)


def _check(name: str, value: object, default: object) -> object:
    if name in CHOICES:
        # 1 == True, so the type is compared as well.
        if type(value) is not type(default) or value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, CHOICES[name]))}.")
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false.")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number.")
    if isinstance(default, int) and not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number.")
    # Written so that NaN fails too.
    if not 0 <= value <= _MOST:
        raise ValueError(f"{name} must be from 0 to {_MOST}.")
    return value


#: About thirty years in seconds; keeps dates in range.
_MOST = 1_000_000_000
