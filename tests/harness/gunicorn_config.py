"""How gunicorn runs the site: processes and threads as of a site in production."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Any

workers = 4
worker_class = "gthread"
threads = 8
#: No process takes more than its threads can serve, so calls are spread over all of them.
worker_connections = threads
#: A connection for each call: a client's kept one could be closed while it is used.
keepalive = 0
#: Loaded once and forked: a killed process is replaced at once.
preload_app = True
timeout = 60
graceful_timeout = 3
#: A socket file in the home folder of whoever runs the tests.
control_socket_disable = True

_PR_SET_PDEATHSIG = 1


def on_starting(_server: Any) -> None:
    """Die with the test, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
