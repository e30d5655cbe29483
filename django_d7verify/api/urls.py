"""``path("api/otp/", include("django_d7verify.api.urls"))``."""

from __future__ import annotations

from django.urls import path

from . import logins, views

app_name = "d7verify_api"

urlpatterns = [
    path("send/", views.SendView.as_view(), name="send"),
    path("resend/", views.ResendView.as_view(), name="resend"),
    path("verify/", views.VerifyView.as_view(), name="verify"),
    path("cancel/", views.CancelView.as_view(), name="cancel"),
    path("login/send/", logins.LoginSendView.as_view(), name="login_send"),
    path("login/verify/", logins.LoginVerifyView.as_view(), name="login_verify"),
    path("<str:otp_id>/", views.StateView.as_view(), name="state"),
]
