"""What staff do to numbers, from whichever list they are looked at in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import ngettext

from django_d7verify import services
from django_d7verify.models import Recipient


def stop(view: admin.ModelAdmin[Any], request: HttpRequest, numbers: Iterable[Recipient]) -> None:
    """Put *numbers* on the stop list."""
    done = _do(services.stop_recipient, view, request, numbers, "Put on the stop list.")
    text = ngettext(
        "%d number was put on the stop list.", "%d numbers were put on the stop list.", done
    )
    view.message_user(request, text % done, messages.SUCCESS)


def allow(view: admin.ModelAdmin[Any], request: HttpRequest, numbers: Iterable[Recipient]) -> None:
    """Take *numbers* from the stop list."""
    done = _do(services.allow_recipient, view, request, numbers, "Taken from the stop list.")
    text = ngettext(
        "%d number was taken from the stop list.",
        "%d numbers were taken from the stop list.",
        done,
    )
    view.message_user(request, text % done, messages.SUCCESS)


def unlock(view: admin.ModelAdmin[Any], request: HttpRequest, numbers: Iterable[Recipient]) -> None:
    """Forget the wrong codes of *numbers*, and enable those that they disabled."""
    done = _do(services.unlock_recipient, view, request, numbers, "Unlocked.")
    text = ngettext("%d number is unlocked.", "%d numbers are unlocked.", done)
    view.message_user(request, text % done, messages.SUCCESS)


def _do(
    act: Callable[..., bool],
    view: admin.ModelAdmin[Any],
    request: HttpRequest,
    numbers: Iterable[Recipient],
    log: str,
) -> int:
    done = 0
    for recipient in numbers:
        if act(recipient.number, by=request.user):
            view.log_change(request, recipient, log)
            done += 1
    return done
