"""Django's own settings, as far as the app reads them: the only place that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from django.conf import global_settings, settings
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


class DjangoSettings:
    """Typed view of ``django.conf.settings``, ``D7VERIFY`` among them. Nothing is cached."""

    @property
    def languages(self) -> Sequence[str]:
        """Tags of the languages that the site speaks: ``LANGUAGES`` where set, else its own one."""
        if settings.LANGUAGES != global_settings.LANGUAGES:
            return [tag for tag, _ in settings.LANGUAGES]
        return [settings.LANGUAGE_CODE]

    @property
    def is_debug(self) -> bool:
        """Whether Django's ``DEBUG`` is on."""
        return settings.DEBUG

    @property
    def uses_aware_times(self) -> bool:
        """Django's ``USE_TZ``."""
        return settings.USE_TZ

    @property
    def limits_edge(self) -> bool:
        """Whether django-ratelimit counts at all: ``RATELIMIT_ENABLE``."""
        return bool(getattr(settings, "RATELIMIT_ENABLE", True))

    @property
    def middleware(self) -> Sequence[str]:
        """Django's ``MIDDLEWARE``."""
        return settings.MIDDLEWARE

    @property
    def authentication_backends(self) -> Sequence[str]:
        """Django's ``AUTHENTICATION_BACKENDS``."""
        return settings.AUTHENTICATION_BACKENDS

    @property
    def static_url(self) -> str:
        """Django's ``STATIC_URL``."""
        return settings.STATIC_URL or ""

    @property
    def home_url(self) -> str:
        """Django's ``LOGIN_REDIRECT_URL`` where the site has set it, else ""."""
        url = str(settings.LOGIN_REDIRECT_URL)
        return "" if url == global_settings.LOGIN_REDIRECT_URL else url

    @property
    def user_model(self) -> str:
        """Django's ``AUTH_USER_MODEL``."""
        return settings.AUTH_USER_MODEL

    @property
    def edge_cache(self) -> str:
        """Alias of the cache in which django-ratelimit counts."""
        return getattr(settings, "RATELIMIT_USE_CACHE", "default")

    @property
    def expects_proxy(self) -> bool:
        """Whether Django is told to believe a proxy's headers."""
        return bool(
            settings.SECURE_PROXY_SSL_HEADER
            or settings.USE_X_FORWARDED_HOST
            or settings.USE_X_FORWARDED_PORT
        )

    def read_all(self) -> Mapping[str, Any]:
        """
        The dict itself, as the site wrote it.

        Raises ``ImproperlyConfigured`` where it is not a dict.
        """
        given = getattr(settings, "D7VERIFY", {})
        if not isinstance(given, Mapping):
            raise ImproperlyConfigured("D7VERIFY must be a dict.")
        return given

    @property
    def secret_keys(self) -> Sequence[str]:
        """``SECRET_KEY`` and its fallbacks."""
        return [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]

    def _read(self, name: str, default: T) -> T:
        return cast("T", self.read_all().get(name, default))
