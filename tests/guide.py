"""
The README's guide, followed as it stands there: by copy and paste, in an empty folder.

::

    python3 -m tests.guide WHEEL

Does what the section says and nothing else, in its order: shell blocks in terminals, blocks of
Python into the files that the line before each names, numbered steps in a browser, codes read from
the inbox page. What a block prints is compared with the block of text after it. The one thing that
it changes is what ``pip install django-d7verify`` installs: WHEEL. In the end it looks into the
site's database for itself. Prints the seconds of each step, and exits with 1 where one fails, or
where all of them take ten minutes.

Needs bash, and no package: it is for the Python of the system.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin

from .readme import PIECES, Piece

SECTION = "Phone login in ten minutes"
TEN_MINUTES = 600
#: Users' numbers, in the end: by API, by pages, and a second factor's.
_BOUND = 3
#: For a server to start, or a message to arrive.
PATIENCE_SECONDS = 60
#: As they stand in the guide, of the site and of the emulator.
HOST, OWN_PORTS = "127.0.0.1", (8000, 8600)
SITE, INBOX = (f"{HOST}:{port}" for port in OWN_PORTS)

_FILE = re.compile(r"(?P<end>At the end of|New file) `(?P<path>[\w./]+)`:$")
_OTHER_TERMINAL = re.compile(r"In a (second|third) terminal\b")
_ACTS = re.compile(
    r"[Oo]pen <(?P<open>[^>]+)>"
    r"|[Ff]ollow “(?P<follow>[^”]+)”"
    r"|[Tt]ype (?P<code>the code)"
    r"|[Tt]ype (?P<type>`[^`]+`(?: and `[^`]+`)*)"
    r"|[Ii]t says “(?P<says>[^”]+)”"
)

#: What a pasted text becomes.
Change = Callable[[str], str]


GUIDE = [piece for piece in PIECES if piece.section == SECTION]


class GuideError(Exception):
    """The guide does not work as it stands; the text says where and why."""


def follow(
    pieces: list[Piece],
    *,
    folder: Path,
    environment: dict[str, str],
    change: Change,
    ports: tuple[int, int],
) -> Iterator[str]:
    """
    Do all that *pieces* say in *folder*; answers what was done, step by step.

    *change* makes of a pasted text what is run, *ports* are those of the site and of the emulator.
    """
    with ExitStack() as servers:
        reader = Reader(folder, environment, change, ports, servers)
        for piece in pieces:
            if piece.kind in {"block", "item"}:
                try:
                    yield f"{piece}  {reader.do(piece)}"
                except GuideError as error:
                    raise GuideError(f"{piece}: {error}") from None


def make_environment(**more: str) -> dict[str, str]:
    """What a new terminal has, whatever the one has in which this runs."""
    ours = re.compile(r"(D7VERIFY|DJANGO|PYTHON|PYTEST|COV|VIRTUAL_ENV)")
    known = {name: value for name, value in os.environ.items() if not ours.match(name)}
    # Unbuffered: a server's first lines are waited for. No proxy has a way to this very machine.
    return {**known, "PYTHONUNBUFFERED": "1", "NO_PROXY": HOST, **more}


class Reader:
    """A person with some terminals, an editor and a browser, who does what the guide says."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        change: Change,
        ports: tuple[int, int],
        servers: ExitStack,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._change = change
        self._servers = servers
        self._ports = ports
        self._terminal = Terminal(folder, environment)
        self._running: list[Server] = []
        self._browser = Browser(self._use_ports(f"http://{INBOX}"))
        self._edited_at = 0.0

    def do(self, piece: Piece) -> str:
        """One block or step; answers what it was, in a few words."""
        if piece.kind == "item":
            self._wait_for_reload()
            return self._browse(piece.text)
        if piece.language == "sh":
            return self._run(piece)
        if piece.language == "text":
            self._compare(piece.text)
            return "as it says"
        found = _FILE.search(piece.lead)
        if piece.language != "python" or not found:
            raise GuideError("nothing says where this block goes")
        return self._write(found["path"], piece.text, is_new=found["end"] == "New file")

    def _write(self, path: str, text: str, *, is_new: bool) -> str:
        file = self._folder / path
        if file.exists() == is_new:
            raise GuideError(f"{path} {'is there already' if is_new else 'is not there'}")
        with file.open("a") as opened:
            opened.write(self._use_ports(text))
        if not is_new:
            self._edited_at = time.monotonic()
        return path

    def _run(self, piece: Piece) -> str:
        text = self._use_ports(self._change(piece.text))
        words = piece.text.strip().splitlines()[-1]
        if _OTHER_TERMINAL.match(piece.lead):
            server = Server(text, self._folder, self._environment)
            self._servers.callback(server.stop)
            self._running.append(server)
            server.wait_for_start(0.0)
        else:
            self._wait_for_reload()
            self._terminal.run(text)
        return words

    def _wait_for_reload(self) -> None:
        """The site reads what was written while it ran, as whoever types would have seen."""
        for server in self._running:
            if server.reloads:
                server.wait_for_start(self._edited_at)

    def _compare(self, expected: str) -> None:
        """The last lines that were printed, where ``…`` stands for anything."""
        lines = expected.splitlines()
        printed = self._terminal.printed.splitlines()[-len(lines) :]
        pattern = "\n".join(".+".join(map(re.escape, line.split("…"))) for line in lines)
        if not re.fullmatch(pattern, "\n".join(printed)):
            raise GuideError(f"it should print\n{expected}\nand prints\n{self._terminal.printed}")

    def _browse(self, text: str) -> str:
        acts = list(_ACTS.finditer(text))
        if not acts:
            raise GuideError(f"nobody knows how to do this: {text}")
        for act in acts:
            if act["open"]:
                self._browser.open(self._use_ports(act["open"]))
            elif act["follow"]:
                self._browser.follow(act["follow"])
            elif act["code"]:
                self._browser.type([self._browser.read_code()])
            elif act["type"]:
                self._browser.type(re.findall("`([^`]+)`", act["type"]))
            else:
                self._browser.expect(act["says"])
        return text

    def _use_ports(self, text: str) -> str:
        """*text* as it is, unless the guide's own ports are taken by somebody else."""
        site, inbox = self._ports
        if self._ports == OWN_PORTS:
            return text
        text = re.sub(r"d7verify_emulator$", rf"\g<0> --port {inbox}", text, flags=re.MULTILINE)
        text = re.sub(r"runserver$", rf"\g<0> {site}", text, flags=re.MULTILINE)
        return text.replace(SITE, f"{HOST}:{site}").replace(INBOX, f"{HOST}:{inbox}")


class Terminal:
    """A shell whose environment outlives each block that is pasted into it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        #: By the last block.
        self.printed = ""

    def run(self, text: str) -> None:
        """Run a block to its end; raises ``GuideError`` with what it printed where it fails."""
        with tempfile.NamedTemporaryFile() as left:
            done = subprocess.run(
                ["bash", "-ec", f"{text}\nenv -0 > '{left.name}'"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TEN_MINUTES,
                check=False,
            )
            self.printed = done.stdout
            if done.returncode:
                raise GuideError(f"{text.strip()}\nends with {done.returncode}:\n{done.stdout}")
            pairs = left.read().decode().rstrip("\0").split("\0")
        self._environment = dict(pair.split("=", 1) for pair in pairs)


class Server:
    """A terminal of its own, in which something runs until it is stopped."""

    def __init__(self, text: str, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-ec", text],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        #: Whether it starts anew by itself when a file changes.
        self.reloads = "runserver" in text
        self._lines: list[str] = []
        self._started_at = 0.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout:
            for line in self._process.stdout:
                with self._changed:
                    self._lines.append(line)
                    if f"http://{HOST}:" in line:
                        self._started_at = time.monotonic()
                    self._changed.notify_all()

    def wait_for_start(self, after: float) -> None:
        """Until it has said its address, later than at *after* on the monotonic clock."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._started_at > after, PATIENCE_SECONDS):
                raise GuideError(f"no server:\n{''.join(self._lines)}")

    def stop(self) -> None:
        """End it, and what it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._thread.join(10)


class Page(HTMLParser):
    """What a person sees of a page: its words, its links, and the form to fill in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words = ""
        #: By their words.
        self.links: dict[str, str] = {}
        self.marked = ""
        self.action: str | None = None
        self.hidden: dict[str, str] = {}
        self.fields: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._is_form = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A part of the page begins."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            # The first one that is sent, as the one in the middle of a page.
            self._is_form = given.get("method", "").lower() == "post" and self.action is None
            if self._is_form:
                self.action = given.get("action", "")
        elif tag == "input" and self._is_form:
            self._add_field(given)
        elif tag in {"a", "mark", "script", "style"}:
            self._open.append((tag, given.get("href", "")))

    def _add_field(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind == "hidden":
            self.hidden[given["name"]] = given.get("value", "")
        elif kind not in {"submit", "checkbox", "radio"}:
            self.fields.append(given["name"])

    def handle_endtag(self, tag: str) -> None:
        """A part of the page ends."""
        if tag == "form":
            self._is_form = False
        elif self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Words."""
        tag, href = self._open[-1] if self._open else ("", "")
        if tag in {"script", "style"}:
            return
        self.words += data
        if tag == "a":
            self.links[data.strip()] = href
        if tag == "mark":
            self.marked = self.marked or data


class Browser:
    """A browser without scripts, that keeps its cookies."""

    def __init__(self, inbox_url: str) -> None:
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))
        self._inbox_url = inbox_url
        self._url = ""
        self._page = Page("")
        self._recipient = ""

    def open(self, url: str) -> None:
        """Go to *url*."""
        self._go(url, None)

    def follow(self, words: str) -> None:
        """Go where the link of these words leads."""
        if words not in self._page.links:
            raise GuideError(f"{self._url} has no link “{words}”, but {[*self._page.links]}")
        self.open(urljoin(self._url, self._page.links[words]))

    def type(self, values: list[str]) -> None:
        """Fill in the form, and send it."""
        page = self._page
        if page.action is None or len(page.fields) != len(values):
            raise GuideError(f"{self._url} asks for {page.fields}, and says: {page.words.split()}")
        if values[0].startswith("+"):
            self._recipient = values[0].replace(" ", "")
        filled = {**page.hidden, **dict(zip(page.fields, values, strict=True))}
        self._go(urljoin(self._url, page.action), urlencode(filled).encode())

    def read_code(self) -> str:
        """From the inbox, of the phone whose number was typed last."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        url = f"{self._inbox_url}/?recipient={quote(self._recipient, safe='')}"
        while time.monotonic() < give_up_at:
            # Not in this window: the page that asks for the code stays open.
            with self._opener.open(url, timeout=PATIENCE_SECONDS) as answer:
                code = Page(answer.read().decode()).marked
            # Nobody types before the provider's answer is back at the site.
            time.sleep(0.5)
            if code:
                return code
        raise GuideError("no code arrived")

    def expect(self, words: str) -> None:
        """The page says *words*."""
        said = " ".join(self._page.words.split())
        if words not in said:
            raise GuideError(f"{self._url} does not say “{words}”, but: {said}")

    def _go(self, url: str, body: bytes | None) -> None:
        request = urllib.request.Request(url, body, {"Referer": self._url})  # noqa: S310 - the guide's
        try:
            with self._opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                self._url, text = answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(Page(error.read().decode()).words.split())
            raise GuideError(f"{url} answers {error.code}: {said[:500]}") from None
        except OSError as error:
            raise GuideError(f"{url}: {error}") from None
        self._page = Page(text)


def check_database(folder: Path) -> None:
    """Numbers are verified there by all that the guide has, and three are users'."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        approved = "SELECT purpose FROM django_d7verify_otpsession WHERE status = 'APPROVED'"
        purposes = sorted(purpose for (purpose,) in database.execute(approved))
        bound = "SELECT number FROM django_d7verify_phonenumber WHERE verified_at IS NOT NULL"
        numbers = database.execute(bound).fetchall()
    if purposes != ["change_phone", "login", "login", "verify"] or len(numbers) != _BOUND:
        raise GuideError(f"approved are {purposes}, and {len(numbers)} numbers are users'")


def choose_ports() -> tuple[int, int]:
    """The guide's own, or any free ones where one of these is taken."""
    try:
        return find_ports(*OWN_PORTS)
    except OSError:
        return find_ports(0, 0)


def find_ports(site: int, inbox: int) -> tuple[int, int]:
    """These two, 0 for any free one. Raises ``OSError`` where one is taken."""
    with socket.create_server((HOST, site)) as first, socket.create_server((HOST, inbox)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def main(wheel: str) -> int:
    """Follow the guide, say how long each step took, and answer the exit code."""
    path = Path(wheel).resolve(strict=True)
    # So that its servers end with it, whoever ends it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def change(text: str) -> str:
        return text.replace("pip install django-d7verify", f"pip install --quiet '{path}'")

    begun = last = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="d7verify-guide-") as folder:
        try:
            steps = follow(
                GUIDE,
                folder=Path(folder),
                environment=make_environment(),
                change=change,
                ports=choose_ports(),
            )
            for step in steps:
                now = time.monotonic()
                print(f"{now - last:6.1f} s  {step}", flush=True)
                last = now
            check_database(Path(folder))
        except GuideError as error:
            print(f"FAIL  {error}", flush=True)
            return 1
    seconds = time.monotonic() - begun
    print(f"{seconds:6.1f} s  from an empty folder to the end of the guide")
    return 0 if seconds < TEN_MINUTES else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
