"""
The pages in a real Chromium::

    D7VERIFY_BROWSER=1 python -m pytest tests/browser

Collected only with that variable. ``D7VERIFY_CHROMIUM`` is the browser's path, by default the
``chromium`` of the system; ``D7VERIFY_SCREENSHOTS`` the folder that pictures are kept in.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from pytest_django.live_server_helper import LiveServer

from tests.conftest import NUMBER
from tests.web.conftest import bind, set_up

if os.environ.get("D7VERIFY_BROWSER") != "1":
    collect_ignore_glob = ["*"]
else:
    from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

    # Playwright's sync API runs an event loop in this thread, which Django takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

#: Written down before any script of the page runs.
WATCH_POLICY = """
  window.policyReports = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.policyReports.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  });
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("D7VERIFY_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        # Chromium refuses to be sandboxed by root, as in most containers.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(
        os.environ.get("D7VERIFY_SCREENSHOTS")
        or Path(tempfile.gettempdir()) / "d7verify-screenshots"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    set_up(settings)
    settings.LANGUAGES = [("en", "English"), ("et", "Eesti"), ("ar", "العربية")]
    return settings


@pytest.fixture(autouse=True)
def owner(transactional_db: None) -> Any:
    """Somebody whose number is ``NUMBER``."""
    user = get_user_model().objects.create_user("ann", password="secret")
    bind(user, NUMBER)
    return user


@pytest.fixture
def live_server(site: Any, owner: Any) -> Iterator[LiveServer]:
    """The site, with these settings: middleware is loaded when a server starts."""
    server = LiveServer("127.0.0.1")
    yield server
    server.stop()


@pytest.fixture
def make_context(chromium: Browser, live_server: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Browsers; fails at the end where a page broke its policy or a script failed."""
    made: list[tuple[BrowserContext, list[str]]] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(
            base_url=live_server.url, locale=options.pop("locale", "en-GB"), **options
        )
        context.set_default_timeout(5000)
        context.add_init_script(WATCH_POLICY)
        problems: list[str] = []
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("console", lambda line: _note(line, problems))
        made.append((context, problems))
        return context

    yield make
    for context, problems in made:
        for page in context.pages:
            if context_runs_scripts(page):
                problems.extend(page.evaluate("window.policyReports || []"))
        context.close()
        assert not problems


def context_runs_scripts(page: Page) -> bool:
    return bool(page.evaluate("typeof window.policyReports !== 'undefined'"))


def _note(line: Any, problems: list[str]) -> None:
    # A 4xx that the page itself explains is said on the console too.
    if line.type == "error" and "Failed to load resource" not in line.text:
        problems.append(line.text)


@pytest.fixture
def page(make_context: Callable[..., BrowserContext]) -> Page:
    return make_context().new_page()
