"""The API, the pages, delivery reports and the admin of the app, and the demo's own pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("api/otp/", include("django_d7verify.api.urls")),
    path("otp/reports/", include("django_d7verify.webhooks")),
    path("login/", include("django_d7verify.web.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("demo.urls")),
]
