"""Staff unlock a number: by the service, the command and the admin; and it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import transaction

from django_d7verify import services
from django_d7verify.exceptions import InvalidRecipient, LockedOut, SessionClosed, Throttled
from django_d7verify.gateways import locmem
from django_d7verify.models import Event, Recipient
from django_d7verify.words import EventKind

from .conftest import NUMBER

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OTHER_NUMBER = "+971507654321"
LIST = "/admin/django_d7verify/recipient/"


def make_user(name: str = "ann", **fields: Any) -> Any:
    return get_user_model().objects.create(username=name, **fields)


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def lock(number: str, *, user: Any = None, now: datetime = NOW) -> str:
    """Use up the hour's wrong codes; answers the id of the last session, which is locked too."""
    for index in range(2):
        at = now + index * MINUTE
        otp_id = services.send_otp(number, user=user, now=at).otp_id
        wrong = f"{(int(newest_code()) + 1) % 10**6:06}"
        for _ in range(5):
            assert not services.verify_otp(otp_id, wrong, now=at).approved
    with pytest.raises(LockedOut):
        services.send_otp(number, user=user, now=now + 2 * MINUTE)
    return otp_id


def send_and_verify(number: str, now: datetime, *, user: Any = None) -> bool:
    otp = services.send_otp(number, user=user, now=now)
    return services.verify_otp(otp.otp_id, newest_code(), now=now).approved


def events() -> list[tuple[str | None, str, int | None]]:
    found = Event.objects.filter(kind=EventKind.UNLOCKED)
    return list(found.values_list("recipient", "kind", "by"))


@pytest.mark.parametrize("is_owned", [False, True], ids=["a stranger's", "the known user's"])
def test_an_unlocked_number_is_sent_to_and_verified_again(is_owned: bool):
    user = make_user() if is_owned else None
    lock(NUMBER, user=user)
    now = NOW + 2 * MINUTE
    assert services.unlock_recipient(NUMBER, now=now) is True
    assert send_and_verify(NUMBER, now, user=user)


def test_both_the_strangers_failures_and_the_users_own_are_forgotten_at_once():
    user = make_user()
    lock(NUMBER)
    lock(NUMBER, user=user, now=NOW + 2 * MINUTE)
    services.unlock_recipient(NUMBER)
    recipient = Recipient.objects.get()
    columns = ["failures_hour", "failures_day", "owned_failures_hour", "owned_failures_day"]
    assert [getattr(recipient, column) for column in columns] == [0] * 4
    assert recipient.failures_in_a_row == 0


def test_a_number_that_was_disabled_is_enabled_and_its_row_begins_anew(settings: Any):
    settings.D7VERIFY = {**settings.D7VERIFY, "MAX_FAILURES_IN_A_ROW": 10}
    user = make_user()
    lock(NUMBER, user=user)
    assert Recipient.objects.get().disabled
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, user=user, now=NOW + timedelta(days=365))
    services.unlock_recipient(NUMBER)
    recipient = Recipient.objects.get()
    assert (recipient.disabled, recipient.failures_in_a_row) == (False, 0)
    assert send_and_verify(NUMBER, NOW + 3 * MINUTE, user=user)
    # Ten more, and not one, disable it again.
    lock(NUMBER, user=user, now=NOW + timedelta(days=2))
    assert Recipient.objects.get().disabled


def test_sessions_that_ran_out_of_attempts_stay_closed_and_waits_between_sends_stay():
    otp_id = lock(NUMBER)
    now = NOW + MINUTE + timedelta(seconds=30)
    code = newest_code()
    services.unlock_recipient(NUMBER, now=now)
    with pytest.raises(SessionClosed):
        services.verify_otp(otp_id, code, now=now)
    with pytest.raises(Throttled) as caught:
        services.send_otp(NUMBER, now=now)
    assert caught.value.retry_after_seconds == 30


def test_another_number_stays_locked():
    lock(NUMBER)
    lock(OTHER_NUMBER)
    services.unlock_recipient(NUMBER)
    with pytest.raises(LockedOut):
        services.send_otp(OTHER_NUMBER, now=NOW + 2 * MINUTE)


def test_a_number_on_the_stop_list_stays_there():
    services.stop_recipient(NUMBER)
    services.unlock_recipient(NUMBER)
    assert Recipient.objects.get().stopped_at


def test_any_spelling_is_unlocked_and_what_is_none_is_refused():
    lock(NUMBER)
    assert services.unlock_recipient("00971 50 123-45-67".replace("00", "+", 1))
    assert services.send_otp(NUMBER, now=NOW + 2 * MINUTE)
    with pytest.raises(InvalidRecipient):
        services.unlock_recipient("12")


def test_a_number_that_was_never_seen_is_not_made_known_by_unlocking_it():
    assert services.unlock_recipient(NUMBER) is False
    assert not Recipient.objects.exists()
    assert events() == []


def test_it_is_written_down_who_unlocked_which_number_and_when():
    user = make_user("boss")
    services.stop_recipient(NUMBER)
    services.unlock_recipient(NUMBER, by=user, now=NOW)
    services.unlock_recipient(NUMBER, now=NOW + MINUTE)
    assert events() == [(NUMBER, "unlocked", user.pk), (NUMBER, "unlocked", None)]
    event = Event.objects.filter(kind=EventKind.UNLOCKED).earliest("pk")
    assert (event.at, event.session) == (NOW, None)


def test_what_was_written_down_outlives_the_user_who_did_it():
    user = make_user("boss")
    services.stop_recipient(NUMBER)
    services.unlock_recipient(NUMBER, by=user)
    user.delete()
    assert events() == [(NUMBER, "unlocked", None)]


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_holds_with_that_transaction_and_so_does_the_record():
    lock(NUMBER)
    with transaction.atomic():
        services.unlock_recipient(NUMBER)
        transaction.set_rollback(True)
    assert events() == []
    with pytest.raises(LockedOut):
        services.send_otp(NUMBER, now=NOW + 2 * MINUTE)


@pytest.mark.django_db(transaction=True)
def test_the_log_shows_the_number_masked(caplog: pytest.LogCaptureFixture):
    services.stop_recipient(NUMBER)
    caplog.clear()
    caplog.set_level("INFO", logger="django_d7verify")
    services.unlock_recipient(NUMBER)
    assert caplog.messages == ["+9715*****67: recipient_unlocked."]


# The command.


def unlock(*args: str) -> str:
    out = StringIO()
    call_command("d7verify_unlock", *args, stdout=out)
    return out.getvalue()


def test_the_command_unlocks_and_says_so_without_the_number():
    lock(NUMBER)
    assert unlock("+971 50 1234567") == "+9715*****67 is unlocked.\n"
    assert services.send_otp(NUMBER, now=NOW + 2 * MINUTE)
    assert events() == [(NUMBER, "unlocked", None)]


def test_the_command_writes_down_who_did_it():
    user = make_user("boss")
    services.stop_recipient(NUMBER)
    unlock(NUMBER, "--by", "boss")
    assert events() == [(NUMBER, "unlocked", user.pk)]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["12"], "phone number"),
        ([NUMBER], "never seen"),
        ([NUMBER, "--by", "nobody"], "No such user"),
    ],
)
def test_the_command_says_what_it_cannot_do_and_changes_nothing(args: list[str], words: str):
    if "--by" in args:
        services.stop_recipient(NUMBER)
    with pytest.raises(CommandError, match=words) as caught:
        unlock(*args)
    assert NUMBER not in str(caught.value)
    assert events() == []
