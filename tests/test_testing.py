"""What the package gives to the tests of a site, on a tiny site with a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_d7verify.gateways import locmem

ROOT = Path(__file__).resolve().parent.parent

SITE = """
SECRET_KEY = "x" * 50
USE_TZ = True
ROOT_URLCONF = "site_urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework",
                  "django_d7verify"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
D7VERIFY = {
    "TOKEN_STRATEGY": "django_d7verify.token_strategies.SimpleJWTStrategy",
    "SIGN_UP": True,
    "SENDS_PER_IPV4": ["1/d"],
    "GATEWAYS": {
        "default": {
            "BACKEND": "django_d7verify.gateways.d7.D7VerifyGateway",
            "OPTIONS": {"api_token": "token", "originator": "Site", "api_url": "http://127.0.0.1:1"},
        },
        "second": {"BACKEND": "nowhere.Gateway"},
    },
    "PURPOSES": {"payout": {"PUBLIC": True, "GATEWAY": "second"}},
}
"""
URLS = """
from django.urls import include, path
urlpatterns = [path("otp/", include("django_d7verify.api.urls"))]
"""
CONFTEST = 'pytest_plugins = ["django_d7verify.testing"]\n'
TESTS = """
import pytest
from django.test import TestCase
from django_d7verify import services

NUMBER = "+971501234567"


def post(client, path, **body):
    return client.post(f"/otp/{path}", body, content_type="application/json")


@pytest.mark.parametrize("again", range(2))
def test_a_person_logs_in_within_db(client, db, d7verify_outbox, again):
    assert d7verify_outbox == []
    otp_id = post(client, "login/send/", recipient=NUMBER).json()["otp_id"]
    message, = d7verify_outbox
    assert message.recipient == NUMBER
    assert message.code in message.text
    answer = post(client, "login/verify/", otp_id=otp_id, otp_code=message.code)
    assert answer.status_code == 200, answer.content
    assert answer.json()["access"]
    assert post(client, "login/send/", recipient=NUMBER).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_a_purpose_with_another_gateway_outside_a_transaction(client, d7verify_outbox):
    otp_id = post(client, "send/", recipient=NUMBER, purpose="payout").json()["otp_id"]
    code = d7verify_outbox[-1].code
    assert services.verify_otp(otp_id, code).approved


class OldStyle(TestCase):
    @pytest.fixture(autouse=True)
    def outbox(self, d7verify_outbox):
        self.codes = d7verify_outbox

    def test_in_a_test_case(self):
        otp = services.send_otp(NUMBER)
        assert services.verify_otp(otp.otp_id, self.codes[-1].code).approved


def test_without_the_fixture_the_site_is_as_it_was(settings):
    assert "nowhere" in str(settings.D7VERIFY["GATEWAYS"])
    assert "DISPATCHER" not in settings.D7VERIFY
"""


def test_a_sites_own_tests_get_the_codes_that_would_be_sent(tmp_path: Path):
    files = {
        "site_settings.py": SITE,
        "site_urls.py": URLS,
        "conftest.py": CONFTEST,
        "test_site.py": TESTS,
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_package_imports_no_pytest_without_the_plugin():
    code = (
        "import django, pkgutil, sys, importlib, django_d7verify\n"
        "from django.conf import settings\n"
        "settings.configure(SECRET_KEY='x', INSTALLED_APPS=['django.contrib.auth',"
        "'django.contrib.contenttypes','django.contrib.admin','django.contrib.sessions',"
        "'django.contrib.messages','django_d7verify'])\n"
        "django.setup()\n"
        "for module in pkgutil.walk_packages(django_d7verify.__path__, 'django_d7verify.'):\n"
        "    if module.name.endswith(('.testing', '.__main__')) or '.contrib' in module.name:\n"
        "        continue\n"
        "    importlib.import_module(module.name)\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True, timeout=60)


pytest_plugins = ["django_d7verify.testing"]


@pytest.mark.django_db
def test_the_outbox_is_the_one_of_locmem(d7verify_outbox: list[object]):
    assert d7verify_outbox is locmem.outbox
