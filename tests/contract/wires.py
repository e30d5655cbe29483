"""The six gateways as the cases see them: how each is set up, and where its codes arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Thread
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.utils import timezone
from django.utils.module_loading import import_string

from django_d7verify import services
from django_d7verify.emulator import Emulator
from django_d7verify.gateways import get_gateway
from django_d7verify.gateways.base import CodeMessage, Gateway
from django_d7verify.services import OTP, VerifyResult
from tests.conftest import API_TOKEN, NUMBER

#: By fault: time limits for a call that is not answered anyway. What must come in time is the
#: connection alone.
IMPATIENT: dict[str, dict[str, float]] = {
    "slow": {"read_timeout_seconds": 0.08},
    "stall": {"read_timeout_seconds": 0.08},
    # Its letters come too often for a read to time out: only the total ends it.
    "trickled_headers": {"total_timeout_seconds": 0.3},
}
#: How long a test waits for what another thread does.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Kind:
    """What a site writes in ``GATEWAYS``, and the provider's paths; "" where there is none."""

    backend: str
    make_options: Callable[[str], dict[str, Any]] = lambda _url: {}
    send_path: str = ""
    resend_path: str = ""
    verify_path: str = ""
    #: Its provider asks that the reference be kept private.
    private_reference: bool = False


def _make_d7_options(url: str) -> dict[str, Any]:
    return {"api_token": API_TOKEN, "originator": "SignOTP", "api_url": url}


def _make_2fa_options(url: str) -> dict[str, Any]:
    return {
        "api_token": API_TOKEN,
        "pin_send_url": f"{url}/messenger/2fa/send",
        "pin_authenticate_url": f"{url}/messenger/2fa/authenticate",
        "blacklist_url": f"{url}/messenger/api/blacklist",
    }


def _make_sms_options(url: str) -> dict[str, Any]:
    return {
        "api_token": API_TOKEN,
        "sms_url": f"{url}/messenger/sms",
        "sender": "SignOTP",
        "blacklist_url": f"{url}/messenger/api/blacklist",
    }


KINDS = {
    "D7VerifyGateway": Kind(
        backend="django_d7verify.gateways.d7.D7VerifyGateway",
        make_options=_make_d7_options,
        send_path="/verify/v1/otp/send-otp",
        resend_path="/verify/v1/otp/resend-otp",
        verify_path="/verify/v1/otp/verify-otp",
    ),
    "D7MessagesGateway": Kind(
        backend="django_d7verify.gateways.d7.D7MessagesGateway",
        make_options=_make_d7_options,
        send_path="/messages/v1/send",
    ),
    "Messenger2FAGateway": Kind(
        backend="django_d7verify.gateways.messenger.Messenger2FAGateway",
        make_options=_make_2fa_options,
        send_path="/messenger/2fa/send",
        verify_path="/messenger/2fa/authenticate",
        private_reference=True,
    ),
    "MessengerSMSGateway": Kind(
        backend="django_d7verify.gateways.messenger.MessengerSMSGateway",
        make_options=_make_sms_options,
        send_path="/messenger/sms",
    ),
    "ConsoleGateway": Kind(backend="django_d7verify.gateways.console.ConsoleGateway"),
    "LocMemGateway": Kind(backend="django_d7verify.gateways.locmem.LocMemGateway"),
}
#: Those whose provider is the emulator.
NETWORKED = [name for name, kind in KINDS.items() if kind.send_path]
#: Those whose provider makes and checks the codes.
ASKING = [name for name, kind in KINDS.items() if import_string(kind.backend).makes_codes]


def make_gateway_settings(name: str, emulator: Emulator, **options: Any) -> dict[str, Any]:
    """One value of ``GATEWAYS``, by the name of the gateway's class."""
    kind = KINDS[name]
    return {"BACKEND": kind.backend, "OPTIONS": {**kind.make_options(emulator.url), **options}}


def make_wrong(code: str, variant: int = 1) -> str:
    """A code of the same shape that differs from *code* in every letter; nine variants."""
    return "".join(
        str((int(letter) + variant) % 10)
        if letter.isdigit()
        else chr((ord(letter) - ord("A") + variant) % 26 + ord("A"))
        for letter in code
    )


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds, which another thread brings about."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    pause = Flag()
    while not condition():
        assert time.monotonic() < give_up_at, "It did not happen."
        pause.wait(0.005)


@contextmanager
def serving() -> Iterator[str]:
    """The site on a port of its own, as providers call it; its address."""
    # Not pytest-django's live_server, which needs STATIC_URL.
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    # So that closing waits for what is being answered: it must not end in the next test.
    server.daemon_threads = False
    server.set_app(WSGIHandler())
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_message(**changed: Any) -> CodeMessage:
    """What a gateway is given to send."""
    made: dict[str, Any] = {
        "recipient": NUMBER,
        "content": "Your code: {}",
        "code": "123456",
        "code_length": 6,
        "code_alphabet": "numeric",
        "expiry_seconds": 600,
        "resend_wait_seconds": 60,
        "max_resends": 5,
    }
    return CodeMessage(**{**made, **changed})


class Wire:
    """
    One gateway as the site's ``default``, the phone at its end, and both clocks.

    *now* is the instant of every call; it stands still until ``advance``.
    """

    def __init__(
        self,
        name: str,
        emulator: Emulator,
        settings: Any,
        read_codes: Callable[[], list[str]],
    ) -> None:
        self.kind = KINDS[name]
        self.name = name
        self.emulator = emulator
        self.codes = read_codes
        self.now: datetime = timezone.now()
        self._settings = settings
        self.configure()

    @property
    def gateway(self) -> Gateway:
        return get_gateway("default")

    def configure(self, **options: Any) -> None:
        """Set the site's one gateway up, with *options* beside the usual ones."""
        gateways = {"default": make_gateway_settings(self.name, self.emulator, **options)}
        self._settings.D7VERIFY = {**self._settings.D7VERIFY, "GATEWAYS": gateways}

    @contextmanager
    def impatient(self, fault: str) -> Iterator[None]:
        """Calls inside soon give a provider up that does not answer because of *fault*."""
        if fault not in IMPATIENT:
            yield
            return
        self.configure(**IMPATIENT[fault])
        yield
        self.configure()

    def send(self, **options: Any) -> OTP:
        return services.send_otp(NUMBER, now=self.now, **options)

    def resend(self, otp: OTP) -> OTP:
        return services.resend_otp(otp.otp_id, now=self.now)

    def verify(self, otp: OTP, code: str) -> VerifyResult:
        return services.verify_otp(otp.otp_id, code, now=self.now)

    def newest_code(self) -> str:
        return self.codes()[-1]

    def calls(self, path: str) -> int:
        """How often the provider was called at *path*; 0 where there is no such path."""
        return len(self.emulator.calls(path)) if path else 0

    def advance(self, seconds: float) -> None:
        """Move our clock, and the provider's, which is another machine's."""
        self.now += timedelta(seconds=seconds)
        self.emulator.advance_clock(seconds)
