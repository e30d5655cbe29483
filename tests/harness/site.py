"""The site under gunicorn: started in a process group of its own, and ended with all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from django_d7verify.emulator import Emulator

from . import gunicorn_config
from .answers import NO_ANSWER, Answer, call, call_at_once
from .clock import Clock
from .points import Points

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = Path(__file__).with_name("gunicorn_config.py")
API = "/api/otp/"
PROCESSES = gunicorn_config.workers
#: How long the test waits for what another process does.
PATIENCE_SECONDS = 30
STOP_SECONDS = 10
#: What stands in the log only where something is wrong with the app.
_BUGS = ("Traceback", "Internal Server Error")


def wait_for(find: Callable[[], Any]) -> Any:
    """What *find* finds, as soon as it finds anything."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not (found := find()):
        assert time.monotonic() < give_up_at, "It did not happen."
        time.sleep(0.01)
    return found


def make_environment(folder: Path, **more: str) -> dict[str, str]:
    """What the site's processes find in their environment, beside ours."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.harness.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
        "PYTHONUNBUFFERED": "1",
        "D7VERIFY_DEBUG": "0",
        "D7VERIFY_HARNESS_FOLDER": str(folder),
        **more,
    }


class Site:
    """
    A running site, and the emulator behind it.

    *settings* are laid over the site's ``D7VERIFY``.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        emulator: Emulator,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.clock = Clock(folder)
        self.points = Points(folder)
        self._settings = settings
        self._environment = environment
        self._log = folder / f"gunicorn-{id(self)}.log"
        self._read_to = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, and wait until every process of it answers."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            # Connections wait in here while gunicorn starts; no port is ever free for others.
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._process = self._spawn(listener.fileno())
        wait_for(self.find_all_workers)

    def stop(self) -> None:
        """End every process of it, whatever they do."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def post(
        self,
        path: str,
        *,
        peer: str = "127.0.0.1",
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        """POST *body* as JSON to the API, from the address *peer*."""
        url = f"{self.url}{API}{path}"
        return call("POST", url, peer=peer, headers=headers, json=body)

    def state(self, otp_id: str) -> Answer:
        """What a screen may show of a session."""
        return call("GET", f"{self.url}{API}{otp_id}/")

    def tell(self) -> Answer:
        """How the process that answers is connected to its database."""
        return call("GET", f"{self.url}/harness/")

    def consume(self, **form: str) -> Answer:
        """Let the site use an approval, known by its proof or by its session."""
        return call("POST", f"{self.url}/harness/consume/", data=form)

    def now(self) -> datetime:
        """The site's time."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Move the site's clock and the provider's."""
        # The provider first: it never finds us early.
        self.emulator.advance_clock(seconds)
        self.clock.advance(seconds)

    def kill_at(
        self,
        point: str,
        make_call: Callable[[], Answer],
        *,
        when: Callable[[], object] | None = None,
    ) -> int:
        """
        Make a call whose process dies at *point*; the process's id.

        *when* is for the points at which it goes on: it is killed once that holds.
        """
        self.points.arm(point)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(make_call)
            try:
                taker = wait_for(lambda: self.points.find_taker(point) or answer.done())
                assert taker is not True, f"{point} was not reached: {answer.result()}"
                if when is not None:
                    wait_for(when)
                    os.kill(taker, signal.SIGKILL)
            finally:
                self.points.clear()
            assert answer.result().status == NO_ANSWER, answer.result()
        return int(taker)

    def read_bugs(self) -> str:
        """What the log says since the last time, if anything in it tells of a bug."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            text = log.read().decode(errors="replace")
            self._read_to = log.tell()
        return text if any(sign in text for sign in _BUGS) else ""

    def _spawn(self, descriptor: int) -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-m", "gunicorn", "--config", str(CONFIG)),
            *("--bind", f"fd://{descriptor}", "tests.harness.wsgi:application"),
        ]
        environment = {
            **os.environ,
            **self._environment,
            "D7VERIFY_API_URL": self.emulator.url,
            "D7VERIFY_HARNESS_SETTINGS": json.dumps(
                {"REPORT_URL": f"{self.url}/otp/reports/", **self._settings}
            ),
        }
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[descriptor],
                start_new_session=True,
            )

    def find_all_workers(self) -> set[int]:
        """Ids of the processes that answer many calls at once; empty while not all of them do."""
        answers = call_at_once(4 * PROCESSES, lambda _: self.tell())
        log = self._log.read_text(errors="replace")
        assert self._process is not None
        assert self._process.poll() is None, log
        assert {answer.status for answer in answers} <= {200, NO_ANSWER}, log
        found = {answer.worker for answer in answers if answer.worker}
        return found if len(found) == PROCESSES else set()
