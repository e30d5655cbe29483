"""Pages of the example: each shows one face of the app."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_d7verify.api.permissions import PhoneVerified
from django_d7verify.models import PhoneNumber
from django_d7verify.phones import mask_phone
from django_d7verify.web.second_factor import phone_verified_required


@method_decorator(never_cache, name="dispatch")
class PhonePage(TemplateView):
    """Send, resend, verify: one page for the whole life of a code, through the JSON API."""

    template_name = "demo/phone.html"


@method_decorator(never_cache, name="dispatch")
class AccountPage(LoginRequiredMixin, TemplateView):
    """Who is logged in, by phone or by password."""

    template_name = "demo/account.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        row = PhoneNumber.objects.filter(primary_of=self.request.user.pk).first()
        number = mask_phone(row.number) if row else ""
        return super().get_context_data(number=number, **kwargs)


@never_cache
@phone_verified_required(within_seconds=120)
def payout(request: HttpRequest) -> HttpResponse:
    """Behind a code of the last two minutes, whatever the login was."""
    return render(request, "demo/payout.html")


class PayoutView(APIView):
    """The same for an API."""

    permission_classes = [PhoneVerified(within_seconds=120)]

    def get(self, request: Request) -> Response:
        return Response({"paid": True})
