"""Rows of the app are read where they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models, router

_Rows = TypeVar("_Rows", bound=models.QuerySet[Any])


class PrimaryManager(models.Manager[Any]):
    """Reads from the database that is written to: a replica that lags would show old limits."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """All rows, on the write database."""
        return super().get_queryset().using(router.db_for_write(self.model))

    if TYPE_CHECKING:

        @classmethod
        def from_queryset(  # type: ignore[override]
            cls, queryset_class: type[_Rows], class_name: str | None = None
        ) -> type[_Rows]:
            """
            A manager with the methods of *queryset_class*, which has no name among types.

            The plugin of django-stubs makes one for mypy; to others it is the queryset itself.
            """
            return queryset_class
