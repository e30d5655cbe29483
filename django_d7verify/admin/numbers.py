"""Whose number is whose; staff take a person's numbers away, as after a lost phone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient
from django_d7verify.models import PhoneNumber

from .lists import NumberAdmin, get_number_column, may


@admin.register(PhoneNumber)
class PhoneNumberAdmin(NumberAdmin):
    """Users' proven numbers."""

    list_select_related = ["user"]
    search_fields = ["=number"]
    search_help_text = _("The whole number in any spelling, or the user's name.")
    ordering = ["-pk"]
    actions = ["reset"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The number as the viewer may see it."""
        return [get_number_column(request), "user", "primary", "verified_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The same, one below the other."""
        return self.get_list_display(request)

    def get_readonly_fields(
        self, request: HttpRequest, obj: PhoneNumber | None = None
    ) -> list[Any]:
        """All of them."""
        return self.get_list_display(request)

    @admin.display(description=_("primary"), boolean=True)
    def primary(self, row: PhoneNumber) -> bool:
        """Whether its user's codes go to it."""
        return row.is_primary

    @sensitive_variables()
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole number or the user's whole name, by an index."""
        if not search_term:
            return queryset, False
        try:
            number = services.parse_recipient(search_term).number
        except InvalidRecipient:
            users: Any = get_user_model()
            named = {f"user__{users.USERNAME_FIELD}": search_term}
            return queryset.filter(**named), False
        return queryset.filter(number=number), False

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, and the act on it, which commits by itself."""
        return super().changelist_view(request, extra_context)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """May take numbers away."""
        return may(request, "reset_phonenumber")

    @admin.action(description=_("Take all numbers of these users away"), permissions=["reset"])
    def reset(self, request: HttpRequest, rows: QuerySet[PhoneNumber]) -> None:
        """Forget the numbers: their users bind one anew, and are asked for no code till then."""
        users = {row.user for row in rows.select_related("user")}
        for row in rows:
            self.log_change(request, row, "Taken away with all numbers of its user.")
        for user in users:
            services.reset_numbers(user, by=request.user)
        text = ngettext(
            "The numbers of %d user were taken away.",
            "The numbers of %d users were taken away.",
            len(users),
        )
        self.message_user(request, text % len(users), messages.SUCCESS)
