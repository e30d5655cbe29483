"""
The floors: what a DRF view costs that does next to nothing, and one that only runs our statements.

Both take the call as ours is made, and neither looks at what is in it.
"""

from __future__ import annotations

import json
import os
import pickle
import time
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.db.models import F
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .gateways import codes
from .recording import Script, run


class Code(models.Model):
    """What the first floor keeps of a code."""

    otp_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.CharField(max_length=16)
    made_at = models.DateTimeField(default=timezone.now)
    attempts = models.IntegerField(default=0)

    class Meta:
        app_label = "benchmark"

    def __str__(self) -> str:
        return str(self.otp_id)


class SendForm(serializers.Serializer):
    recipient = serializers.CharField(max_length=64)


class VerifyForm(serializers.Serializer):
    otp_id = serializers.UUIDField()
    otp_code = serializers.CharField(max_length=64)


@cache
def get_scripts() -> dict[str, Script]:
    """The recorded statements of each operation."""
    # Written by this very run.
    return pickle.loads(Path(os.environ["D7VERIFY_BENCH_FLOORS"]).read_bytes())  # noqa: S301


class _Floor(APIView):
    permission_classes = [AllowAny]


class OneInsert(_Floor):
    """As a view is written that does no more than keep a number."""

    def post(self, request: Request) -> Response:
        form = SendForm(data=request.data)
        form.is_valid(raise_exception=True)
        code = Code.objects.create(number=form.validated_data["recipient"])
        return Response({"otp_id": str(code.otp_id)}, status=201)


class OneUpdate(_Floor):
    """As a view is written that does no more than count a call."""

    def post(self, request: Request) -> Response:
        form = VerifyForm(data=request.data)
        form.is_valid(raise_exception=True)
        codes = Code.objects.filter(pk=form.validated_data["otp_id"])
        return Response({"approved": codes.update(attempts=F("attempts") + 1) == 1})


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class OurStatements(_Floor):
    """*operation* is "send", "right" or "wrong"."""

    operation: str = ""

    def post(self, request: Request) -> Response:
        data = request.data
        otp_id = uuid.UUID(data["otp_id"]) if "otp_id" in data else uuid.uuid4()
        run(get_scripts()[self.operation], data["recipient"], otp_id)
        statuses = {"send": 201, "right": 200, "wrong": 400}
        return Response({"otp_id": str(otp_id)}, status=statuses[self.operation])


@csrf_exempt
def tell(request: HttpRequest) -> JsonResponse:
    """What this process has used of the processor, in seconds, and the codes it has sent."""
    wanted: list[Any] = json.loads(request.body or b"[]")
    return JsonResponse(
        {"cpu_seconds": time.process_time(), "codes": [codes.get(number) for number in wanted]}
    )
