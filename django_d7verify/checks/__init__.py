"""
System checks, with stable ids: every key and value of ``D7VERIFY``, and the gateways' options.

Errors stop the site; warnings of ``check --deploy`` name what must not go to production.
"""

from __future__ import annotations

from django.core import checks

from .deployment import check_deployment
from .site import check_settings

checks.register(check_settings, checks.Tags.security)
checks.register(check_deployment, checks.Tags.security, deploy=True)
