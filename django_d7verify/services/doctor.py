"""
What a site looks like from where it runs: settings, providers, cache, clocks, its own report URL.

Each look is a small function of findings that raises nothing; ``examine`` runs them in turn.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from django.core.cache import caches
from django.core.checks import ERROR, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections, router

from django_d7verify.clients.http import Transport
from django_d7verify.conf import conf
from django_d7verify.exceptions import (
    ConfigurationError,
    D7VerifyError,
    GatewayError,
    GatewayUnreachable,
)
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import Gateway
from django_d7verify.models import OTPSession

from .sending import send_otp

#: Between the clocks of two machines that keep time by the network there are milliseconds.
SKEW_WARN_SECONDS = 2
SKEW_FAIL_SECONDS = 30

_REPORT_TIMEOUT_SECONDS = 5
#: Seconds since 1970 by the database's clock.
_CLOCK_SQL = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT unix_timestamp(now(6))",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    #: What: "settings", "gateway default", "cache default", "database", "clock", ...
    subject: str
    level: Literal["ok", "warn", "fail"]
    #: A sentence, without secrets and full numbers.
    text: str


def examine(*, send_to: str | None = None) -> Iterator[Finding]:
    """
    Look at everything, one finding after the other; makes a call or two to each provider.

    *send_to*: a number that a code is sent to, which costs money. Nothing but the settings is
    looked at while they have errors.
    """
    findings = list(check_settings())
    yield from findings
    if any(finding.level == "fail" for finding in findings):
        return
    for alias in conf.GATEWAYS:
        yield check_account(alias)
    yield check_cache()
    yield check_clock()
    for alias in conf.GATEWAYS:
        yield from check_reports(alias)
    if send_to is not None:
        yield send_test(send_to)


def check_settings() -> Iterator[Finding]:
    """What the app's system checks say, those of ``check --deploy`` among them."""
    said = [
        message
        for message in run_checks(include_deployment_checks=True)
        if str(message.id).startswith("d7verify.") and not message.is_silenced()
    ]
    for message in said:
        text = f"{message.id}: {message.msg} {message.hint or ''}".strip()
        yield Finding(
            subject="settings", level="fail" if message.level >= ERROR else "warn", text=text
        )
    if not said:
        yield Finding(subject="settings", level="ok", text="The system checks have nothing to say.")


def check_account(alias: str) -> Finding:
    """Whether the provider of *alias* takes the credentials, and what is left on the account."""

    def find(level: Literal["ok", "warn", "fail"], text: str) -> Finding:
        return Finding(subject=f"gateway {alias}", level=level, text=text)

    try:
        balance = get_gateway(alias).get_balance()
    except ConfigurationError as error:
        return find("fail", f"The provider does not take the credentials. {error}")
    except GatewayUnreachable as error:
        return find("fail", f"The provider cannot be reached from here. {error}")
    except GatewayError as error:
        return find("fail", f"The provider did not answer as it should. {error}")
    if balance is None:
        return find(
            "ok", "Its provider does not tell a balance; only a code tries the credentials."
        )
    if balance <= 0:
        return find("fail", f"Nothing is left on the account: {balance}.")
    return find("ok", f"The provider takes the credentials; the balance is {balance}.")


def check_cache() -> Finding:
    """Whether the cache of the edge limits keeps what is written, and counts."""
    subject = f"cache {conf.edge_cache}"
    key = f"d7verify.doctor.{secrets.token_hex(8)}"
    try:
        cache = caches[conf.edge_cache]
        cache.set(key, 1, timeout=60)
        counted = cache.incr(key) if cache.get(key) == 1 else None
        cache.delete(key)
    except Exception as error:  # noqa: BLE001 - each cache client has errors of its own
        text = f"It does not answer, so requests for codes are refused: {type(error).__name__}."
        return Finding(subject=subject, level="fail", text=text)
    if counted != 2:  # noqa: PLR2004 - one, and one more
        text = "It does not keep what is written, so requests for codes are refused."
        return Finding(subject=subject, level="fail", text=text)
    return Finding(subject=subject, level="ok", text="It writes, reads and counts.")


def check_clock() -> Finding:
    """How far this machine's clock is from the database's, which all of its machines share."""
    connection = connections[router.db_for_write(OTPSession)]
    sql = _CLOCK_SQL.get(connection.vendor)
    if sql is None:
        return Finding(subject="clock", level="ok", text="This database's is not compared with.")
    try:
        with connection.cursor() as cursor:
            before = time.time()
            cursor.execute(sql)
            theirs = float(cursor.fetchone()[0])
            skew = round(theirs - (before + time.time()) / 2, 1)
    except DatabaseError as error:
        return Finding(subject="clock", level="fail", text=f"The database fails: {error}".strip())
    text = f"The database's clock is {skew:+.1f} s from this machine's."
    if abs(skew) < SKEW_WARN_SECONDS:
        return Finding(subject="clock", level="ok", text=text)
    text += " Machines of one site must agree on the time: limits and expiry are by their clocks."
    return Finding(
        subject="clock", level="fail" if abs(skew) >= SKEW_FAIL_SECONDS else "warn", text=text
    )


def check_reports(alias: str) -> Iterator[Finding]:
    """Whether delivery reports for *alias* would find the site: by the wrong method, so 405."""
    gateway = get_gateway(alias)
    if gateway.report_method is None:
        return
    url = gateway.get_report_url()
    if url is None:
        level: Literal["ok", "warn", "fail"] = "warn"
        text = "Its provider reports deliveries; without REPORT_URL and REPORT_SECRETS, to nobody."
    else:
        level, text = _call_report_url(gateway, url)
    yield Finding(subject=f"reports {alias}", level=level, text=text)


def _call_report_url(gateway: Gateway, url: str) -> tuple[Literal["ok", "warn", "fail"], str]:
    transport = Transport(total_timeout_seconds=_REPORT_TIMEOUT_SECONDS)
    call: dict[str, Callable[[], int]] = {
        "GET": lambda: transport.post_form(url, {}, name="POST to REPORT_URL").status,
        "POST": lambda: transport.get(url, name="GET of REPORT_URL").status,
    }
    try:
        status = call[gateway.report_method or "POST"]()
    except GatewayError as error:
        return "warn", f"The site's report URL does not answer from here. {error}"
    finally:
        transport.close()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return "ok", "The site's report URL answers from here."
    return "fail", (
        f"The site's report URL answers {status} in place of 405: is django_d7verify.webhooks "
        "included there, and is it this site that answers?"
    )


def send_test(recipient: str) -> Finding:
    """Send a code to *recipient* by the default gateway; costs money."""
    try:
        otp = send_otp(recipient)
    except (D7VerifyError, ImproperlyConfigured) as error:
        return Finding(subject="test message", level="fail", text=str(error))
    text = f"Sent to {otp.masked_recipient}; d7verify_status {otp.otp_id} tells how it fares."
    return Finding(subject="test message", level="ok", text=text)
