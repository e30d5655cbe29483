"""Puts a request where it belongs: control, provider, or the fault that waits for it."""

from __future__ import annotations

from . import control, routes
from .fault_answers import find_answer
from .faults import Fault
from .wire import Request, Response
from .world import World


class Application:
    """What the server serves; implements ``server.Application``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find_fault(self, path: str) -> Fault | None:
        """The fault of the next call to *path*; control calls never have one."""
        if control.is_control(path):
            return None
        with self._world.lock:
            return self._world.faults.take(path)

    def answer(self, request: Request) -> Response:
        """Do what *request* asks and answer it."""
        if control.is_control(request.path):
            return control.answer(self._world, request)
        with self._world.lock:
            response = routes.answer(self._world, request)
            self._world.record_call(request, response.status)
        return response

    def answer_with_fault(self, request: Request, fault: Fault) -> Response:
        """Do what *request* asks if *fault* lets it, and answer as the fault has it."""
        with self._world.lock:
            response = find_answer(request, fault, self._world.clock.now())
            if response is None:
                response = routes.answer(self._world, request)
            elif fault.flag("act"):
                routes.answer(self._world, request)
            self._world.record_call(request, response.status)
        return response

    def record_cut(self, method: str, path: str) -> None:
        """Note a request that was cut before it was read."""
        self._world.record_call(Request(method, path), None)
