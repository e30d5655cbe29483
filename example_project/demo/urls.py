"""Pages of the example."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from . import views

app_name = "demo"

urlpatterns = [
    path("", views.PhonePage.as_view(), name="phone"),
    path("account/", views.AccountPage.as_view(), name="account"),
    path("payout/", views.payout, name="payout"),
    path("password/", LoginView.as_view(template_name="demo/password.html"), name="password"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("api/payout/", views.PayoutView.as_view(), name="api_payout"),
]
