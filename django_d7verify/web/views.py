"""The steps of an errand. Views parse, make one service call, and answer."""

from __future__ import annotations

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_variables

from django_d7verify import edge, services
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    ConfigurationError,
    D7VerifyError,
    GatewayRefused,
    GatewayUncertain,
    Refused,
    SessionClosed,
)
from django_d7verify.services import OTP, LoginResult, VerifyResult
from django_d7verify.words import SessionStatus

from .errands import find_masked_number
from .pages import Page
from .problems import Problem, make_problem, make_wrong_code
from .sentences import describe_delivery, describe_expiry, describe_resend

_ANSWERED = (D7VerifyError, ConfigurationError, OperationalError)


class StartPage(Page):
    """The first step: whom to send a code to. Only its POST sends."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; remembers ``next``."""
        refusal = self.errand.find_start_refusal(request)
        if refusal:
            return refusal
        self.flow.remember_next()
        return self.render_start()

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponse:
        """Send a code, and lead to its page."""
        refusal = self.errand.find_start_refusal(request)
        if refusal:
            return refusal
        flow = self.flow
        try:
            edge.claim_send(request)
            otp_id = self.errand.begin(request, flow).otp_id
        except _ANSWERED as error:
            # Maybe sent: a message that comes late can still be used.
            maybe_sent = error.otp_id if isinstance(error, GatewayUncertain) else None
            if not maybe_sent:
                typed = request.POST.get("recipient", "")[:64]
                return self.render_start(make_problem(error), typed=typed)
            otp_id = maybe_sent
            flow.leave_note(GatewayUncertain.code)
        flow.begin(otp_id)
        return self.redirect(self.errand.code_url)


class _OpenPage(Page):
    """A step of a session that was begun."""

    def find_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Who has no code is led to the first step, and a form for another code to the newest."""
        refusal = self.errand.find_refusal(request)
        if refusal:
            return refusal
        flow = self.flow
        if not flow.otp_id:
            return self.lead_to_start()
        if request.method == "POST" and request.POST.get("form", "") != flow["form"]:
            return self.lead_back("other_tab")
        return None

    def close(self, note: str) -> HttpResponse:
        """The session is over: lead to the first step, which says why."""
        self.flow.close()
        return self.lead_to_start(note)

    def render_code(self, problem: Problem | None = None) -> HttpResponse:
        """The page that asks for the code, as its session stands now."""
        errand, flow = self.errand, self.flow
        try:
            otp = services.get_otp(flow.otp_id)
        except SessionClosed as error:
            return self.close(error.code)
        if otp.status != SessionStatus.OPEN:
            # Failed: a worker could not send it, after the answer.
            was_sent = otp.status != SessionStatus.FAILED
            return self.close(SessionClosed.code if was_sent else GatewayRefused.code)
        if otp.purpose not in conf.PURPOSES:  # The site's settings have changed since.
            return self.close(SessionClosed.code)
        purpose = conf.get_purpose(otp.purpose)
        context = {
            "otp": otp,
            "recipient": otp.masked_recipient,
            "form_word": flow["form"],
            "expiry_text": describe_expiry(otp.expiry),
            "is_numeric": purpose.code_alphabet == "numeric",
            "code_length": purpose.code_length,
            "sign_up": conf.SIGN_UP,
            "start_url": reverse(f"d7verify:{errand.start_url}"),
            "code_url": reverse(f"d7verify:{errand.code_url}"),
            "resend_url": reverse(f"d7verify:{errand.resend_url}"),
        }
        if otp.resend_after:
            context["resend_text"] = describe_resend(otp.resend_after)
            context["clock_html"] = _make_clock(otp.resend_after)
        if errand.delivery_url:
            context["delivery_url"] = reverse(f"d7verify:{errand.delivery_url}")
            context["delivery_text"] = _describe_delivery(otp)
        return self.render(errand.code_template, problem, **context)


class CodePage(_OpenPage):
    """The second step: the code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for it."""
        return self.find_refusal(request) or self.render_code()

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponse:
        """Try it."""
        refusal = self.find_refusal(request)
        if refusal:
            return refusal
        try:
            edge.check_attempt(request)
            return self.answer(self.errand.try_code(request, self.flow))
        except SessionClosed as error:
            return self.close(error.code)
        except _ANSWERED as error:
            return self.render_code(make_problem(error))

    @sensitive_variables()
    def answer(self, result: VerifyResult | LoginResult) -> HttpResponse:
        """To a code that was compared."""
        if result.approved:
            try:
                return HttpResponseRedirect(self.errand.finish(self.request, self.flow, result))
            except Refused as error:
                return self.close(error.code)
        edge.count_wrong_code(self.request)
        if result.status != SessionStatus.OPEN:
            return self.close("out_of_attempts")
        return self.render_code(make_wrong_code(result.attempts_left))


class ResendPage(_OpenPage):
    """``POST``: send the session's next code."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Send it, and lead back to the code's page."""
        refusal = self.find_refusal(request)
        if refusal:
            return refusal
        try:
            edge.claim_send(request)
            services.resend_otp(self.flow.otp_id, requester=edge.make_requester(request))
        except SessionClosed as error:
            return self.close(error.code)
        except GatewayUncertain as error:
            return self.lead_back(error.code)
        except _ANSWERED as error:
            return self.render_code(make_problem(error))
        return self.lead_back("resent")


class DeliveryPage(_OpenPage):
    """``GET``: how the newest message fares, as JSON, for who is known already."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer the word and a sentence; empty ones where nothing is known or asked."""
        if self.errand.find_refusal(request) is None and self.flow.otp_id:
            try:
                otp = services.get_otp(self.flow.otp_id)
                return JsonResponse({"delivery": otp.delivery, "text": _describe_delivery(otp)})
            except SessionClosed:
                pass
        return JsonResponse({"delivery": "", "text": ""})


class DonePage(Page):
    """The last step."""

    template_name: str = "d7verify/done.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Say that it is done; who is not signed in is led to the first step."""
        if not request.user.is_authenticated:
            return self.redirect("number")
        return self.render(
            self.template_name,
            None,
            recipient=find_masked_number(request.user),
            home_url=resolve_url(conf.home_url or "/"),
        )


def _describe_delivery(otp: OTP) -> str:
    return describe_delivery(otp.delivery, otp.delivery_seconds)


def _make_clock(seconds: int) -> str:
    """A countdown as ``1:05``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return format_html('<bdi dir="ltr" data-d7v-clock>{}</bdi>', text)
