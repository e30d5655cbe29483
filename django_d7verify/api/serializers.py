"""What the API takes: text is text, a number is not, and nothing is coerced."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers

from django_d7verify.words import VERIFY


class TextField(serializers.CharField):
    """A ``str`` as it was sent; DRF's own field turns numbers into text."""

    def to_internal_value(self, data: object) -> str:
        """Refuse anything but text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class OtpIdField(TextField):
    """The 36 characters of a UUID; no integers, no braces, no ``urn:``."""

    default_error_messages = {"invalid_id": "Not an otp_id."}

    def to_internal_value(self, data: object) -> str:
        """The canonical text of the id."""
        text = super().to_internal_value(data).lower()
        try:
            is_canonical = str(uuid.UUID(text)) == text
        except ValueError:
            is_canonical = False
        if not is_canonical:
            self.fail("invalid_id")
        return text


class SendInput(serializers.Serializer[Any]):
    """Whom to send a code to, and what for."""

    recipient = TextField(max_length=64)
    purpose = TextField(max_length=32, default=VERIFY)


class LoginInput(serializers.Serializer[Any]):
    """Whom to send a code for a login to."""

    recipient = TextField(max_length=64)


class SessionInput(serializers.Serializer[Any]):
    """A session."""

    otp_id = OtpIdField()


class VerifyInput(SessionInput):
    """A session and a code for it."""

    otp_code = TextField(max_length=64)
