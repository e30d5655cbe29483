from django.urls import include, path

urlpatterns = [path("api/otp/", include("django_d7verify.api.urls"))]
