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

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .gateways import codes
from .recording import Script, run

TABLE = "bench_code"
CREATE = f"""CREATE TABLE {TABLE}
(id varchar(36) PRIMARY KEY, number varchar(16), code varchar(64), made_at timestamp, used int)"""
_INSERT = f"INSERT INTO {TABLE} (id, number, code, made_at, used) VALUES (%s, %s, %s, %s, 0)"
_UPDATE = f"UPDATE {TABLE} SET used = used + 1 WHERE id = %s"


@cache
def get_scripts() -> dict[str, Script]:
    """The recorded statements of each operation."""
    # Written by this very run.
    return pickle.loads(Path(os.environ["D7VERIFY_BENCH_FLOORS"]).read_bytes())  # noqa: S301


class _Floor(APIView):
    permission_classes = [AllowAny]


class OneInsert(_Floor):
    def post(self, request: Request) -> Response:
        otp_id = str(uuid.uuid4())
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [otp_id, request.data["recipient"], "", timezone.now()])
        return Response({"otp_id": otp_id}, status=201)


class OneUpdate(_Floor):
    def post(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [request.data["otp_id"]])
        return Response({"approved": True})


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
