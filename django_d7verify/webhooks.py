"""
Delivery reports: ``path("otp/reports/", include("django_d7verify.webhooks"))``.

Providers sign nothing, so the secret in the path is all that tells a report from a forgery; and
a report can do no more than say how a message fared. Answered 200 whether or not it changed
anything, since a provider that is refused only calls again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hmac import compare_digest
from typing import TypeGuard

from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from . import edge, services
from .conf import conf
from .exceptions import DEFAULT_RETRY_AFTER_SECONDS

_LONGEST_VALUE = 200


@csrf_exempt
@transaction.non_atomic_requests
@sensitive_variables()
def receive_report(request: HttpRequest, alias: str, secret: str) -> HttpResponse:
    """Take one report: 404 for a wrong address, 405, 413, 503 with a busy database, else 200."""
    method = services.find_report_method(alias) if _is_secret(secret) else None
    if method is None:
        return HttpResponseNotFound()
    if request.method != method:
        return HttpResponseNotAllowed([method])
    length = edge.read_length(request)
    if length is None or length > edge.MAX_BODY_BYTES:
        return HttpResponse(status=413)
    try:
        services.record_report(alias, _read_fields(request))
    except OperationalError:
        return HttpResponse(status=503, headers={"Retry-After": str(DEFAULT_RETRY_AFTER_SECONDS)})
    return HttpResponse("OK", content_type="text/plain")


@sensitive_variables()
def _is_secret(secret: str) -> bool:
    given = secret.encode()
    return any([compare_digest(given, known.encode()) for known in conf.REPORT_SECRETS])  # noqa: C419 - all are compared


def _read_fields(request: HttpRequest) -> Mapping[str, str]:
    """What the report says, where it is plain short text; anything else is as if not there."""
    if request.method == "GET":
        fields: Mapping[str, object] = request.GET.dict()
    elif request.content_type == "application/json":
        fields = _read_json(request.body)
    else:
        # Django reads no form that is said to be otherwise, and ids and words are ASCII anyway.
        request.encoding = "utf-8"
        fields = request.POST.dict()
    return {name: value for name, value in fields.items() if _is_plain(value)}


def _read_json(body: bytes) -> Mapping[str, object]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _is_plain(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST_VALUE and value.isprintable()


app_name = "d7verify_reports"

urlpatterns = [path("<str:alias>/<str:secret>/", receive_report, name="report")]
