"""Pages of a site that ask for a proven phone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View

from django_d7verify.web.second_factor import PhoneVerifiedRequired, phone_verified_required


@phone_verified_required()
def lately(request: HttpRequest) -> HttpResponse:
    return HttpResponse("lately")


@phone_verified_required(within_seconds=3600, purpose="transfer")
def transfer(request: HttpRequest, amount: int) -> HttpResponse:
    return HttpResponse(f"transfer {amount}")


class Keys(PhoneVerifiedRequired, View):
    within_seconds = 60

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("keys")


def anybody(request: HttpRequest) -> HttpResponse:
    user = request.user
    return HttpResponse(user.get_username() if user.is_authenticated else "nobody")


urlpatterns = [
    path("anybody/", anybody),
    path("lately/", lately),
    path("transfer/<int:amount>/", transfer),
    path("keys/", Keys.as_view()),
]
