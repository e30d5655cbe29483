"""The list of faults that wait for their call, and the options of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Option = float | bool | str

REFUSE = "refuse"
REPORT_FAULTS = frozenset({"report_twice", "report_backward", "report_never"})

#: Every fault with its options and their defaults.
FAULTS: Final[dict[str, dict[str, Option]]] = {
    # Not sent for certain.
    REFUSE: {"seconds": 1.0},
    "reset": {},
    "unauthorized": {},
    "forbidden": {},
    "no_credit": {},
    "invalid": {},
    "too_many": {"retry_after": 7.0},
    "rejected": {},
    # The call is done, and the caller learns it late or never.
    "slow": {"seconds": 2.0},
    "stall": {"seconds": 30.0},
    "cut_body": {},
    "trickled_headers": {"seconds": 30.0, "interval_seconds": 1.0},
    # Done only where ``act`` says so.
    "server_error": {"act": False},
    "not_json": {"act": False},
    "redirect": {"location": "/"},
    # Of delivery reports.
    "report_twice": {},
    "report_backward": {},
    "report_never": {},
}

_MOST_SECONDS = 600.0


@dataclass(slots=True)
class Fault:
    """One fault, the calls it is for, and how many of them are left."""

    name: str
    path: str
    times: int
    options: dict[str, Option]

    def matches(self, path: str) -> bool:
        """Whether *path* is this fault's path or below it; "" is every path."""
        prefix = self.path.rstrip("/")
        return not prefix or path in (self.path, prefix) or path.startswith(prefix + "/")

    def number(self, option: str) -> float:
        """A number among the options."""
        return float(self.options[option])

    def flag(self, option: str) -> bool:
        """A truth among the options, False where the fault has none of that name."""
        return bool(self.options.get(option, False))

    def as_dict(self) -> dict[str, object]:
        """What ``GET /_emulator/faults`` shows."""
        return {"name": self.name, "path": self.path, "times": self.times, **self.options}


class FaultList:
    """Faults in the order in which they were added; a call takes the first that fits."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Wait for the calls of *fault*."""
        self._faults.append(fault)

    def take(self, path: str) -> Fault | None:
        """The fault of a call to *path*, counted as used."""
        return self._take(path, of_reports=False)

    def take_for_report(self, path: str) -> Fault | None:
        """The fault of the reports on a message that a call to *path* sent."""
        return self._take(path, of_reports=True)

    def all(self) -> list[Fault]:
        """Those that still wait."""
        return list(self._faults)

    def clear(self) -> None:
        """Forget all of them."""
        self._faults.clear()

    def _take(self, path: str, *, of_reports: bool) -> Fault | None:
        for fault in self._faults:
            if (fault.name in REPORT_FAULTS) is of_reports and fault.matches(path):
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
        return None


def make_fault(name: str, path: str = "", times: int = 1, **options: object) -> Fault:
    """
    A fault whose options are complete. Raises ``ValueError`` that says what is wrong.

    *path* is matched exactly or as a prefix of whole segments; "" means every API call.
    """
    if name not in FAULTS:
        raise ValueError(f"Unknown fault {name!r}; known are {', '.join(FAULTS)}.")
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise ValueError("path must be a text that begins with a slash, or empty.")
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        raise ValueError("times must be a whole number from 1.")
    complete = dict(FAULTS[name])
    for option, value in options.items():
        if option not in complete:
            known = ", ".join(complete) or "none"
            raise ValueError(f"Unknown option {option!r} of {name}; known: {known}.")
        complete[option] = _check(option, value, complete[option])
    return Fault(name, path, times, complete)


def _check(option: str, value: object, default: Option) -> Option:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise ValueError(f"{option} must be true or false.")
    if isinstance(default, str):
        # A line break would end the header that the text stands in.
        if isinstance(value, str) and value.isprintable() and value.isascii():
            return value
        raise ValueError(f"{option} must be one line of ASCII text.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{option} must be a number.")
    if not 0 <= value <= _MOST_SECONDS:
        raise ValueError(f"{option} must be from 0 to {_MOST_SECONDS:.0f}.")
    return float(value)
