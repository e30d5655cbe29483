"""Calls to the site, with as little around them as there can be: the WSGI handler itself."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

from django.core.wsgi import get_wsgi_application

_FIRST_NUMBER = 501_000_000
_count = itertools.count()


@dataclass(slots=True)
class Person:
    """Somebody with a phone of their own at an address of their own."""

    number: str
    address: str
    otp_id: str = ""
    code: str = ""

    @property
    def wrong_code(self) -> str:
        return f"{(int(self.code) + 1) % 1_000_000:06}"


def make_people(count: int) -> list[Person]:
    """So many people who have not been seen in this run."""
    people = []
    for index in itertools.islice(_count, count):
        octets = index.to_bytes(3, "big")
        address = "11." + ".".join(map(str, octets))
        people.append(Person(number=f"+971{_FIRST_NUMBER + index}", address=address))
    return people


def make_environ(path: str, body: dict[str, Any], person: Person) -> dict[str, Any]:
    """A POST as a server hands it to the site."""
    data = json.dumps(body).encode()
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(data)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "application/json",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "HTTP_X_FORWARDED_FOR": person.address,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


class Site:
    """The site in this process."""

    def __init__(self) -> None:
        self._application = get_wsgi_application()

    def call(self, environ: dict[str, Any]) -> tuple[int, bytes]:
        """The answer's status and body."""
        statuses: list[str] = []
        response = self._application(environ, lambda status, headers: statuses.append(status))
        try:
            body = b"".join(response)
        finally:
            response.close()
        return int(statuses[0][:3]), body
