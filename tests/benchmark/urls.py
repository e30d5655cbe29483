"""The API, and the floors beside it."""

from __future__ import annotations

from django.urls import include, path

from . import floors

urlpatterns = [
    path("api/otp/", include("django_d7verify.api.urls")),
    path("floor/insert/", floors.OneInsert.as_view()),
    path("floor/update/", floors.OneUpdate.as_view()),
    *(
        path(f"floor/{name}/", floors.OurStatements.as_view(operation=name))
        for name in ("send", "right", "wrong")
    ),
    path("floor/tell/", floors.tell),
]
