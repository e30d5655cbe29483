from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_otp.admin import OTPAdminSite
from django_otp.decorators import otp_required
from drf_spectacular.views import SpectacularAPIView
from two_factor.urls import urlpatterns as two_factor

from django_d7verify.contrib.otp.forms import PhoneAdminAuthenticationForm
from tests.urls import urlpatterns as of_all_tests


class PhoneAdminSite(OTPAdminSite):
    login_form = PhoneAdminAuthenticationForm


@otp_required
def secret(request: HttpRequest) -> HttpResponse:
    return HttpResponse("behind two factors")


urlpatterns = [
    *of_all_tests,
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("otp-admin/", PhoneAdminSite().urls),
    path("secret/", secret),
    path("", include(two_factor)),
    path("accounts/", include("allauth.urls")),
]
