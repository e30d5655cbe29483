"""What is measured: three operations, each beside its two floors."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from django_d7verify.models import Recipient

from . import floors, recording
from .calls import Person, Site, make_environ, make_people

API = "/api/otp"
OPERATIONS = ("send", "wrong", "right")
#: Ours, and the floors.
VARIANTS = ("ours", "one", "statements")
_PATHS = {
    ("ours", "send"): f"{API}/send/",
    ("ours", "wrong"): f"{API}/verify/",
    ("ours", "right"): f"{API}/verify/",
    ("one", "send"): "/floor/insert/",
    ("one", "wrong"): "/floor/update/",
    ("one", "right"): "/floor/update/",
    ("statements", "send"): "/floor/send/",
    ("statements", "wrong"): "/floor/wrong/",
    ("statements", "right"): "/floor/right/",
}
_STATUSES = {"send": 201, "wrong": 400, "right": 200}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is to be made."""

    path: str
    body: dict[str, Any]
    person: Person
    expected: int


def make_call(variant: str, operation: str, person: Person, *, purpose: str = "verify") -> Call:
    """The call with which *person* does *operation*."""
    body = {"recipient": person.number, "purpose": purpose}
    if operation != "send":
        code = person.code if operation == "right" else person.wrong_code
        # Ours takes no notice of the number; the floor needs it.
        body = {"recipient": person.number, "otp_id": person.otp_id, "otp_code": code}
    expected = 200 if variant == "one" and operation == "wrong" else _STATUSES[operation]
    return Call(_PATHS[variant, operation], body, person, expected)


def make_known_people(count: int) -> list[Person]:
    """People whose numbers have been sent to before."""
    people = make_people(count)
    Recipient.objects.bulk_create([Recipient(number=person.number) for person in people])
    return people


def learn_codes(people: Sequence[Person], answers: Sequence[dict[str, Any]], codes: Any) -> None:
    """Let *people* read what was answered and what was sent to them."""
    for person, answer in zip(people, answers, strict=True):
        person.otp_id = answer["otp_id"]
        person.code = codes.get(person.number) or "000000"


def do(site: Site, call: Call) -> dict[str, Any]:
    """Make one call in this process; its answer."""
    status, body = site.call(make_environ(call.path, call.body, call.person))
    assert status == call.expected, (call.path, status, body)
    answer: dict[str, Any] = json.loads(body)
    return answer


@contextmanager
def make_floors(site: Site) -> Iterator[dict[str, int]]:
    """Record our statements for the second floor, and make the first; statements by operation."""
    with connection.schema_editor() as editor:
        editor.create_model(floors.Code)
    person = make_known_people(1)[0]
    # Once before: what only a first call does is not recorded.
    warm_up(site, make_known_people(1)[0])
    scripts: dict[str, recording.Script] = {}
    counts: dict[str, int] = {}
    for operation in OPERATIONS:
        with recording.record() as recorded:
            answer = do(site, make_call("ours", operation, person))
        if operation == "send":
            learn_codes([person], [answer], floors.codes)
        otp_id = uuid.UUID(person.otp_id)
        scripts[operation] = recording.make_script(recorded, person.number, otp_id)
        counts[operation] = len(recorded)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "floors"
        file.write_bytes(pickle.dumps(scripts))
        os.environ["D7VERIFY_BENCH_FLOORS"] = str(file)
        floors.get_scripts.cache_clear()
        yield counts


def warm_up(site: Site, person: Person) -> None:
    """Do each operation of ours once."""
    for operation in OPERATIONS:
        answer = do(site, make_call("ours", operation, person))
        if operation == "send":
            learn_codes([person], [answer], floors.codes)
