"""What all pages have in common: headers, forms that are this site's own, and what a note says."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from .errands import Errand, Login
from .flows import Flow
from .headers import add_headers
from .problems import GOOD_NOTES, NO_COOKIES, NOTES, Problem

logger = logging.getLogger("django.security.csrf")


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, as a question: its answer is for who sees what went wrong."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        logger.warning("Forbidden (%s): %s", reason, request.path)
        return HttpResponse(status=403)


# Exempt from the site's middleware, because the same check is made here: signing in gives a new
# token, so a form of another tab would else be answered by a bare 403.
@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
@method_decorator(sensitive_post_parameters(), name="dispatch")
class Page(View):
    """Base of the pages. *errand* is given by ``urls``, by default the login."""

    errand: Errand = Login()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer with the pages' headers; a form that is not from here is led to the newest one."""
        # So is every form; to one that is said to be otherwise Django has a 500 where DEBUG is off.
        request.encoding = "utf-8"
        check = _CsrfCheck(lambda _request: HttpResponse())
        check.process_request(request)
        if check.process_view(request, super().dispatch, (), {}) is None:
            response = super().dispatch(request, *args, **kwargs)
        else:
            response = self.answer_stale_form()
        response = check.process_response(request, response)
        return add_headers(response)

    @property
    def flow(self) -> Flow:
        """What the session remembers of the errand."""
        return Flow(self.request, self.errand.name)

    def answer_stale_form(self) -> HttpResponse:
        """Say so kindly, and do nothing."""
        if not self.request.COOKIES:
            return self.render_start(Problem(text=str(NO_COOKIES), status=403))
        refusal = self.errand.find_refusal(self.request)
        return refusal or self.lead_back("stale")

    def lead_back(self, note: str) -> HttpResponse:
        """To where the errand stands: the newest code's page, or else the first one."""
        flow = self.flow
        if flow.otp_id:
            flow.leave_note(note)
            return self.redirect(self.errand.code_url)
        return self.lead_to_start(note)

    def lead_to_start(self, note: str = "") -> HttpResponse:
        """To the first page, or past it for who needs it no longer."""
        if note:
            self.flow.leave_note(note)
        return HttpResponseRedirect(self.errand.get_lost_url(self.request))

    def redirect(self, url_name: str) -> HttpResponse:
        """To a page of ours."""
        return HttpResponseRedirect(reverse(f"d7verify:{url_name}"))

    @sensitive_variables()
    def render_start(self, problem: Problem | None = None, **context: Any) -> HttpResponse:
        """The errand's first page."""
        errand = self.errand
        context = {**errand.make_start_context(self.request), **context}
        if self.flow.otp_id:
            context["code_url"] = reverse(f"d7verify:{errand.code_url}")
        return self.render(errand.start_template, problem, **context)

    @sensitive_variables()
    def render(self, template: str, problem: Problem | None, **context: Any) -> HttpResponse:
        """*template* with what went wrong, or with the note that was left."""
        note = self.flow.take_note() if self.request.method == "GET" else ""
        if note in GOOD_NOTES:
            context["news"] = NOTES[note]
        elif note in NOTES:
            problem = problem or Problem(text=str(NOTES[note]), status=200)
        context["problem"] = problem
        context["masked_number"] = show_number(context.get("recipient", ""))
        response = render(
            self.request, template, context, status=problem.status if problem else 200
        )
        if problem and problem.retry_after is not None:
            response["Retry-After"] = str(problem.retry_after)
        return response


def show_number(masked: str) -> str:
    """*masked* for a page of either direction; "" for ""."""
    return format_html('<bdi class="d7v-number" dir="ltr">{}</bdi>', masked) if masked else ""
