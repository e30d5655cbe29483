"""Durations, as people say them."""

from __future__ import annotations

from django.utils.translation import gettext as _


def say_duration(seconds: int) -> str:
    """*seconds* in its two largest units: "45 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if not minutes:
        return _("%(seconds)d s") % {"seconds": seconds}
    if not hours:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds % 60}
    if not days:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes % 60}
    return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours % 24}
