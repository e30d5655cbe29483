"""Rows of the app are read where they are written."""

from __future__ import annotations

from typing import Any

from django.db import models, router


class PrimaryManager(models.Manager[Any]):
    """Reads from the database that is written to: a replica that lags would show old limits."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """All rows, on the write database."""
        return super().get_queryset().using(router.db_for_write(self.model))
