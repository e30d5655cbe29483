"""The example's pages, delivery reports, and two views that only the harness asks."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from example_site.urls import urlpatterns as example

from django_d7verify import services
from django_d7verify.exceptions import SessionClosed

#: By database: how it is asked for what transactions can see and wait for.
_QUESTIONS = {
    "sqlite": {"journal": "PRAGMA journal_mode", "timeout": "PRAGMA busy_timeout"},
    "postgresql": {"isolation": "SHOW transaction_isolation"},
    "mysql": {"isolation": "SELECT @@tx_isolation"},
}


def tell(_request: HttpRequest) -> JsonResponse:
    """How this process is connected to its database."""
    told: dict[str, Any] = {
        "vendor": connection.vendor,
        "begin": connection.settings_dict["OPTIONS"].get("transaction_mode", ""),
    }
    with connection.cursor() as cursor:
        for name, question in _QUESTIONS[connection.vendor].items():
            cursor.execute(question)
            told[name] = cursor.fetchone()[0]
    return JsonResponse(told)


@csrf_exempt
@transaction.non_atomic_requests
def consume(request: HttpRequest) -> JsonResponse:
    """
    What a site does with an approval that it is shown, or knows of by its own session.

    POST ``verification_token``, or ``otp_id`` where the answer that had the token was lost.
    """
    try:
        token = request.POST.get("verification_token") or services.make_verification_token(
            services.get_otp(request.POST["otp_id"])
        )
        otp = services.consume_verification_token(token, purpose=request.POST["purpose"])
    except SessionClosed as error:
        return JsonResponse({"code": error.code}, status=400)
    return JsonResponse({"status": "CONSUMED", "recipient": otp.recipient})


urlpatterns = [
    path("harness/", tell),
    path("harness/consume/", consume),
    path("otp/reports/", include("django_d7verify.webhooks")),
    *example,
]
