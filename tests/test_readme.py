"""The README against the code: every table, every call, every test that it names."""

from __future__ import annotations

import ast
import inspect
import json
import re
import tomllib

import pytest
from django.utils.module_loading import import_string
from rest_framework import exceptions as drf

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

from .readme import BLOCKS, README, ROOT, read_table, read_words

#: Settings whose default is made of Django's own.
COMPUTED = {"GATEWAYS", "PURPOSES", "SECRET_KEYS"}


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
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block.text if block.language == "python" else "")):
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


def find_tests(path):
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / "tests" / path).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("heading", ["Attack", "Endpoint"])
def test_every_test_that_a_table_names_is_there(heading):
    by_default = find_tests("clients/test_d7.py") | find_tests("clients/test_messenger.py")
    for row in read_table(heading):
        named = read_words(row[-1])
        assert named, row[0]
        for name in named:
            path, _, test = name.removeprefix("tests/").rpartition("::")
            assert test in (find_tests(path) if path else by_default), name


def test_every_setting_that_a_threat_names_is_one_and_every_guard_stands_there():
    named = {word for row in read_table("Attack") for word in read_words(row[2])}
    assert named <= set(KEYS)
    # What chooses between classes, texts and times of keeping guards nothing.
    assert {
        name for name in KEYS if re.search("^FAILURES_|^SENDS_PER_(HOUR|DAY)|_BUDGET$", name)
    } <= named


def test_the_supported_versions_are_those_of_the_package():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    for product, words in {
        "Python": r"Python ([\d.]+) to ([\d.]+)",
        "Django": r"Django ([\d.]+) to ([\d.]+)",
    }.items():
        found = re.findall(rf":: {product} :: (\d\.\d+)$", "\n".join(classifiers), re.MULTILINE)
        shown = re.findall(words, " ".join(README.split()))
        assert len(shown) == 2, "At the top, and with what is supported."
        assert set(shown) == {(found[0], found[-1])}


def test_links_within_the_readme_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_each_version_that_is_promised_has_an_environment_of_tox():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    classifiers = "\n".join(pyproject["project"]["classifiers"])
    pythons = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    djangos = re.findall(r"Django :: (\d\.\d)$", classifiers, re.MULTILINE)
    tox = pyproject["tool"]["tox"]
    pairs = {
        f"py{python}-django{django}".replace(".", ""): [f"django~={django}.0"]
        for python, django in zip(pythons, djangos, strict=True)
    }
    assert {name: tox["env"][name].get("deps") for name in pairs} == pairs
    assert set(tox["env_list"]) == set(tox["env"])
    requires = pyproject["project"]["requires-python"]
    for name in tox["env"].keys() - pairs.keys():
        assert tox["env"][name]["uv_resolution"] == "lowest-direct"
        assert [f">={python}" for python in tox["env"][name]["base_python"]] == [requires]
