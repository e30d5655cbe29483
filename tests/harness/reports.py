"""What the site made of each delivery report, written down by its processes for the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NAME = "reports"


def install(folder: Path) -> None:
    """Write down reports that this process takes."""
    # Here, because Django must be set up before.
    from django_d7verify import services

    record = services.record_report

    def record_and_tell(alias: str, fields: Mapping[str, str], **options: Any) -> bool:
        changed = record(alias, fields, **options)
        with (folder / _NAME).open("a") as file:
            file.write(f"{fields['request_id']} {fields['status']} {changed:d}\n")
        return changed

    services.record_report = record_and_tell


def read(folder: Path, reference: str) -> list[tuple[str, bool]]:
    """The provider's words on one message in their order, and whether they changed anything."""
    file = folder / _NAME
    lines = file.read_text().splitlines() if file.exists() else []
    rows = [line.split() for line in lines]
    return [(word, changed == "1") for of, word, changed in rows if of == reference]
