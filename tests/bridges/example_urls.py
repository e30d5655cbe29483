from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView
from example_site.urls import urlpatterns as of_example

urlpatterns = [path("api/schema/", SpectacularAPIView.as_view(), name="schema"), *of_example]
