"""Numbers, masked, and the stop list: adding a number here puts it on the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient
from django_d7verify.models import Recipient
from django_d7verify.words import ERROR_TEXTS

from . import acts
from .filters import StandingFilter
from .lists import NumberAdmin, get_number_column, make_badge, may
from .searching import search_recipients

if TYPE_CHECKING:
    _StopForm = forms.ModelForm[Recipient]
else:
    _StopForm = forms.ModelForm


class StopForm(_StopForm):
    """A number for the stop list, in any spelling, and why."""

    # Wider than a canonical number, which is what it becomes.
    number = forms.CharField(label=_("Number"), max_length=32)

    class Meta:
        model = Recipient
        fields = ["number", "stop_reason"]

    def clean_number(self) -> str:
        """The canonical number."""
        try:
            return services.parse_recipient(self.cleaned_data["number"]).number
        except InvalidRecipient:
            raise forms.ValidationError(ERROR_TEXTS["invalid_recipient"]) from None

    def validate_unique(self) -> None:
        """A number that is known already is stopped like any other."""


@admin.register(Recipient)
class RecipientAdmin(NumberAdmin):
    """Numbers, masked, and the stop list: adding a number here puts it on the list."""

    list_filter = [StandingFilter]
    search_fields = ["=number"]
    search_help_text = _("The whole number in any spelling, or its last four digits.")
    ordering = ["-pk"]
    actions = ["stop", "allow", "unlock"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The number as the viewer may see it."""
        return [get_number_column(request), "standing", "stop_reason", "first_seen"]

    @admin.display(description=_("standing"))
    def standing(self, recipient: Recipient) -> SafeString | str:
        """On the stop list, disabled, or neither."""
        if recipient.stopped_at:
            return make_badge(_("On the stop list"), "bad")
        return make_badge(_("Disabled"), "warn") if recipient.disabled else ""

    @admin.display(description=_("first seen"))
    def first_seen(self, recipient: Recipient) -> Any:
        """When the first code for it was asked for."""
        return recipient.created_at

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By whole number or last digits, by an index."""
        return search_recipients(request, queryset, search_term), False

    def get_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[Any]:
        """A new one is typed; one that is there is only looked at."""
        return ["number", "stop_reason"] if obj is None else self._get_facts(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[Any]:
        """All of one that is there."""
        return [] if obj is None else self._get_facts(request)

    def _get_facts(self, request: HttpRequest) -> list[Any]:
        return [
            get_number_column(request),
            "created_at",
            "stopped_at",
            "stop_reason",
            "disabled",
            "failures_in_a_row",
        ]

    def get_form(
        self,
        request: HttpRequest,
        obj: Recipient | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[_StopForm]:
        """The stop form for a new one."""
        if obj is None:
            kwargs["form"] = StopForm
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Recipient, form: forms.ModelForm[Recipient], change: bool
    ) -> None:
        """Put it on the stop list."""
        services.stop_recipient(obj.number, reason=obj.stop_reason, by=request.user)
        obj.pk = Recipient.objects.get(number=obj.number).pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For who may put a number on the stop list."""
        return self.has_stop_permission(request)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """May put numbers on the stop list and take them from it."""
        return may(request, "stop_recipient")

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """May forget wrong codes."""
        return may(request, "unlock_recipient")

    @admin.action(description=_("Put on the stop list"), permissions=["stop"])
    def stop(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Never send to these again."""
        acts.stop(self, request, recipients)

    @admin.action(description=_("Take from the stop list"), permissions=["stop"])
    def allow(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Send to these again."""
        acts.allow(self, request, recipients)

    @admin.action(description=_("Unlock, and enable again"), permissions=["unlock"])
    def unlock(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Forget the wrong codes of these."""
        acts.unlock(self, request, recipients)
