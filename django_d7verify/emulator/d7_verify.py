"""
D7 Verify: the provider makes a code, sends it and compares it (gateway-apis A.7 to A.11).

V2 is served as an alias: its answers are documented nowhere (A.11).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from .d7_account import check_credit, check_token
from .d7_answers import invalid_number, log_missing, make_code_error, make_text_error
from .d7_fields import Fields, read_body, read_uuid
from .d7_texts import make_d7_text, read_originator
from .phones import find_number
from .records import OneTimeCode
from .tokens import is_same, make_code, make_id
from .wire import RefusalError, Request, Response, make_json
from .world import D7, World

DEFAULT_ORIGINATOR = "D7VERIFY"
DEFAULT_RETRY_DELAY = 60
DEFAULT_CODE_LENGTH = 6
#: What a template or a V2 flow of the dashboard says here.
TEMPLATE = "{} is your verification code."

#: Our wording: no document has these two answers (A.8).
NO_MORE_RESENDS = "Resend Failed. Maximum resend limit reached."
RESEND_AFTER_APPROVAL = "Resend Failed. OTP already verified."


def send_otp(world: World, request: Request) -> Response:
    """``POST /verify/v1/otp/send-otp`` (A.7)."""
    check_token(request)
    otp = _read_otp(world, read_body(request), is_v2=request.path.startswith("/verify/v2/"))
    check_credit(request)
    world.otps.put(otp.otp_id, otp)
    _send_code(world, otp, request.path)
    return make_json({"otp_id": otp.otp_id, "status": "OPEN", "expiry": otp.expiry})


def resend_otp(world: World, request: Request) -> Response:
    """``POST /verify/v1/otp/resend-otp`` (A.8)."""
    check_token(request)
    fields = Fields(read_body(request), "body")
    otp = _get_otp(world, _read_otp_id(fields))
    _check_resend(world, otp)
    check_credit(request)
    now = world.clock.now()
    otp.resends += 1
    otp.sent_at = now
    if not world.switches.resend_keeps_expiry:
        otp.expires_at = now + timedelta(seconds=otp.expiry)
    if world.switches.resend_new_otp_id:
        otp.otp_id = make_id()
        world.otps.put(otp.otp_id, otp)
    _send_code(world, otp, request.path)
    left = round((otp.expires_at - now).total_seconds())
    return make_json(
        {"otp_id": otp.otp_id, "status": "OPEN", "expiry": left, "resend_count": otp.resends}
    )


def verify_otp(world: World, request: Request) -> Response:
    """``POST /verify/v1/otp/verify-otp`` (A.9). Wrong codes are not limited."""
    check_token(request)
    fields = Fields(read_body(request), "body")
    fields.require("otp_code")
    # An int loses its leading zeros, as it would on the way to D7 (C3).
    code = fields.text("otp_code")
    otp = _get_otp(world, _read_otp_id(fields))
    right = True in [is_same(code, known) for known in otp.codes]
    status = _judge(world, otp, right=right)
    if status == "APPROVED":
        otp.approved = True
    _call_back(world, otp, status)
    return _make_verdict(status, alternative=world.switches.alternative_verify_answers)


def show_otp(world: World, request: Request) -> Response:
    """``GET /verify/v1/report/{otp_id}`` (A.10); only OPEN is documented."""
    check_token(request)
    otp_id = read_uuid(request.path.rpartition("/")[2], "path", "otp_id")
    otp = _get_otp(world, otp_id)
    if otp.approved:
        return make_json({"status": "APPROVED"})
    expired = world.clock.now() >= otp.expires_at
    return make_json({"status": "EXPIRED" if expired else "OPEN"})


def _read_otp(world: World, body: Mapping[str, object], *, is_v2: bool) -> OneTimeCode:
    """A new code as *body* asks for it. Raises ``RefusalError``."""
    switches = world.switches
    body = _with_recipient(body) if switches.lenient_recipients else body
    fields = Fields(body, "body")
    fields.require("recipient")
    if switches.verify_strict_fields and not is_v2:
        for name in ("originator", "expiry", "data_coding"):
            fields.require(name)
    number = fields.text("recipient")
    now = world.clock.now()
    expiry = fields.integer("expiry", switches.default_expiry, least=1)
    fields.choice("channel", ("sms", "whatsapp"), "sms")
    otp = OneTimeCode(
        otp_id=make_id(),
        recipient=find_number(number) or "",
        originator=read_originator(fields, DEFAULT_ORIGINATOR),
        content=_read_content(fields, is_v2=is_v2),
        data_coding=fields.choice(
            "data_coding", ("text", "unicode", "auto"), switches.default_data_coding
        ),
        otp_type=fields.choice("otp_type", ("numeric", "alpha", "alphanumeric"), "numeric"),
        length=fields.integer("otp_code_length", DEFAULT_CODE_LENGTH, least=2, most=10),
        expiry=expiry,
        retry_delay=fields.integer("retry_delay", DEFAULT_RETRY_DELAY),
        retry_count=fields.integer("retry_count", switches.default_retry_count),
        success_url=fields.url("success_url"),
        failure_url=fields.url("failure_url"),
        sent_at=now,
        expires_at=now + timedelta(seconds=expiry),
    )
    fields.check()
    if not otp.recipient:
        raise RefusalError(invalid_number(switches.invalid_number_status))
    return otp


def _with_recipient(body: Mapping[str, object]) -> Mapping[str, object]:
    """C1: ``recipients``, a text or a list of one, in place of ``recipient``."""
    recipients = body.get("recipients")
    if isinstance(recipients, list) and len(recipients) == 1:
        recipients = recipients[0]
    if body.get("recipient") is not None or not isinstance(recipients, str | int):
        return body
    return {**body, "recipient": recipients}


def _read_content(fields: Fields, *, is_v2: bool) -> str:
    if is_v2:
        fields.require("flow_id")
        return TEMPLATE
    if fields.has("template_id"):
        fields.integer("template_id", 0)
        return TEMPLATE
    content = fields.required_text("content")
    if content and "{}" not in content:
        fields.refuse("content", "content must contain the placeholder {}", "value_error")
    return content


def _send_code(world: World, otp: OneTimeCode, path: str) -> None:
    """Make a new code and put it on the phone."""
    code = make_code(otp.otp_type, otp.length)
    kept = otp.codes if world.switches.resend_keeps_old_code else []
    otp.codes = [*kept, code]
    # Not str.format: the customer's text may hold anything between braces.
    text = otp.content.replace("{}", code, 1)
    shown = make_d7_text(text, otp.data_coding, world.switches.d7_text_profile)
    world.put_message(
        provider=D7,
        path=path,
        recipient=otp.recipient,
        originator=otp.originator,
        text=shown.text,
        encoding=shown.encoding,
        parts=shown.parts,
        reference=otp.otp_id,
        code=code,
    )


def _read_otp_id(fields: Fields) -> str:
    fields.require("otp_id")
    text = fields.text("otp_id")
    fields.check()
    return read_uuid(text, "body", "otp_id")


def _get_otp(world: World, otp_id: str) -> OneTimeCode:
    otp = world.otps.find(otp_id)
    if otp is None:
        raise RefusalError(log_missing("otp"))
    return otp


def _check_resend(world: World, otp: OneTimeCode) -> None:
    """Raise ``RefusalError`` 400; the order of checks is that of A.8."""
    now = world.clock.now()
    if otp.approved:
        raise RefusalError(make_text_error(400, RESEND_AFTER_APPROVAL))
    if now >= otp.expires_at:
        raise RefusalError(make_text_error(400, "Resend Failed. OTP time limit expired."))
    if otp.resends >= otp.retry_count:
        raise RefusalError(make_text_error(400, NO_MORE_RESENDS))
    if now < otp.sent_at + timedelta(seconds=otp.retry_delay):
        text = (
            f"Frequent resend request, resend request need minimum {otp.retry_delay} seconds delay"
        )
        raise RefusalError(make_text_error(400, text))


def _judge(world: World, otp: OneTimeCode, *, right: bool) -> str:
    """The word of P:Verify-OTP for one comparison."""
    if otp.approved:
        return "ALREADY_VERIFIED" if right else "FAILED"
    if world.clock.now() >= otp.expires_at:
        return "EXPIRED"
    return "APPROVED" if right else "FAILED"


def _make_verdict(status: str, *, alternative: bool) -> Response:
    """C9: failures are 400 by S0 and 200 by the newer page; ALREADY_VERIFIED the reverse."""
    as_word = status == "APPROVED" or alternative is (status != "ALREADY_VERIFIED")
    if as_word:
        return make_json({"status": status})
    return make_code_error(400, "INVALID_OTP_CODE", "Invalid OTP code or OTP code expired")


def _call_back(world: World, otp: OneTimeCode, status: str) -> None:
    """F.2: our own invention, behind a switch."""
    if world.switches.verify_callbacks == "verification":
        url = otp.success_url if status == "APPROVED" else otp.failure_url
        fields = {"otp_id": otp.otp_id, "recipient": otp.recipient, "status": status}
        world.call_back(url, fields)
