"""What staff see and may do. No code is anywhere to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from . import services
from .exceptions import InvalidRecipient
from .models import Recipient
from .phones import mask_phone
from .words import ERROR_TEXTS

if TYPE_CHECKING:
    _RecipientAdmin = admin.ModelAdmin[Recipient]
    _StopForm = forms.ModelForm[Recipient]
else:
    _RecipientAdmin = admin.ModelAdmin
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
class RecipientAdmin(_RecipientAdmin):
    """Numbers, masked, and the stop list: adding a number here puts it on the list."""

    list_display = ["masked", "stopped_at", "stop_reason", "disabled", "failures_in_a_row"]
    list_filter = [("stopped_at", admin.EmptyFieldListFilter), "disabled"]
    search_fields = ["=number"]
    search_help_text = _("The whole number, with its country code.")
    show_full_result_count = False
    ordering = ["-pk"]
    actions = ["stop", "allow", "unlock"]
    readonly_fields = ["masked", "created_at", "stopped_at", "disabled", "failures_in_a_row"]

    @admin.display(description=_("number"))
    def masked(self, recipient: Recipient) -> str:
        """The number as staff see it."""
        return mask_phone(recipient.number)

    def get_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[Any]:
        """A new one is typed; one that is there is only looked at."""
        return ["number", "stop_reason"] if obj is None else [*self.readonly_fields, "stop_reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[str]:
        """All of one that is there."""
        return [] if obj is None else [*self.readonly_fields, "stop_reason"]

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

    def has_delete_permission(self, request: HttpRequest, obj: Recipient | None = None) -> bool:
        """Never: with the row its limits would go."""
        return False

    @admin.action(description=_("Put on the stop list"), permissions=["change"])
    def stop(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Never send to these again."""
        for recipient in recipients:
            if services.stop_recipient(recipient.number, by=request.user):
                self.log_change(request, recipient, "Put on the stop list.")
        self._say_done(request, len(recipients))

    @admin.action(description=_("Take from the stop list"), permissions=["change"])
    def allow(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Send to these again."""
        for recipient in recipients:
            if services.allow_recipient(recipient.number, by=request.user):
                self.log_change(request, recipient, "Taken from the stop list.")
        self._say_done(request, len(recipients))

    @admin.action(description=_("Unlock, and enable again"), permissions=["change"])
    def unlock(self, request: HttpRequest, recipients: QuerySet[Recipient]) -> None:
        """Forget the wrong codes of these."""
        for recipient in recipients:
            if services.unlock_recipient(recipient.number, by=request.user):
                self.log_change(request, recipient, "Unlocked.")
        self._say_done(request, len(recipients))

    def _say_done(self, request: HttpRequest, number: int) -> None:
        text = ngettext("%d number is done.", "%d numbers are done.", number)
        self.message_user(request, text % number, messages.SUCCESS)
