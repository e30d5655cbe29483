"""Login by phone over HTTP, what each token strategy gives, and the permission for DRF views."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.test import Client, modify_settings
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.authtoken.models import Token
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from django_d7verify import services
from django_d7verify.api.permissions import PhoneVerified
from django_d7verify.gateways import locmem
from django_d7verify.models import OTPSession, Recipient
from django_d7verify.token_strategies import BACKEND, TokenStrategy, get_token_strategy

from .conftest import NUMBER, set_d7verify
from .logging_in import OTHER_NUMBER, deliver, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "django_d7verify.token_strategies."
UNKNOWN_ID = "8ae0340c-3b77-4664-a00e-1d78da109de2"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", BACKEND]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    set_d7verify(settings, DISPATCHER="tests.logging_in.HeldDispatcher")


@pytest.fixture
def user() -> Any:
    return make_user(NUMBER)


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def post(client: Client, path: str, *, token: str = "", **body: Any) -> Any:
    headers = {"X-CSRFToken": token} if token else {}
    return client.post(
        f"/api/otp/login/{path}", body, content_type="application/json", headers=headers
    )


def send(client: Client, number: str = NUMBER) -> str:
    answer = post(client, "send/", recipient=number)
    assert answer.status_code == 202, answer.content
    deliver()
    return str(answer.json()["otp_id"])


def newest_code() -> str:
    return str(locmem.outbox[-1].code)


def log_in(client: Client, **more: Any) -> Any:
    return post(client, "verify/", otp_id=send(client), otp_code=newest_code(), **more)


def use(settings: Any, name: str) -> None:
    set_d7verify(settings, TOKEN_STRATEGY=name if "." in name else PATH + name)


def test_the_answer_to_a_send_is_202_and_shows_a_session_and_no_more(client: Client, user: Any):
    answer = post(client, "send/", recipient=NUMBER)
    assert answer.status_code == 202
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body.pop("otp_id") == str(OTPSession.objects.get().pk)
    assert body == {
        "status": "OPEN",
        "recipient": "+9715*****67",
        "expiry": 600,
        "resend_count": 0,
        "resend_after": 60,
    }
    assert locmem.outbox == []


# Django's session.


def test_a_session_logs_the_browser_in_with_a_new_key(client: Client, user: Any):
    client.get("/admin/login/")
    session = client.session
    session["basket"] = "kept"
    session.save()
    client.cookies["sessionid"] = session.session_key
    before = session.session_key
    otp_id = send(client)
    token = client.cookies["csrftoken"].value
    answer = post(client, "verify/", token=token, otp_id=otp_id, otp_code=newest_code())
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"otp_id", "status", "csrf_token"}
    assert (body["otp_id"], body["status"]) == (otp_id, "APPROVED")
    assert client.session[SESSION_KEY] == str(user.pk)
    assert client.session["_auth_user_backend"] == BACKEND
    assert client.session["basket"] == "kept"
    assert client.session.session_key != before
    assert not client.session.exists(before)
    # The token changes with the login, and the new one is in the answer.
    assert client.cookies["csrftoken"].value != token
    other = send(client, OTHER_NUMBER)
    again = post(client, "verify/", token=body["csrf_token"], otp_id=other, otp_code="123456")
    assert again.json()["code"] == "invalid_code"


@pytest.mark.parametrize("token", ["", "x" * 32, "wrong"])
def test_a_request_without_the_token_against_forgery_is_refused_before_the_code_is_tried(
    client: Client, user: Any, token: str
):
    otp_id = send(client)
    before = Recipient.objects.values().get()
    answer = post(client, "verify/", token=token, otp_id=otp_id, otp_code=newest_code())
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert OTPSession.objects.get().attempts == 0
    assert Recipient.objects.values().get() == before
    assert SESSION_KEY not in client.session
    good = client.cookies["csrftoken"].value
    answer = post(client, "verify/", token=good, otp_id=otp_id, otp_code=newest_code())
    assert answer.status_code == 200


def test_another_browser_without_the_cookie_is_refused(client: Client, user: Any):
    otp_id = send(client)
    other = Client(enforce_csrf_checks=True)
    token = client.cookies["csrftoken"].value
    answer = post(other, "verify/", token=token, otp_id=otp_id, otp_code=newest_code())
    assert answer.status_code == 403
    assert OTPSession.objects.get().attempts == 0


def test_a_session_of_somebody_else_is_not_taken_over(client: Client, user: Any):
    somebody = make_user(None)
    client.force_login(somebody)
    session = client.session
    session["secret"] = "somebody's"
    session.save()
    otp_id = send(client)
    token = client.cookies["csrftoken"].value
    assert post(client, "verify/", token=token, otp_id=otp_id, otp_code=newest_code()).status_code
    assert client.session[SESSION_KEY] == str(user.pk)
    assert "secret" not in client.session


def test_an_inactive_user_is_logged_out_of_a_session_that_our_backend_made(
    client: Client, user: Any
):
    otp_id = send(client)
    token = client.cookies["csrftoken"].value
    post(client, "verify/", token=token, otp_id=otp_id, otp_code=newest_code())
    type(user).objects.update(is_staff=True, is_superuser=True)
    assert client.get("/admin/").status_code == 200
    type(user).objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


# Tokens.


def test_drfs_token_is_the_users_own(client: Client, user: Any, settings: Any):
    use(settings, "DRFTokenStrategy")
    answer = log_in(client)
    assert answer.status_code == 200
    assert answer.json().keys() == {"otp_id", "status", "token"}
    assert Token.objects.get(key=answer.json()["token"]).user == user
    assert "csrftoken" not in client.cookies
    assert "sessionid" not in client.cookies


def test_simplejwts_pair_is_the_users_own(client: Client, user: Any, settings: Any):
    use(settings, "SimpleJWTStrategy")
    answer = log_in(client)
    body = answer.json()
    assert body.keys() == {"otp_id", "status", "access", "refresh"}
    assert AccessToken(body["access"])["user_id"] == str(user.pk)
    assert RefreshToken(body["refresh"])["user_id"] == str(user.pk)


def test_knoxs_token_is_the_users_own_and_ends(client: Client, user: Any, settings: Any):
    use(settings, "KnoxStrategy")
    body = log_in(client).json()
    assert body.keys() == {"otp_id", "status", "token", "expiry"}
    instance = AuthToken.objects.get()
    assert instance.user == user
    assert body["expiry"] == instance.expiry.isoformat()
    assert body["token"] not in str(AuthToken.objects.values())


class ShoutingStrategy(TokenStrategy):
    """A site's own."""

    def issue(self, request: Any, user: Any) -> dict[str, Any]:
        return {"hello": user.pk, "path": request.path}


def test_a_strategy_of_the_sites_own_gives_what_it_likes(client: Client, user: Any, settings: Any):
    use(settings, "tests.test_login_api.ShoutingStrategy")
    body = log_in(client).json()
    assert (body["hello"], body["path"]) == (user.pk, "/api/otp/login/verify/")


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("DRFTokenStrategy", "rest_framework.authtoken.models"),
        ("SimpleJWTStrategy", "rest_framework_simplejwt.tokens"),
        ("KnoxStrategy", "knox.models"),
    ],
)
def test_without_the_package_the_answer_is_503_and_nothing_is_charged(
    client: Client, settings: Any, monkeypatch: Any, name: str, module: str
):
    use(settings, name)
    otp_id = send(client)
    before = Recipient.objects.values().get()
    monkeypatch.setitem(sys.modules, module, None)
    answer = post(client, "verify/", otp_id=otp_id, otp_code=newest_code())
    assert (answer.status_code, answer.json()["code"]) == (503, "gateway_unreachable")
    assert Recipient.objects.values().get() == before
    assert OTPSession.objects.get().attempts == 0
    assert post(client, "send/", recipient=OTHER_NUMBER).status_code == 503
    assert OTPSession.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "app"),
    [("DRFTokenStrategy", "rest_framework.authtoken"), ("KnoxStrategy", "knox")],
)
def test_without_the_app_of_the_package_the_answer_is_503(
    client: Client, user: Any, settings: Any, name: str, app: str
):
    use(settings, name)
    with modify_settings(INSTALLED_APPS={"remove": app}):
        assert post(client, "send/", recipient=NUMBER).status_code == 503
    assert not OTPSession.objects.exists()


def test_a_session_without_our_backend_would_be_nobodys_and_is_refused(
    client: Client, user: Any, settings: Any
):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert post(client, "send/", recipient=NUMBER).status_code == 503
    assert not OTPSession.objects.exists()


@pytest.mark.parametrize("path", ["nowhere.Strategy", "builtins.dict", "builtins.len"])
def test_a_path_to_no_strategy_is_a_503_and_names_the_setting(
    client: Client, settings: Any, path: str
):
    use(settings, path)
    assert post(client, "send/", recipient=NUMBER).status_code == 503
    with pytest.raises(Exception, match="TOKEN_STRATEGY"):
        get_token_strategy()


# Steps.


@pytest.fixture
def tokens(settings: Any) -> None:
    """Where CSRF is not what the test is about."""
    use(settings, "DRFTokenStrategy")


@pytest.mark.usefixtures("tokens", "user")
def test_a_login_is_given_once(client: Client):
    otp_id, code = send(client), newest_code()
    assert post(client, "verify/", otp_id=otp_id, otp_code=code).status_code == 200
    answer = post(client, "verify/", otp_id=otp_id, otp_code=code)
    assert (answer.status_code, answer.json()["code"]) == (400, "session_closed")


@pytest.mark.usefixtures("tokens", "user")
def test_no_step_can_be_skipped(client: Client):
    answer = post(client, "verify/", otp_id=UNKNOWN_ID, otp_code="123456")
    assert (answer.status_code, answer.json()["code"]) == (400, "session_closed")
    verified = services.send_otp(NUMBER)
    deliver()
    code = newest_code()
    answer = post(client, "verify/", otp_id=verified.otp_id, otp_code=code)
    assert (answer.status_code, answer.json()["code"]) == (400, "session_closed")
    client.post(
        "/api/otp/verify/",
        {"otp_id": verified.otp_id, "otp_code": code},
        content_type="application/json",
    )
    answer = post(client, "verify/", otp_id=verified.otp_id, otp_code=code)
    assert (answer.status_code, answer.json()["code"]) == (400, "session_closed")
    assert not Token.objects.exists()


@pytest.mark.usefixtures("tokens")
def test_a_user_made_inactive_after_the_send_gets_no_token(client: Client, user: Any):
    otp_id = send(client)
    type(user).objects.update(is_active=False)
    answer = post(client, "verify/", otp_id=otp_id, otp_code=newest_code())
    assert (answer.status_code, answer.json()["code"]) == (400, "session_closed")
    assert not Token.objects.exists()


@pytest.mark.usefixtures("tokens", "user")
def test_wrong_codes_count_and_are_limited_by_address(client: Client, settings: Any):
    set_d7verify(settings, WRONG_CODES_PER_ADDRESS=["2/h"])
    otp_id = send(client)
    wrong = f"{(int(newest_code()) + 1) % 1_000_000:06}"
    answers = [post(client, "verify/", otp_id=otp_id, otp_code=wrong) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[1].json()["attempts_left"] == 3
    assert OTPSession.objects.get().attempts == 2


@pytest.mark.usefixtures("tokens", "user")
def test_sends_are_limited_by_address(client: Client, settings: Any):
    set_d7verify(settings, SENDS_PER_IPV4=["1/h"])
    send(client)
    assert post(client, "send/", recipient=OTHER_NUMBER).status_code == 429


@pytest.mark.usefixtures("tokens", "user")
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("send/", {}, "recipient"),
        ("send/", {"recipient": 971501234567}, "recipient"),
        ("send/", {"recipient": None}, "recipient"),
        ("send/", {"recipient": ["+971501234567"]}, "recipient"),
        ("send/", {"recipient": "+971501234567" * 9}, "recipient"),
        ("verify/", {}, "otp_id"),
        ("verify/", {"otp_id": UNKNOWN_ID}, "otp_code"),
        ("verify/", {"otp_id": UNKNOWN_ID, "otp_code": 123456}, "otp_code"),
        ("verify/", {"otp_id": UNKNOWN_ID.replace("-", ""), "otp_code": "123456"}, "otp_id"),
        ("verify/", {"otp_id": {"a": 1}, "otp_code": "123456"}, "otp_id"),
    ],
)
def test_a_malformed_body_names_its_field(client: Client, path: str, body: Any, field: str):
    answer = post(client, path, **body)
    assert answer.status_code == 400
    assert field in answer.json()


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b'"text"', b"[" * 99999])
@pytest.mark.parametrize("path", ["send/", "verify/"])
def test_a_body_that_is_no_object_is_refused(client: Client, path: str, body: bytes):
    answer = client.post(f"/api/otp/login/{path}", body, content_type="application/json")
    assert answer.status_code in (400, 413)
    assert not OTPSession.objects.exists()


@pytest.mark.usefixtures("tokens", "user")
def test_a_code_of_another_shape_is_malformed_and_not_counted(client: Client):
    otp_id = send(client)
    answer = post(client, "verify/", otp_id=otp_id, otp_code="12345")
    assert answer.status_code == 400
    assert "otp_code" in answer.json()
    assert OTPSession.objects.get().attempts == 0


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("path", ["send/", "verify/"])
def test_only_post_is_taken(client: Client, path: str):
    assert client.get(f"/api/otp/login/{path}").status_code == 405


@pytest.mark.usefixtures("user")
def test_the_public_send_takes_no_login(client: Client):
    answer = client.post(
        "/api/otp/send/",
        {"recipient": NUMBER, "purpose": "login"},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_purpose")


# The permission.


def ask(user: Any, *permissions: Any) -> Response:
    class PayoutView(APIView):
        permission_classes = permissions

        def get(self, request: Any) -> Response:
            return Response({})

    request = APIRequestFactory().get("/")
    force_authenticate(request, user=user)
    return PayoutView.as_view()(request)


def confirm(user: Any, purpose: str = "second_factor", *, seconds_ago: int = 0) -> None:
    then = timezone.now() - timedelta(seconds=seconds_ago)
    otp = services.send_otp(NUMBER, purpose=purpose, user=user, now=then)
    deliver(now=then)
    assert services.verify_otp(otp.otp_id, newest_code(), purpose=purpose, now=then).approved


def test_a_view_opens_to_who_gave_a_code_lately(user: Any):
    refusal = ask(user, PhoneVerified(within_seconds=300))
    assert refusal.status_code == 403
    assert refusal.data["detail"].code == "phone_not_verified"
    confirm(user)
    assert ask(user, PhoneVerified(within_seconds=300)).status_code == 200
    assert ask(user, PhoneVerified).status_code == 200
    assert ask(user, IsAuthenticated & PhoneVerified(within_seconds=300)).status_code == 200
    assert ask(make_user(None), PhoneVerified(within_seconds=300)).status_code == 403


def test_a_code_that_is_too_old_opens_nothing(user: Any, settings: Any):
    confirm(user, seconds_ago=100)
    assert ask(user, PhoneVerified(within_seconds=99)).status_code == 403
    assert ask(user, PhoneVerified(within_seconds=110)).status_code == 200
    assert ask(user, PhoneVerified(within_seconds=0)).status_code == 403
    set_d7verify(settings, STEP_UP_SECONDS=99)
    assert ask(user, PhoneVerified).status_code == 403


def test_a_code_for_another_purpose_opens_nothing(user: Any, settings: Any):
    set_d7verify(settings, PURPOSES={"payout": {}})
    confirm(user)
    payout = PhoneVerified(within_seconds=300, purpose="payout")
    assert ask(user, payout).status_code == 403
    later = timezone.now() + timedelta(seconds=60)
    otp = services.send_otp(NUMBER, purpose="payout", user=user, now=later)
    deliver(now=later)
    services.verify_otp(otp.otp_id, newest_code(), purpose="payout", now=later)
    assert ask(user, payout).status_code == 200


@pytest.mark.parametrize("nobody", [None, AnonymousUser()])
def test_nobody_in_particular_is_let_in_by_anybodys_code(nobody: Any):
    services.send_otp(NUMBER)
    deliver()
    services.verify_otp(OTPSession.objects.get().otp_id, newest_code())
    request = APIRequestFactory().get("/")
    request.user = nobody
    permission = PhoneVerified(within_seconds=300, purpose="verify")
    assert not permission.has_permission(request, APIView())
