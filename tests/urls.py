from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("api/otp/", include("django_d7verify.api.urls")),
    path("otp/reports/", include("django_d7verify.webhooks")),
    path("admin/", admin.site.urls),
    path("login/", include("django_d7verify.web.urls")),
    path("pages/", include("tests.web.guarded")),
]
