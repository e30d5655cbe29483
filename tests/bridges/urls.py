from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from tests.urls import urlpatterns as of_all_tests

urlpatterns = [
    *of_all_tests,
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
]
