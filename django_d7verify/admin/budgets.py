"""Budgets: what prefixes, countries and the site have used up."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_d7verify import services
from django_d7verify.models import Budget

from .lists import NOTHING, ReadOnlyAdmin, make_badge, may
from .times import say_duration


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """Budgets that codes were taken from, and lifting them."""

    list_display = ["scope", "hour_used", "day_used", "state"]
    fields = ["scope", "hour_used", "day_used", "state"]
    readonly_fields = ["scope", "hour_used", "day_used", "state"]
    search_fields = ["^scope"]
    search_help_text = _("How it begins: country:EE, or prefix:+372.")
    ordering = ["-day"]
    actions = ["lift"]

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """May give back what was taken."""
        return may(request, "lift_budget")

    @admin.display(description=_("taken of the hour's"))
    def hour_used(self, budget: Budget) -> str:
        """Codes taken, of how many."""
        return _say_used(budget, "hour")

    @admin.display(description=_("taken of the day's"))
    def day_used(self, budget: Budget) -> str:
        """Codes taken, of how many."""
        return _say_used(budget, "day")

    @admin.display(description=_("state"))
    def state(self, budget: Budget) -> SafeString:
        """Whether it gives another code, and when."""
        wait = services.read_budget(budget).wait_seconds
        if not wait:
            return make_badge(_("Room"), "good")
        return make_badge(_("Used up for %s") % say_duration(wait), "bad")

    @admin.action(description=_("Lift: give back all that was taken"), permissions=["lift"])
    def lift(self, request: HttpRequest, budgets: QuerySet[Budget]) -> None:
        """Send there again, till it is used up again."""
        done = 0
        for budget in budgets:
            if services.lift_budget(budget.scope, by=request.user):
                self.log_change(request, budget, "Lifted.")
                done += 1
        text = ngettext("%d budget was lifted.", "%d budgets were lifted.", done)
        self.message_user(request, text % done, messages.SUCCESS)


def _say_used(budget: Budget, column: str) -> str:
    used = services.read_budget(budget).used.get(column)
    if used is None:
        return NOTHING
    return str(_("%(used)s of %(count)s")) % {"used": localize(used[0]), "count": localize(used[1])}
