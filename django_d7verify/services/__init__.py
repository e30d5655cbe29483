"""
What a site calls. The only writer of the app's state.

Every function takes plain values, and ``now`` (aware, UTC; the clock by default). Each change is
committed when it returns or raises, so but for those that say otherwise none may be called inside a
transaction of the caller (``ConfigurationError``). ``OperationalError`` comes through where the
database stays busy.
"""

from __future__ import annotations

from .accounts import Balance, ask_balances, get_balances
from .blacklists import (
    BlacklistComparison,
    compare_blacklist,
    pull_blacklist,
    push_blacklist,
)
from .budgets import BudgetUse, lift_budget, read_budget
from .deliveries import (
    find_report_method,
    poll_deliveries,
    record_delivery,
    record_report,
    refresh_delivery,
)
from .delivering import deliver_otp
from .doctor import Finding, examine
from .logins import LoginResult, send_login_otp, verify_login
from .numbers import (
    bind_number,
    is_verified,
    reset_numbers,
    send_number_otp,
    send_second_factor_otp,
)
from .persons import erase_recipient, export_recipient
from .proofs import consume_verification_token, make_verification_token
from .pruning import prune
from .recipients import allow_recipient, stop_recipient, unlock_recipient
from .sending import resend_otp, send_otp
from .states import OTP, VerifyResult, get_otp, parse_recipient
from .statistics import Cell, Figures, Statistics, get_statistics
from .verifying import cancel_otp, verify_otp

__all__ = [
    "OTP",
    "Balance",
    "BlacklistComparison",
    "BudgetUse",
    "Cell",
    "Figures",
    "Finding",
    "LoginResult",
    "Statistics",
    "VerifyResult",
    "allow_recipient",
    "ask_balances",
    "bind_number",
    "cancel_otp",
    "compare_blacklist",
    "consume_verification_token",
    "deliver_otp",
    "erase_recipient",
    "examine",
    "export_recipient",
    "find_report_method",
    "get_balances",
    "get_otp",
    "get_statistics",
    "is_verified",
    "lift_budget",
    "make_verification_token",
    "parse_recipient",
    "poll_deliveries",
    "prune",
    "pull_blacklist",
    "push_blacklist",
    "read_budget",
    "record_delivery",
    "record_report",
    "refresh_delivery",
    "resend_otp",
    "reset_numbers",
    "send_login_otp",
    "send_number_otp",
    "send_otp",
    "send_second_factor_otp",
    "stop_recipient",
    "unlock_recipient",
    "verify_login",
    "verify_otp",
]
