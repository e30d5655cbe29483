"""OTP sessions: the list, and all that happened in one of them on one page."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_d7verify import services
from django_d7verify.exceptions import ConfigurationError
from django_d7verify.models import OTPSession, Pin, Recipient
from django_d7verify.words import Delivery, SessionStatus

from . import acts, statistics
from .exports import make_csv_response
from .filters import (
    CountryFilter,
    DeliveryFilter,
    GatewayFilter,
    PeriodFilter,
    PurposeFilter,
    StatusFilter,
)
from .lists import (
    DELIVERY_TONES,
    NOTHING,
    BoundedPaginator,
    NumberAdmin,
    get_number_column,
    make_badge,
    may,
)
from .searching import search_sessions
from .stories import read_story
from .timeline import say_reason

logger = logging.getLogger("django_d7verify")

STATUS_TONES = {
    SessionStatus.OPEN: "busy",
    SessionStatus.APPROVED: "good",
    SessionStatus.LOCKED: "bad",
    SessionStatus.FAILED: "bad",
}
#: Sessions whose providers are asked in one go: each may take ten seconds.
_MOST_ASKED = 10


@admin.register(OTPSession)
class OTPSessionAdmin(NumberAdmin):
    """Sessions, newest first, and what staff may do about them."""

    number_attribute = "recipient_id"
    change_list_template = "admin/django_d7verify/otpsession/change_list.html"
    list_filter = [
        PeriodFilter,
        StatusFilter,
        DeliveryFilter,
        PurposeFilter,
        GatewayFilter,
        CountryFilter,
    ]
    search_fields = ["=otp_id"]
    search_help_text = _(
        "The whole number in any spelling, its last four digits, or the id of a session."
    )
    ordering = ["-created_at"]
    actions = ["cancel", "refresh", "unlock", "stop"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OTPSession]:
        """Without what codes are checked by, and with the pins, newest first: one SELECT more."""
        pins = Pin.objects.order_by("-generation").defer("digest")
        sessions = super().get_queryset(request).defer("salt", "unanswered")
        return sessions.prefetch_related(Prefetch("pins", queryset=pins))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The number as the viewer may see it."""
        return [
            get_number_column(request),
            "created",
            "status_now",
            "delivery",
            "for_purpose",
            "through",
            "to_country",
            "tries",
        ]

    @admin.display(description=_("status"))
    def status_now(self, session: OTPSession) -> SafeString:
        """By the clock."""
        status = session.status_at(timezone.now())
        return make_badge(status.label, STATUS_TONES.get(status, "quiet"))

    @admin.display(description=_("delivery"))
    def delivery(self, session: OTPSession) -> SafeString | str:
        """What the network said of the newest code."""
        pins = list(session.pins.all())
        word = Delivery(pins[0].delivery) if pins else Delivery.UNKNOWN
        return make_badge(word.label, DELIVERY_TONES.get(word, "quiet")) if word else NOTHING

    @admin.display(description=_("purpose"))
    def for_purpose(self, session: OTPSession) -> str:
        """Why."""
        return session.purpose

    @admin.display(description=_("gateway"))
    def through(self, session: OTPSession) -> str:
        """The gateway it began with."""
        return session.gateway

    @admin.display(description=_("country"))
    def to_country(self, session: OTPSession) -> str:
        """The number's."""
        return session.country

    @admin.display(description=_("attempts"))
    def tries(self, session: OTPSession) -> str:
        """Codes tried, of how many."""
        return f"{session.attempts} / {session.max_attempts}"

    @admin.display(description=_("created"))
    def created(self, session: OTPSession) -> str:
        """When it began."""
        return date_format(timezone.localtime(session.created_at), "Y-m-d H:i")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By number, last digits or id, by an index."""
        found = search_sessions(request, queryset, search_term) if search_term else queryset
        return found, False

    # Pages.

    def get_urls(self) -> list[URLPattern]:
        """The pages beside Django's own."""
        pages = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"d7verify_{name}")
            for name, view in [
                ("statistics", self.statistics_view),
                ("balances", self.balances_view),
                ("export", self.export_view),
            ]
        ]
        act = path(
            "<uuid:otp_id>/act/", self.admin_site.admin_view(self.act_view), name="d7verify_act"
        )
        return [*pages, act, *super().get_urls()]

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, and the acts on it, which commit by themselves."""
        context = {
            "may_export": self.has_export_permission(request),
            "may_see_statistics": may(request, "view_statistics"),
            "may_see_balances": may(request, "view_balance"),
            "most_listed": BoundedPaginator.MOST,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One session: facts, timeline, codes and messages, and the number."""
        session = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        if session is None:
            return self._say_missing(request)
        now = timezone.now()
        status = session.status_at(now)
        story = read_story(request, session, now=now)
        context = {
            **self.admin_site.each_context(request),
            **story,
            "title": _t("OTP session"),
            "opts": self.opts,
            "original": session,
            "status": status,
            "status_tone": STATUS_TONES.get(status, "quiet"),
            "acts": self._find_acts(request, session, status, is_locked=story["locked_for"]),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/django_d7verify/otpsession/story.html", context)

    def _find_acts(
        self, request: HttpRequest, session: OTPSession, status: SessionStatus, *, is_locked: object
    ) -> list[tuple[str, str]]:
        """Name and words of what the viewer can still do about *session*."""
        number = session.recipient
        useful = {
            "cancel": status == SessionStatus.OPEN,
            "refresh": any(pin.reference for pin in session.pins.all()),
            "unlock": number.disabled or bool(is_locked),
            "stop": not number.stopped_at,
        }
        return [
            (name, getattr(self, name).short_description)
            for name in self.get_actions(request)
            if useful.get(name, True)
        ]

    def _say_missing(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, _t("There is no such session."), messages.WARNING)
        return HttpResponseRedirect(self._get_url("changelist"))

    def _get_url(self, page: str, *arguments: object) -> str:
        return reverse(f"{self.admin_site.name}:django_d7verify_otpsession_{page}", args=arguments)

    @transaction.non_atomic_requests
    def act_view(self, request: HttpRequest, otp_id: Any) -> HttpResponse:
        """``POST action=``: one of the acts, on the one session that is looked at."""
        name = request.POST.get("action", "")
        if name not in self.get_actions(request) or not self.has_view_permission(request):
            raise PermissionDenied
        getattr(self, name)(request, self.get_queryset(request).filter(pk=otp_id))
        return HttpResponseRedirect(self._get_url("change", otp_id))

    def statistics_view(self, request: HttpRequest) -> HttpResponse:
        """Figures of the last 7, 30 or 90 days."""
        if not may(request, "view_statistics"):
            raise PermissionDenied
        days = statistics.read_window(request.GET.get("days"))
        return self._show(request, "statistics", _t("Statistics"), statistics.read_context(days))

    def balances_view(self, request: HttpRequest) -> HttpResponse:
        """A button; and what the providers answered, once it was pressed."""
        if not may(request, "view_balance"):
            raise PermissionDenied
        balances = None
        if request.method == "POST":
            balances = [(one, say_reason(one.error)) for one in services.ask_balances()]
        return self._show(request, "balances", _t("Balances"), {"balances": balances})

    def _show(
        self, request: HttpRequest, name: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            f"admin/django_d7verify/otpsession/{name}.html",
            {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context},
        )

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Every session that the list's filters and search leave, as CSV; it is logged."""
        if not (self.has_export_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        changes = self.get_changelist_instance(request)
        specs: list[Any] = changes.filter_specs
        # Not the search, which may be a number.
        filters = ", ".join(f"{spec.title}: {spec.value()}" for spec in specs if spec.value())
        full = may(request, "view_full_number")
        viewer: Any = request.user
        LogEntry.objects.create(
            user=viewer,
            content_type=ContentType.objects.get_for_model(OTPSession),
            object_repr="CSV",
            action_flag=CHANGE,
            change_message=f"Exported ({filters}), numbers {'in full' if full else 'masked'}.",
        )
        extra = {"event": "sessions_exported", "user_id": viewer.pk}
        logger.info("Sessions exported by user %s (%s).", viewer.pk, filters, extra=extra)
        return make_csv_response(request, changes.queryset, now=timezone.now())

    # Acts.

    def has_export_permission(self, request: HttpRequest) -> bool:
        """May take sessions out as CSV."""
        return may(request, "export_otpsession")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """May give sessions up."""
        return may(request, "cancel_otpsession")

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        """May ask providers."""
        return may(request, "refresh_otpsession")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """May put numbers on the stop list."""
        return may(request, "stop_recipient")

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """May forget wrong codes."""
        return may(request, "unlock_recipient")

    @admin.action(description=_("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, sessions: QuerySet[OTPSession]) -> None:
        """Give these up: their codes work no longer."""
        done = 0
        for session in sessions:
            if session.status_at(timezone.now()) != SessionStatus.OPEN:
                continue
            otp = services.cancel_otp(session.otp_id, by=request.user)
            if otp.status == SessionStatus.CANCELLED:
                self.log_change(request, session, "Cancelled.")
                done += 1
        text = ngettext("%d open session was cancelled.", "%d open sessions were cancelled.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Ask what became of the messages"), permissions=["refresh"])
    def refresh(self, request: HttpRequest, sessions: QuerySet[OTPSession]) -> None:
        """Ask the providers of these, a few at a time."""
        counts: Counter[str] = Counter()
        for session in sessions[:_MOST_ASKED]:
            try:
                counts += services.refresh_delivery(session.otp_id)
            except ConfigurationError:
                counts["failed"] += 1
            self.log_change(request, session, "Asked the provider about delivery.")
        text = _t("Asked about messages: %(asked)d. News: %(changed)d. No answer: %(failed)d.") % {
            name: counts[name] for name in ("asked", "changed", "failed")
        }
        self.message_user(request, text, messages.WARNING if counts["failed"] else messages.INFO)

    @admin.action(description=_("Unlock the number"), permissions=["unlock"])
    def unlock(self, request: HttpRequest, sessions: QuerySet[OTPSession]) -> None:
        """Forget the wrong codes of these numbers."""
        acts.unlock(self, request, _find_numbers(sessions))

    @admin.action(description=_("Put the number on the stop list"), permissions=["stop"])
    def stop(self, request: HttpRequest, sessions: QuerySet[OTPSession]) -> None:
        """Never send to these numbers again."""
        acts.stop(self, request, _find_numbers(sessions))


def _find_numbers(sessions: QuerySet[OTPSession]) -> QuerySet[Any]:
    return Recipient.objects.filter(number__in={session.recipient_id for session in sessions})
