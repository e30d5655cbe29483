"""The API under ``/api/otp/`` and the page that tries it under ``/``."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("api/otp/", include("django_d7verify.api.urls")),
    path("", include("demo.urls")),
]
