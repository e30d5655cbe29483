"""DRF's parsers, for bodies that come from anywhere: what they cannot read is a 400."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, FormParser, JSONParser, MultiPartParser

_UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    RecursionError,
    SuspiciousOperation,
    # The charsets "bz2" and "zlib", which are no text encodings; DRF takes them before 3.18.
    OSError,
    zlib.error,
)


class _Strict(BaseParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Parse, with every way to fail a ``ParseError``: deep nesting, odd charsets, bad bytes."""
        try:
            return super().parse(stream, media_type, parser_context)
        except ParseError:
            raise
        except _UNREADABLE:
            raise ParseError from None


class StrictJSONParser(_Strict, JSONParser):
    """``application/json``."""


class StrictFormParser(_Strict, FormParser):
    """``application/x-www-form-urlencoded``."""


class StrictMultiPartParser(_Strict, MultiPartParser):
    """``multipart/form-data``."""
