"""
A site's own code over the app, as its author types it: nothing here needs a cast or an ignore.

Checked by ``make types``, by mypy and by pyright, both strict; it is never run.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_d7verify import edge, services, signals
from django_d7verify.api.permissions import PhoneVerified
from django_d7verify.conf import conf
from django_d7verify.dispatching import Dispatcher
from django_d7verify.exceptions import (
    GatewayError,
    GatewayUncertain,
    GatewayUnreachable,
    Refused,
    Throttled,
)
from django_d7verify.gateways.base import CodeMessage, Gateway, Receipt
from django_d7verify.phone_stores import PhoneStore
from django_d7verify.services import OTP, LoginResult, VerifyResult
from django_d7verify.token_strategies import TokenStrategy
from django_d7verify.words import Delivery, Requester, SessionStatus

D7VERIFY: dict[str, Any] = {
    "GATEWAYS": {"default": {"BACKEND": "tests.typed_site.phone.Pager", "OPTIONS": {"page": 7}}},
    "PHONE_STORE": "tests.typed_site.phone.Profiles",
    "TOKEN_STRATEGY": "tests.typed_site.phone.Tickets",
    "DISPATCHER": "tests.typed_site.phone.Queue",
}


# Services.


def send(request: HttpRequest) -> HttpResponse:
    try:
        otp = services.send_otp(request.POST["phone"], requester=edge.make_requester(request))
    except Throttled as error:
        assert_type(error.retry_after_seconds, int)
        return JsonResponse({"wait": error.retry_after_seconds}, status=429)
    except GatewayUncertain as error:
        assert_type(error.otp_id, str | None)
        return JsonResponse({"otp_id": error.otp_id}, status=504)
    except (Refused, GatewayError) as error:
        assert_type(error.code, str)
        return JsonResponse({"code": error.code}, status=400)
    assert_type(otp, OTP)
    assert_type(otp.status, SessionStatus)
    assert_type(otp.resend_after, int | None)
    assert_type(otp.delivery, Delivery)
    return JsonResponse({"otp_id": otp.otp_id, "to": otp.masked_recipient})


def verify(request: HttpRequest) -> HttpResponse:
    result = services.verify_otp(request.POST["otp_id"], request.POST["code"], purpose="verify")
    assert_type(result, VerifyResult)
    assert_type(result.attempts_left, int)
    if not result.approved:
        return HttpResponse(status=400)
    proof = services.make_verification_token(result.otp)
    assert_type(proof, str)
    return HttpResponse(proof)


def log_in(otp_id: str, code: str, now: datetime) -> LoginResult:
    return services.verify_login(otp_id, code, requester=Requester(address="::1"), now=now)


def step_up(user: User) -> bool:
    otp = services.send_second_factor_otp(user)
    services.cancel_otp(otp.otp_id)
    return services.is_verified(user, within_seconds=conf.STEP_UP_SECONDS)


class Payout(APIView):
    permission_classes = [IsAuthenticated, PhoneVerified(within_seconds=300)]

    def post(self, request: Request) -> Response:
        return Response(status=204)


# Signals.


@receiver(signals.otp_approved)
def count_approval(sender: object, otp: OTP, requester: Requester, **_: object) -> None:
    assert_type(otp.purpose, str)
    assert_type(requester.address, str)


@receiver(signals.otp_send_failed)
def tell_staff(sender: object, otp: OTP, error: GatewayError, **_: object) -> None:
    assert_type(error.reason, str)


# What a site plugs in.


class Pager(Gateway):
    def __init__(self, *, alias: str, page: int) -> None:
        super().__init__(alias=alias)
        self.page = page

    def send(self, message: CodeMessage) -> Receipt:
        if not message.code:
            raise GatewayUnreachable("No code.")
        return Receipt(reference=f"{self.page}-{message.text}")

    def get_balance(self) -> Decimal | None:
        return Decimal(1)


class Queue(Dispatcher):
    def dispatch(self, otp_id: str, generation: int) -> None:
        services.deliver_otp(otp_id, generation)


class Profiles(PhoneStore):
    def find_user(self, number: str) -> User | None:
        return User.objects.filter(username=number).first()

    def find_number(self, user: User) -> str:
        return user.username

    def bind(self, user: User, number: str, *, now: datetime) -> str:
        before, user.username = user.username, number
        user.save()
        return before

    def remove_all(self, user: User) -> list[str]:
        return [user.username]


class Tickets(TokenStrategy):
    def issue(self, request: HttpRequest, user: User) -> dict[str, Any]:
        return {"ticket": str(user.pk)}
