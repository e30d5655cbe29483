"""
The three errands that have the same steps: sign in, change the number, give a second factor.

Each says what is its own: whom it admits, how a code is sent and tried, what a right one does.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from django_d7verify import edge, services
from django_d7verify.conf import conf
from django_d7verify.exceptions import SessionClosed
from django_d7verify.phone_stores import get_phone_store
from django_d7verify.phones import mask_phone
from django_d7verify.services import OTP, LoginResult, VerifyResult
from django_d7verify.token_strategies import SessionStrategy
from django_d7verify.words import CHANGE_PHONE, LOGIN, SECOND_FACTOR

from . import second_factor
from .flows import Flow
from .sessions import is_mark, read_mark, remember_number

#: Purposes whose codes do something else.
_ELSEWHERE = {LOGIN, CHANGE_PHONE}


class Errand(ABC):
    """One errand. Holds no state: ``Flow`` does."""

    #: Also the purpose of its codes, and of what the session remembers.
    name: ClassVar[str]
    start_template: ClassVar[str]
    code_template: ClassVar[str]
    #: Names of its addresses, in ``urls``; no delivery where the person is not known yet.
    start_url: ClassVar[str]
    code_url: ClassVar[str]
    resend_url: ClassVar[str]
    delivery_url: ClassVar[str] = ""

    def find_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Where who may not be here is led, or None."""
        return None

    def find_start_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """The same, for the first step only: what it asks is asked once."""
        return self.find_refusal(request)

    def make_start_context(self, request: HttpRequest) -> dict[str, Any]:
        """What its first page shows beside the form."""
        return {}

    def get_purpose(self, flow: Flow) -> str:
        """What its codes are for."""
        return self.name

    def get_lost_url(self, request: HttpRequest) -> str:
        """Where who has no code to enter is led."""
        return reverse(f"d7verify:{self.start_url}")

    @abstractmethod
    def begin(self, request: HttpRequest, flow: Flow) -> OTP:
        """Send the first code of *request*'s form. Raises as ``services.send_otp``."""

    @abstractmethod
    def try_code(self, request: HttpRequest, flow: Flow) -> VerifyResult | LoginResult:
        """Try the code of *request*'s form. Raises as ``services.verify_otp``."""

    @abstractmethod
    def finish(self, request: HttpRequest, flow: Flow, result: Any) -> str:
        """
        Do what an approved code allows; answers where to go.

        Raises ``SessionClosed`` or ``NumberTaken`` where it allows it no longer.
        """


class Login(Errand):
    """Sign in, by a number alone."""

    name = LOGIN
    start_template = "d7verify/number.html"
    code_template = "d7verify/code.html"
    start_url = "number"
    code_url = "code"
    resend_url = "resend"

    def make_start_context(self, request: HttpRequest) -> dict[str, Any]:
        """Whether a number that nobody has can become a user."""
        return {"sign_up": conf.SIGN_UP}

    def get_lost_url(self, request: HttpRequest) -> str:
        """An older page of who has signed in meanwhile leads to the last one."""
        is_done = request.user.is_authenticated
        return reverse(f"d7verify:{'done' if is_done else 'number'}")

    @sensitive_variables()
    def begin(self, request: HttpRequest, flow: Flow) -> OTP:
        """Known number or not: the same."""
        return services.send_login_otp(
            request.POST.get("recipient", ""), requester=edge.make_requester(request)
        )

    @sensitive_variables()
    def try_code(self, request: HttpRequest, flow: Flow) -> LoginResult:
        """Uses the session up where the code is right, so a wrong setting is said before."""
        SessionStrategy()
        return services.verify_login(
            flow.otp_id, read_code(request), requester=edge.make_requester(request)
        )

    def finish(self, request: HttpRequest, flow: Flow, result: LoginResult) -> str:
        """Sign in, with a new session key."""
        # Before: where somebody else was signed in, their session goes with all that is in it.
        url = flow.end()
        SessionStrategy().issue(request, result.user)
        return url or (resolve_url(conf.home_url) if conf.home_url else reverse("d7verify:done"))


class _OwnErrand(Errand):
    """Of who is signed in, about their own number."""

    def find_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Only who is signed in."""
        if request.user.is_authenticated:
            return None
        return redirect_to_login(request.get_full_path())

    def make_start_context(self, request: HttpRequest) -> dict[str, Any]:
        """The number that the user has now, masked; "" for none."""
        return {"recipient": find_masked_number(request.user)}

    @sensitive_variables()
    def try_code(self, request: HttpRequest, flow: Flow) -> VerifyResult:
        """For the very purpose that the code was sent for."""
        return services.verify_otp(
            flow.otp_id,
            read_code(request),
            purpose=self.get_purpose(flow),
            requester=edge.make_requester(request),
        )

    def note_number(self, request: HttpRequest, flow: Flow) -> None:
        """Remember which number the user has now: the code is good only while they have it."""
        flow.remember(number=read_mark(request.user))

    def check_number(self, request: HttpRequest, flow: Flow) -> None:
        """Raise ``SessionClosed`` where it is another by now, or was none: that is not proven."""
        if not is_mark(flow["number"], request.user):
            raise SessionClosed("The number was changed meanwhile.")


class SecondFactor(_OwnErrand):
    """Prove the number that the signed-in user has."""

    name = SECOND_FACTOR
    start_template = "d7verify/second_factor.html"
    code_template = "d7verify/second_factor_code.html"
    start_url = "second_factor"
    code_url = "second_factor_code"
    resend_url = "second_factor_resend"
    delivery_url = "second_factor_delivery"

    def find_start_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Remembers what the proof is asked for, too."""
        refusal = self.find_refusal(request)
        if refusal is None and request.method == "GET" and "next" in request.GET:
            purpose = request.GET.get("purpose", self.name)
            known = purpose if purpose in conf.PURPOSES.keys() - _ELSEWHERE else self.name
            Flow(request, self.name).remember(purpose=known)
        return refusal

    def make_start_context(self, request: HttpRequest) -> dict[str, Any]:
        """And where a first one is added."""
        query = urlencode({"next": Flow(request, self.name)["next"]})
        add_url = f"{reverse('d7verify:change')}?{query}"
        return {**super().make_start_context(request), "add_url": add_url}

    def get_purpose(self, flow: Flow) -> str:
        """The one that a page asked for, if the site still has it."""
        purpose = flow["purpose"]
        return purpose if purpose in conf.PURPOSES else self.name

    def begin(self, request: HttpRequest, flow: Flow) -> OTP:
        """To the user's own number, whatever the form says."""
        self.note_number(request, flow)
        return services.send_second_factor_otp(
            request.user,
            purpose=self.get_purpose(flow),
            requester=edge.make_requester(request),
        )

    def finish(self, request: HttpRequest, flow: Flow, result: VerifyResult) -> str:
        """Remember the proof, of the number that the user still has."""
        self.check_number(request, flow)
        second_factor.remember_proof(request, self.get_purpose(flow))
        return flow.end() or reverse("d7verify:done")


class ChangeNumber(_OwnErrand):
    """Prove a new number, and have it in place of the one before."""

    name = CHANGE_PHONE
    start_template = "d7verify/change.html"
    code_template = "d7verify/change_code.html"
    start_url = "change"
    code_url = "change_code"
    resend_url = "change_resend"
    delivery_url = "change_delivery"

    def find_start_refusal(self, request: HttpRequest) -> HttpResponse | None:
        """
        Who has a number proves it first, within ``STEP_UP_SECONDS``.

        A first number needs no proof: then there is no second factor that it could pass by.
        """
        refusal = self.find_refusal(request)
        if refusal or not get_phone_store().find_number(request.user):
            return refusal
        return second_factor.find_refusal(request, within_seconds=None, purpose=SECOND_FACTOR)

    @sensitive_variables()
    def begin(self, request: HttpRequest, flow: Flow) -> OTP:
        """To the new number; remembers what it would replace."""
        self.note_number(request, flow)
        return services.send_number_otp(
            request.POST.get("recipient", ""),
            user=request.user,
            requester=edge.make_requester(request),
        )

    def finish(self, request: HttpRequest, flow: Flow, result: VerifyResult) -> str:
        """
        Bind the number.

        It counts as a second factor: this browser has just proven the number that it now is.
        """
        self.check_number(request, flow)
        services.bind_number(result.otp, user=request.user, requester=edge.make_requester(request))
        remember_number(request)
        second_factor.remember_proof(request, SECOND_FACTOR)
        return flow.end() or reverse("d7verify:change_done")


@sensitive_variables()
def read_code(request: HttpRequest) -> str:
    """The code of a form, with digits of other scripts as ASCII; anything else as it came."""
    text = request.POST.get("otp_code", "")
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in text[:64])


def find_masked_number(user: Any) -> str:
    """The number that *user* has, masked; "" for none."""
    number = get_phone_store().find_number(user)
    return mask_phone(number) if number else ""
