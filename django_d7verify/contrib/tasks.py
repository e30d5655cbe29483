"""
Codes sent by Django Tasks: ``"DISPATCHER": "django_d7verify.contrib.tasks.TasksDispatcher"``.

On Django 5.2 that is the backport ``django-tasks``, the extra ``tasks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import django

from django_d7verify import services
from django_d7verify.dispatching import Dispatcher

if TYPE_CHECKING or django.VERSION >= (6, 0):
    from django.tasks import task
    from django.tasks.backends.immediate import ImmediateBackend
else:  # Tasks of Django and backends of the backport do not mix, so not whichever is installed.
    from django_tasks import task
    from django_tasks.backends.immediate import ImmediateBackend


@task
def deliver(otp_id: str, generation: int) -> None:
    """Make the code and send it: what a worker runs."""
    services.deliver_otp(otp_id, generation)


class TasksDispatcher(Dispatcher):
    """
    Enqueues ``deliver`` with the session's id and the generation of its code, and nothing else.

    Another queue or priority is a subclass with ``task = deliver.using(queue_name="codes")``.
    """

    task = deliver

    @property
    def is_inline(self) -> bool:
        """
        Whether the backend runs tasks where they are called, as Django's own default does.

        Then the caller sends: that backend keeps errors to itself, and would have codes for a
        login leave before the answer.
        """
        return isinstance(self.task.get_backend(), ImmediateBackend)

    def dispatch(self, otp_id: str, generation: int) -> None:
        """Enqueue. Raises what the backend raises where it does not take the task."""
        self.task.enqueue(otp_id, generation)
