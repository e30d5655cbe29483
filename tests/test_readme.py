"""The README against the code: every table, every call, and the ten minutes themselves."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
import types
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.utils.module_loading import import_string
from rest_framework import exceptions as drf
from rest_framework.views import APIView

from django_d7verify import exceptions, models, services
from django_d7verify.api.errors import (
    PayloadTooLarge,
    make_error_response,
    make_wrong_code_response,
)
from django_d7verify.conf import KEYS, PURPOSE_KEYS, Settings, conf
from django_d7verify.emulator import Emulator, control
from django_d7verify.emulator.faults import FAULTS
from django_d7verify.emulator.switches import CHOICES, Switches
from django_d7verify.gateways.base import Gateway
from django_d7verify.words import LimitName

from .conftest import NUMBER

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()

#: Settings whose default is made of Django's own.
COMPUTED = {"GATEWAYS", "PURPOSES", "SECRET_KEYS"}


def read_table(first_heading):
    """Rows of the table whose first column is headed so, each a list of cells."""
    lines = README.partition(f"\n| {first_heading} |")[2].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows, first_heading
    return rows


def read_words(cell):
    """What stands in back ticks."""
    return re.findall(r"`([^`]+)`", cell)


def read_block(name):
    """The fenced block that is marked as tested under *name*."""
    found = re.search(rf"<!-- tested: {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found, name
    return found[1]


def make_cell(docstring):
    return " ".join(inspect.cleandoc(docstring).split()).replace("``", "`")


def test_every_setting_stands_in_the_readme_with_its_default_and_its_words(settings):
    settings.D7VERIFY = {}
    expected = {}
    for name in KEYS:
        value = getattr(conf, name)
        text = json.dumps(value) if isinstance(value, str | list | tuple) else repr(value)
        expected[f"`{name}`"] = [
            "" if name in COMPUTED else f"`{text}`",
            make_cell(getattr(Settings, name).__doc__),
        ]
    assert {name: cells for name, *cells in read_table("Setting")} == expected


def test_the_settings_of_a_purpose_are_named():
    sentence = README.partition("A purpose may set")[2].partition("for itself")[0]
    assert set(read_words(sentence)) == PURPOSE_KEYS


def make_answers():
    """By code: the HTTP status, and the exception's name where it is one of ours."""
    examples = [
        exceptions.Throttled(60),
        exceptions.LockedOut(60),
        exceptions.SessionClosed(),
        exceptions.InvalidRecipient(),
        exceptions.RecipientRefused(),
        exceptions.InvalidPurpose(),
        exceptions.NumberTaken(),
        exceptions.NoNumber(),
        exceptions.GatewayRefused("no"),
        exceptions.GatewayUnreachable("nobody"),
        exceptions.GatewayUncertain("who knows"),
        drf.ParseError(),
        drf.MethodNotAllowed("PUT"),
        PayloadTooLarge(),
        drf.UnsupportedMediaType("text/plain"),
    ]
    answers = {}
    for error in examples:
        answer = make_error_response(error)
        own = type(error).__name__ if isinstance(error, exceptions.D7VerifyError) else ""
        answers[answer.data["code"]] = (answer.status_code, own, answer)
    wrong = make_wrong_code_response(4)
    answers[wrong.data["code"]] = (wrong.status_code, "result.approved", wrong)
    return answers


def test_every_error_code_stands_in_the_readme_with_its_status_and_exception():
    rows = {read_words(code)[0]: cells for code, *cells in read_table("`code`")}
    answers = make_answers()
    assert rows.keys() == answers.keys()
    for code, (status, own, answer) in answers.items():
        http, python, meaning = rows[code]
        assert http == str(status), code
        assert read_words(python) == ([own] if own else []), code
        more = answer.data.keys() - {"detail", "code"}
        assert more <= set(read_words(meaning)), code
        assert answer.get("Retry-After") == (
            str(answer.data["retry_after"]) if "retry_after" in more else None
        ), code


def test_no_error_of_the_app_is_left_out():
    def find_leaves(error):
        below = error.__subclasses__()
        return {error} if not below else set().union(*map(find_leaves, below))

    names = {leaf.__name__ for leaf in find_leaves(exceptions.D7VerifyError)}
    shown = {word for row in read_table("`code`") for word in read_words(row[2])}
    assert names - shown == {"InvalidCode"}


def check_number(name, value, shown):
    """*shown* has *value*; of a bucket also the most that any window sees."""
    if isinstance(value, list):
        assert read_words(shown) == value, name
    elif isinstance(value, tuple):
        assert tuple(map(int, re.findall(r"\d+", shown))) == value, name
    elif value is None:
        assert shown == "no limit", name
    else:
        assert re.match(rf"{value}\b", shown), name
        most = re.search(r"at most (\d+)", shown)
        assert bool(most) == bool(re.search("_PER_(HOUR|DAY)$", name)), name
        assert not most or int(most[1]) == 2 * value - 1, name


def test_every_limit_stands_with_its_number_and_where_it_is_enforced():
    rows = read_table("Limit")
    for _limit, default, setting, where in rows:
        for name in read_words(setting):
            check_number(name, getattr(conf, name), default)
        owner = ""
        for name in read_words(where):
            # "Class.method", and further methods of the same class.
            owner, _, method = name.rpartition(".") if "." in name else (owner, "", name)
            if owner.endswith("QuerySet"):
                manager = getattr(models, owner.removesuffix("QuerySet")).objects.all()
                assert callable(getattr(manager, method)), name
            else:
                assert import_string(f"django_d7verify.{name}")
    guards = {"RESEND_WAIT_SECONDS", "EXPIRY_SECONDS", "VERIFICATION_TOKEN_SECONDS"} | {
        name for name in KEYS if re.search("^MAX_|_PER_|_BUDGET$", name)
    }
    guards -= {"WATCHED_SENDS_PER_ADDRESS"}  # refuses nothing
    assert guards <= {name for row in rows for name in read_words(row[2])}


def test_every_gateway_stands_with_options_that_it_has():
    for path, _makes, options in read_table("`BACKEND`, under `django_d7verify.gateways.`"):
        gateway = import_string(f"django_d7verify.gateways.{read_words(path)[0]}")
        assert issubclass(gateway, Gateway)
        known = set(inspect.signature(gateway).parameters) - {"alias", "client_options"}
        assert known - {"total_timeout_seconds"} == set(read_words(options)), path


def test_every_call_in_the_readme_fits_a_service():
    shown = set()
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("services."):
                function = getattr(services, node.func.attr)
                names = [word.arg for word in node.keywords]
                inspect.signature(function).bind(*node.args, **dict.fromkeys(names))
                shown.add(node.func.attr)
    assert shown >= {
        "send_otp",
        "resend_otp",
        "verify_otp",
        "cancel_otp",
        "get_otp",
        "make_verification_token",
        "consume_verification_token",
    }


def test_the_limits_that_can_be_observed_are_named():
    sentence = README.partition("Its names are")[2].partition("\n\n")[0]
    assert set(read_words(sentence)) == set(LimitName.values)


def test_every_fault_stands_in_the_readme_with_its_options():
    shown = {}
    for names, options, *_rest in read_table("Fault"):
        pairs = re.findall(r"`(\w+)` ([\w./]+)", options)
        for name in read_words(names):
            shown[name] = dict(pairs)
    assert shown == {
        name: {option: json.dumps(value).strip('"') for option, value in options.items()}
        for name, options in FAULTS.items()
    }


def test_every_switch_stands_in_the_readme_with_its_default_and_choices():
    rows = {read_words(name)[0]: cells for name, *cells in read_table("Switch")}
    defaults = Switches().as_dict()
    assert {name: cells[0] for name, cells in rows.items()} == {
        name: f"`{json.dumps(value)}`" for name, value in defaults.items()
    }
    for name, choices in CHOICES.items():
        others = {json.dumps(choice) for choice in choices} - {json.dumps(defaults[name]), '"off"'}
        assert others <= set(read_words(rows[name][1])), name


def test_every_control_call_stands_in_the_readme():
    section = README.partition("## The emulator")[2].partition("**Faults**")[0]
    shown = set(re.findall(r"/_emulator/(\w+)", section))
    known = {path.removeprefix(control.PREFIX) for path in control._ROUTES} - {"/"}
    assert shown == known
    sentence = section.partition("they are methods of `Emulator`:")[2]
    assert all(callable(getattr(Emulator, name)) for name in read_words(sentence))


def test_links_within_the_readme_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_the_oldest_versions_that_ci_runs_are_the_lowest_that_the_package_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = {
        name: [int(part) for part in version.split(".")]
        for name, version in (line.split(">=") for line in project["dependencies"])
    }
    lines = (ROOT / ".ci/oldest.txt").read_text().splitlines()
    run = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert run.keys() == lowest.keys()
    for name, version in run.items():
        parts = [int(part) for part in version.split(".")]
        assert parts[: len(lowest[name])] == lowest[name]
        assert not any(parts[len(lowest[name]) :]), name


# The ten minutes.


def read_url(process):
    """The address that a server says it listens on; it chose the port itself."""
    words = ""
    while line := process.stdout.readline():
        words += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"It ended: {words}")


def test_the_ten_minutes_end_with_a_verified_number(tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("D7VERIFY_", "DJANGO_"))
    } | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(*arguments):
        with start(*arguments) as process:
            output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
        return output

    @contextmanager
    def serve(*arguments):
        process = start(*arguments)
        try:
            yield read_url(process)
        finally:
            process.terminate()
            process.communicate(timeout=120)

    run("-m", "django", "startproject", "mysite", ".")
    settings = tmp_path / "mysite/settings.py"
    plain = settings.read_text()
    settings.write_text(plain + read_block("settings"))
    (tmp_path / "mysite/urls.py").write_text(read_block("urls"))
    run("manage.py", "migrate", "--verbosity", "0")
    with serve("manage.py", "d7verify_emulator", "--port", "0") as inbox:
        settings.write_text(plain + read_block("settings").replace("http://127.0.0.1:8600", inbox))
        with serve("manage.py", "runserver", "--noreload", "127.0.0.1:0") as site:
            story = read_block("story").replace("http://127.0.0.1:8000", site)
            (tmp_path / "story.py").write_text(story.replace("http://127.0.0.1:8600", inbox))
            sent, answer = map(ast.literal_eval, run("story.py").splitlines())
    assert sent["recipient"] == "+9715*****67"
    assert answer["status"] == "APPROVED"
    assert answer["verification_token"]


SIGN_IN = """
import django
django.setup()
from django.test import Client
from django_d7verify.dispatching import get_dispatcher
from django_d7verify.emulator import Emulator
from django.conf import settings

with Emulator() as emulator:
    settings.D7VERIFY["GATEWAYS"]["default"]["OPTIONS"]["api_url"] = emulator.url
    client = Client()
    answer = client.post("/login/", {"recipient": "+971501234567"}, follow=True)
    assert get_dispatcher(hidden=True).wait_until_empty(10)
    form = answer.content.decode().partition('name="form" value="')[2].partition('"')[0]
    code = emulator.messages("+971501234567")[-1]["code"]
    client.post("/login/code/", {"form": form, "otp_code": code})
    assert "_auth_user_id" in client.session
"""


def test_the_settings_and_urls_for_a_login_log_a_new_person_in(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{tmp_path}"}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, "DJANGO_SETTINGS_MODULE": "mysite.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    call_command("startproject", "mysite", str(tmp_path))
    with (tmp_path / "mysite/settings.py").open("a") as settings:
        settings.write(read_block("settings") + read_block("login settings"))
        settings.write("ALLOWED_HOSTS = ['*']\n")
    (tmp_path / "mysite/urls.py").write_text(read_block("urls") + read_block("login urls"))
    run("manage.py", "migrate", "--verbosity", "0")
    run("-c", SIGN_IN)


def test_the_views_of_the_readme_are_what_they_say(rf):
    names = {"APIView": APIView, "User": get_user_model()}
    for block in ("step-up", "permission", "store", "fixture"):
        exec(compile(read_block(block), "README.md", "exec"), names)  # noqa: S102 - our own README
    request = rf.get("/payout/")
    request.user = AnonymousUser()
    assert names["payout"](request).status_code == 302
    [permission] = names["PayoutView"]().get_permissions()
    assert not permission.has_permission(request, None)
    assert names["ProfileStore"]()
    assert "django_d7verify.testing" in names["pytest_plugins"]


class Box(BaseHTTPRequestHandler):
    """The SMS box of the README's example: keeps what it is given."""

    texts: list[dict] = []
    status = 202

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.texts.append(body)
        answer = json.dumps({"id": "box-1"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def box(settings, monkeypatch):
    module = types.ModuleType("readme_gateway")
    exec(compile(read_block("gateway"), "README.md", "exec"), vars(module))  # noqa: S102 - our own README
    monkeypatch.setitem(sys.modules, "readme_gateway", module)
    monkeypatch.setattr(Box, "texts", [])
    with HTTPServer(("127.0.0.1", 0), Box) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        options = {"api_token": "box-token", "api_url": f"http://127.0.0.1:{server.server_port}/"}
        gateway = {"BACKEND": "readme_gateway.BoxGateway", "OPTIONS": options}
        settings.D7VERIFY = {"GATEWAYS": {"default": gateway}}
        yield Box
        server.shutdown()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_the_gateway_of_the_readme_sends_codes_that_verify(box):
    otp = services.send_otp(NUMBER)
    [sent] = box.texts
    assert sent["to"] == NUMBER
    [code] = re.findall(r"\d{6}", sent["text"])
    assert services.verify_otp(otp.otp_id, code).approved


@pytest.mark.django_db(transaction=True)
def test_the_gateway_of_the_readme_sorts_its_errors(box, monkeypatch):
    monkeypatch.setattr(box, "status", 400)
    with pytest.raises(exceptions.GatewayRefused):
        services.send_otp(NUMBER)
    monkeypatch.setattr(box, "status", 500)
    with pytest.raises(exceptions.GatewayUncertain):
        services.send_otp(NUMBER)
