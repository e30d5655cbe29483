"""Codes sent by workers of real queues: another process takes the task, makes the code, sends."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.test import Client
from django_tasks_db.models import DBTaskResult

from django_d7verify import services
from django_d7verify.dispatching import get_dispatcher
from django_d7verify.emulator import Emulator
from django_d7verify.exceptions import GatewayUnreachable
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import PinStatus, SessionStatus
from tests.conftest import NUMBER
from tests.harness.site import wait_for
from tests.readme import read_block

from .conftest import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

MakeEnvironment = Callable[..., dict[str, str]]
#: What would be a secret in a queue: the number with or without its country, and any code.
SECRETS = (NUMBER[1:], NUMBER[4:], "code", "recipient")


def use(dispatcher: str) -> None:
    settings.D7VERIFY = {**settings.D7VERIFY, "DISPATCHER": dispatcher}


def read_code(emulator: Emulator) -> str:
    (message,) = emulator.messages(NUMBER)
    return str(message["code"])


def assert_waits() -> None:
    pin = Pin.objects.get()
    assert (pin.status, pin.digest) == (PinStatus.QUEUED, "")


def test_a_worker_of_the_database_queue_makes_the_code_and_sends_it(
    texts: Emulator, make_environment: MakeEnvironment
):
    use("django_d7verify.contrib.tasks.TasksDispatcher")
    otp = services.send_otp(NUMBER)
    assert_waits()
    (row,) = DBTaskResult.objects.all()
    assert row.args_kwargs == {"args": [otp.otp_id, 1], "kwargs": {}}
    assert not texts.messages()
    worker = [sys.executable, "-m", "django", "db_worker", "--batch", "--no-startup-delay"]
    subprocess.run(worker, env=make_environment(), cwd=ROOT, check=True, timeout=60)
    assert services.verify_otp(otp.otp_id, read_code(texts)).approved
    assert "Traceback" not in DBTaskResult.objects.get().traceback


@pytest.fixture
def queue(texts: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The README's recipe as the site's dispatcher, over a list of its own in Redis."""
    url = os.environ.get("D7VERIFY_TEST_REDIS_URL")
    assert url, "Set D7VERIFY_TEST_REDIS_URL, as make test-bridges does."
    name = f"d7verify-{uuid.uuid4().hex}"
    (tmp_path / "celery_recipe.py").write_text(read_block("celery"))
    monkeypatch.syspath_prepend(tmp_path)
    use("celery_recipe.CeleryDispatcher")
    with run_celery(url, name):
        yield name
    with redis.Redis.from_url(url) as client:
        client.delete(name, f"_kombu.binding.{name}")


@contextmanager
def run_celery(url: str, queue: str) -> Iterator[None]:
    """The site's Celery over the broker at *url*."""
    with Celery("site", broker=url, set_as_current=True) as app:
        app.conf.task_default_queue = queue
        app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        yield


def read_queue(name: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(os.environ["D7VERIFY_TEST_REDIS_URL"]) as client:
        return [json.loads(message) for message in client.lrange(name, 0, -1)]


def test_a_celery_worker_makes_the_code_and_sends_it_and_redis_never_has_it(
    texts: Emulator, queue: str, tmp_path: Path, make_environment: MakeEnvironment
):
    otp = services.send_otp(NUMBER)
    assert_waits()
    (message,) = read_queue(queue)
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([otp.otp_id, 1], {})
    assert not [secret for secret in SECRETS if secret in json.dumps(message["headers"])]
    worker = [sys.executable, "-m", "celery", "--app", "tests.bridges.celery_app", "worker"]
    options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    environment = make_environment(D7VERIFY_BRIDGES_QUEUE=queue)
    with (
        (tmp_path / "worker.log").open("w+") as log,
        subprocess.Popen(
            [*worker, *options], env=environment, cwd=ROOT, stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_for(lambda: texts.messages(NUMBER) or process.poll() is not None)
            wait_for(lambda: Pin.objects.get().status == PinStatus.SENT)
        finally:
            process.terminate()
            process.wait(30)
        log.seek(0)
        said = log.read()
    code = read_code(texts)
    assert services.verify_otp(otp.otp_id, code).approved
    assert code not in said
    assert NUMBER not in said


def test_while_redis_is_down_the_caller_is_told_at_once_and_the_claim_is_given_back(queue: str):
    started_at = time.monotonic()
    with run_celery("redis://127.0.0.1:1/0", queue):
        with pytest.raises(GatewayUnreachable) as raised:
            services.send_otp(NUMBER)
        answer = Client().post("/api/otp/send/", {"recipient": NUMBER})
    assert time.monotonic() - started_at < 3
    assert raised.value.reason == "queue_down"
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unreachable")
    assert answer.headers["Retry-After"]
    assert {session.status for session in OTPSession.objects.all()} == {SessionStatus.FAILED}
    with run_celery(os.environ["D7VERIFY_TEST_REDIS_URL"], queue):
        assert services.send_otp(NUMBER).status == SessionStatus.OPEN
    assert len(read_queue(queue)) == 1


def test_the_recipe_is_a_dispatcher_that_leaves_the_sending_to_a_worker(queue: str):
    assert not get_dispatcher().is_inline
    assert get_dispatcher(hidden=True) is get_dispatcher()
