"""Filters of the lists. None of them reads the table to say what there is to choose."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_d7verify.conf import conf
from django_d7verify.models import OTPSession, Pin
from django_d7verify.words import Delivery, SessionStatus

#: Sessions among which countries are looked for.
_NEWEST = 5000
_PERIODS = {
    "1": _("Past 24 hours"),
    "7": _("Past 7 days"),
    "30": _("Past 30 days"),
    "90": _("Past 90 days"),
}
_DEFAULT_PERIOD = "30"


def find_period(request: HttpRequest) -> str:
    """The days that are looked at, one of ``_PERIODS``."""
    chosen = request.GET.get(str(PeriodFilter.parameter_name), "")
    return chosen if chosen in _PERIODS else _DEFAULT_PERIOD


def find_since(request: HttpRequest) -> datetime | None:
    """Where the period begins that is looked at; None where a search looks at all times."""
    if request.GET.get(SEARCH_VAR):
        return None
    return timezone.now() - timedelta(days=int(find_period(request)))


class _Filter(admin.SimpleListFilter):
    """A filter by a word."""

    def value(self) -> str | None:
        """What is chosen; nothing that is no word, as a NUL, which PostgreSQL refuses."""
        chosen = super().value() or ""
        return chosen if chosen and chosen.isprintable() else None


class PeriodFilter(_Filter):
    """How far back. No further: only a search, by an index, looks at all times."""

    title = _("created")
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Days, as text."""
        return list(_PERIODS.items())

    def value(self) -> str:
        """The one chosen, or the default."""
        chosen = super().value()
        return chosen if chosen in _PERIODS else _DEFAULT_PERIOD

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without Django's "All", which is the last of them."""
        choices = super().choices(changelist)
        next(choices)
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that began within it."""
        since = find_since(request)
        return queryset.filter(created_at__gte=since) if since else queryset


class StatusFilter(_Filter):
    """The status, with the clock looked at."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Every status."""
        return list(SessionStatus.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Those that stand so now."""
        chosen = self.value() or ""
        if chosen not in SessionStatus.values:
            return queryset
        return queryset.of_status(SessionStatus(chosen), now=timezone.now())


class _ColumnFilter(_Filter):
    """One column of the session, by what is known without looking."""

    @abstractmethod
    def find_values(self) -> Iterable[str]:
        """What there is to choose."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose, and what is chosen already, as from an old bookmark."""
        values = {*self.find_values(), self.value() or ""} - {""}
        return [(value, value) for value in sorted(values)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those with it."""
        if not self.value():
            return queryset
        return queryset.filter(**{str(self.parameter_name): self.value()})


class PurposeFilter(_ColumnFilter):
    """Why a code was asked for."""

    title = _("purpose")
    parameter_name = "purpose"

    def find_values(self) -> Iterable[str]:
        """The site's purposes."""
        return conf.PURPOSES


class GatewayFilter(_ColumnFilter):
    """Through what it was to be sent."""

    title = _("gateway")
    parameter_name = "gateway"

    def find_values(self) -> Iterable[str]:
        """The site's gateways."""
        return conf.GATEWAYS


class CountryFilter(_ColumnFilter):
    """The number's country."""

    title = _("country")
    parameter_name = "country"

    def find_values(self) -> Iterable[str]:
        """Those of the newest sessions."""
        newest = OTPSession.objects.order_by("-created_at").values("country")[:_NEWEST]
        return set(newest.values_list("country", flat=True))


class DeliveryFilter(_Filter):
    """What the network said of the newest code."""

    title = _("delivery")
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Every word for it."""
        return [(delivery.name.lower(), delivery.label) for delivery in Delivery]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those whose newest code has it."""
        chosen = {delivery.name.lower(): delivery for delivery in Delivery}.get(self.value() or "")
        if chosen is None:
            return queryset
        newest = Pin.objects.filter(
            session=OuterRef("pk"), generation=OuterRef("generation"), delivery=chosen
        )
        # For the planner: where few pins have it, they are the way to their sessions.
        since = find_since(request)
        return queryset.filter(Exists(newest.filter(created_at__gte=since) if since else newest))


class StandingFilter(_Filter):
    """Numbers that something is the matter with."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Stopped or disabled."""
        return [("stopped", _("On the stop list")), ("disabled", _("Disabled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those that stand so."""
        if self.value() == "stopped":
            return queryset.filter(stopped_at__isnull=False)
        return queryset.filter(disabled=True) if self.value() == "disabled" else queryset
