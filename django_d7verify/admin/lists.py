"""Lists over tables of any size, that nothing is changed in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_d7verify.phones import mask_phone
from django_d7verify.words import Delivery

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _Admin = admin.ModelAdmin
    _Paginator = Paginator

STYLESHEET = "d7verify/admin/d7verify.css"
#: A dash, where there is nothing to say.
NOTHING = "\u2013"
#: What a delivery looks like, by ``make_badge``; any other is quiet.
DELIVERY_TONES: dict[str, str] = {Delivery.DELIVERED: "good", Delivery.UNDELIVERED: "bad"}


class BoundedPaginator(_Paginator):
    """Pages of the first ``MOST`` rows; no more are counted, and none is stepped over."""

    MOST = 500

    @cached_property
    def count(self) -> int:
        """Rows there are, or ``MOST``."""
        # In its order: an unordered one may look for its rows in the whole table.
        rows: Any = self.object_list
        return int(rows[: self.MOST].count())


class _BoundedList(ChangeList):
    """Rows that were counted and are none are not looked for once more."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.result_count:
            self.result_list = self.queryset.none()


class ReadOnlyAdmin(_Admin):
    """Rows to look at, by their own filters only."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    #: Any other order would sort the table.
    sortable_by = ()
    list_per_page = 50

    class Media:
        css = {"all": [STYLESHEET]}

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Act on the rows that were looked at, never on all of a table."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if request.POST.get("select_across") == "1" or not all(map(self._is_key, keys)):
            raise PermissionDenied
        return super().response_action(request, queryset, *args, **kwargs)

    def _is_key(self, text: str) -> bool:
        """Whether *text* could be a row's key: Django answers any other with a 500."""
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that counts once."""
        return _BoundedList

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """
        None but the filters' own.

        SECURITY: ``?number__startswith=`` would spell out a masked number digit by digit.
        """
        filters: Any = self.list_filter
        return lookup in {one.parameter_name for one in filters}


class NumberAdmin(ReadOnlyAdmin):
    """Rows with a number, shown as the viewer may see it: in ``get_number_column``."""

    #: The attribute of a row that it is.
    number_attribute = "number"

    @admin.display(description=_("number"))
    def masked_number(self, row: Model) -> SafeString:
        """As most staff see it."""
        return make_number(mask_phone(getattr(row, self.number_attribute)))

    @admin.display(description=_("number"))
    def full_number(self, row: Model) -> SafeString:
        """For who has the permission."""
        return make_number(getattr(row, self.number_attribute))


def may(request: HttpRequest, permission: str) -> bool:
    """Whether the viewer has *permission*, one of the app's."""
    viewer: Any = request.user
    return bool(viewer.has_perm(f"django_d7verify.{permission}"))


def show_number(request: HttpRequest, number: str) -> str:
    """*number* as the viewer may see it."""
    return number if may(request, "view_full_number") else mask_phone(number)


def get_number_column(request: HttpRequest) -> str:
    """The name of the column with the number as the viewer may see it."""
    return "full_number" if may(request, "view_full_number") else "masked_number"


def make_number(number: str) -> SafeString:
    """*number*, as it is, that reads from left to right in any language."""
    return format_html('<bdi dir="ltr" class="d7-number">{}</bdi>', number)


def make_badge(text: object, tone: str) -> SafeString:
    """*text* in the colours of *tone*: good, bad, warn, busy or quiet."""
    return format_html('<span class="d7-badge d7-{}">{}</span>', tone, text)
