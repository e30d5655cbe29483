"""Pages of the example."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "demo"

urlpatterns = [path("", views.PhonePage.as_view(), name="phone")]
