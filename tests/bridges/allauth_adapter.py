from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter

from django_d7verify.contrib.allauth import PhoneAdapterMixin


class Adapter(PhoneAdapterMixin, DefaultAccountAdapter):
    """As a site has it."""
