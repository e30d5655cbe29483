"""``path("login/", include("django_d7verify.web.urls"))`` and ``LOGIN_URL = "d7verify:number"``."""

from __future__ import annotations

from django.urls import path

from .errands import ChangeNumber, Login, SecondFactor
from .views import CodePage, DeliveryPage, DonePage, ResendPage, StartPage

app_name = "d7verify"

_login = Login()
_factor = SecondFactor()
_change = ChangeNumber()

urlpatterns = [
    path("", StartPage.as_view(errand=_login), name="number"),
    path("code/", CodePage.as_view(errand=_login), name="code"),
    path("resend/", ResendPage.as_view(errand=_login), name="resend"),
    path("done/", DonePage.as_view(errand=_login), name="done"),
    path("change/", StartPage.as_view(errand=_change), name="change"),
    path("change/code/", CodePage.as_view(errand=_change), name="change_code"),
    path("change/resend/", ResendPage.as_view(errand=_change), name="change_resend"),
    path("change/delivery/", DeliveryPage.as_view(errand=_change), name="change_delivery"),
    path(
        "change/done/",
        DonePage.as_view(errand=_change, template_name="d7verify/change_done.html"),
        name="change_done",
    ),
    path("second-factor/", StartPage.as_view(errand=_factor), name="second_factor"),
    path("second-factor/code/", CodePage.as_view(errand=_factor), name="second_factor_code"),
    path("second-factor/resend/", ResendPage.as_view(errand=_factor), name="second_factor_resend"),
    path(
        "second-factor/delivery/",
        DeliveryPage.as_view(errand=_factor),
        name="second_factor_delivery",
    ),
]
