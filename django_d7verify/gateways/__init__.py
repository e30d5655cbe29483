"""Gateways by alias, made once per process from ``D7VERIFY["GATEWAYS"]``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from django_d7verify.conf import conf
from django_d7verify.exceptions import ConfigurationError

from .base import Gateway

_lock = threading.Lock()
_made: dict[str, tuple[Mapping[str, Any], Gateway]] = {}


def get_gateway(alias: str) -> Gateway:
    """
    The gateway of *alias*: the same one, with its open connections, until its settings change.

    Raises ``ConfigurationError`` for an unknown alias, a bad path or options that do not fit.
    """
    try:
        settings = conf.GATEWAYS[alias]
    except KeyError:
        raise ConfigurationError(f"D7VERIFY['GATEWAYS'] has no {alias!r}.") from None
    with _lock:
        known = _made.get(alias)
        if known is None or known[0] != settings:
            known = _made[alias] = (dict(settings), make_gateway(alias, settings))
        return known[1]


def make_gateway(alias: str, settings: Mapping[str, Any]) -> Gateway:
    """A new gateway by *settings* (``BACKEND``, ``OPTIONS``). Raises ``ConfigurationError``."""
    where = f"D7VERIFY['GATEWAYS'][{alias!r}]"
    try:
        backend = import_string(settings["BACKEND"])
        gateway = backend(alias=alias, **settings.get("OPTIONS", {}))
    except KeyError:
        raise ConfigurationError(f"{where} has no BACKEND.") from None
    except ImportError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if not isinstance(gateway, Gateway):
        raise ConfigurationError(f"{where}: {settings['BACKEND']} is not a Gateway.")
    return gateway
