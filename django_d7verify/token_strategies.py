"""
What a login by API answers: ``D7VERIFY["TOKEN_STRATEGY"]`` names one of these classes.

The packages behind them are imported where they are used, and so needed by their users only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django.apps import apps
from django.contrib.auth import login
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from .conf import conf
from .exceptions import ConfigurationError

BACKEND = "django_d7verify.backends.PhoneOTPBackend"


def log_in(request: HttpRequest, user: Any) -> None:
    """Django's ``login`` by our backend: the session gets a new key."""
    login(request, user, backend=BACKEND)


class TokenStrategy(ABC):
    """
    How a client stays logged in. Made for each login, before the code is tried.

    What it needs and does not find is said then, by ``ConfigurationError`` or ``ImportError``.
    """

    #: The browser's cookie logs in, so a request needs the token against forgery.
    needs_csrf = False

    @abstractmethod
    def issue(self, request: HttpRequest, user: Any) -> dict[str, Any]:
        """What the answer to *user*'s login holds beside ``status``."""


class SessionStrategy(TokenStrategy):
    """
    Django's session, in a cookie. Its answer holds the new token against forgery.

    Our backend must stand in ``AUTHENTICATION_BACKENDS``, or the session would be nobody's.
    """

    needs_csrf = True

    def __init__(self) -> None:
        if BACKEND not in conf.authentication_backends:
            raise ConfigurationError(f"AUTHENTICATION_BACKENDS has no {BACKEND!r}.")

    def issue(self, request: HttpRequest, user: Any) -> dict[str, Any]:
        """Django's ``login``, which gives the session a new key: ``{"csrf_token"}``."""
        log_in(request, user)
        return {"csrf_token": get_token(request)}


class DRFTokenStrategy(TokenStrategy):
    """``rest_framework.authtoken``: one token a user, for ever."""

    def __init__(self) -> None:
        if not apps.is_installed("rest_framework.authtoken"):
            raise ConfigurationError("INSTALLED_APPS has no 'rest_framework.authtoken'.")
        from rest_framework.authtoken.models import Token  # noqa: PLC0415 - an app of its own

        self.tokens = Token.objects

    @sensitive_variables()
    def issue(self, request: HttpRequest, user: Any) -> dict[str, Any]:
        """``{"token"}``."""
        token, _ = self.tokens.get_or_create(user=user)
        return {"token": token.key}


class SimpleJWTStrategy(TokenStrategy):
    """``djangorestframework-simplejwt``."""

    def __init__(self) -> None:
        from rest_framework_simplejwt.tokens import RefreshToken  # noqa: PLC0415 - an extra

        self.make = RefreshToken.for_user

    @sensitive_variables()
    def issue(self, request: HttpRequest, user: Any) -> dict[str, Any]:
        """``{"access", "refresh"}``."""
        refresh = self.make(user)
        return {"access": str(refresh.access_token), "refresh": str(refresh)}


class KnoxStrategy(TokenStrategy):
    """``django-rest-knox``: a token each login, which can be taken back."""

    def __init__(self) -> None:
        from knox.models import get_token_model  # noqa: PLC0415 - an extra

        self.tokens = get_token_model().objects

    @sensitive_variables()
    def issue(self, request: HttpRequest, user: Any) -> dict[str, Any]:
        """``{"token", "expiry"}``; ``expiry`` in ISO 8601, or None."""
        instance, token = self.tokens.create(user=user)
        return {"token": token, "expiry": instance.expiry and instance.expiry.isoformat()}


def get_token_strategy() -> TokenStrategy:
    """The site's. Raises ``ConfigurationError`` for a bad path."""
    path = conf.TOKEN_STRATEGY
    try:
        strategy = import_string(path)()
    # The latter two: not in INSTALLED_APPS.
    except (ImportError, TypeError, RuntimeError, ImproperlyConfigured) as error:
        raise ConfigurationError(f"D7VERIFY['TOKEN_STRATEGY']: {error}") from error
    if not isinstance(strategy, TokenStrategy):
        raise ConfigurationError(f"D7VERIFY['TOKEN_STRATEGY']: {path} is no TokenStrategy.")
    return strategy
