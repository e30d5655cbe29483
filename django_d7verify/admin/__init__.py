"""
What staff see and may do. Nothing is edited here and no code is anywhere to be shown: every act
is one call of ``services``, with a permission of its own, and stands in the admin's log.
"""

from __future__ import annotations

from .budgets import BudgetAdmin
from .numbers import PhoneNumberAdmin
from .recipients import RecipientAdmin
from .sessions import OTPSessionAdmin

__all__ = ["BudgetAdmin", "OTPSessionAdmin", "PhoneNumberAdmin", "RecipientAdmin"]
