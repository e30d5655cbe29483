"""The site under test: Django's application with the test's clock and kill points."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from . import clock, points, reports

_django = get_wsgi_application()
for module in (clock, points, reports):
    module.install(settings.FOLDER)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as Django does, and say which process did."""

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *error)

    answer: Iterable[bytes] = _django(environ, start)
    return answer
