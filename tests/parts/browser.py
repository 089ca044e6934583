"""Headless Chromium, and the real web process for it to look at."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask_migrate import upgrade
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from app import create_app
from app.config import ROOT, setting_fields
from app.extensions import db
from tests.parts import require

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REMEDY = "Chromium (apt-get install chromium)"
# Without these Chromium looks up hosts of its maker, and as root it needs its sandbox off.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Nobody listens there: what is not for our own address fails, the browser's own errands included.
NO_WAY_OUT = "http://127.0.0.1:9"
WIDTH, HEIGHT = 1280, 900
WAIT_MS = 60_000
START_SECONDS = 120.0
STOP_SECONDS = 10.0
VIOLATION = "Content-Security-Policy violated"
REPORT_VIOLATIONS = f"""
addEventListener("securitypolicyviolation", (event) => {{
  console.error("{VIOLATION}: " + event.violatedDirective + " " + event.blockedURI);
}});
"""


@dataclass
class Complaints:
    """What a page did that ours must not do."""

    foreign: list[str] = field(default_factory=list)
    """Requests for anything that is not ours; none of them gets out."""

    errors: list[str] = field(default_factory=list)
    """Errors of scripts and on the console, violations of the Content-Security-Policy among them."""


class Web:
    """The web process as it runs in production, on a new database made as the project's commands make it."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, **environ: str) -> None:
        self._folder = folder
        names = {setting.name.upper() for setting in setting_fields()}
        # The developer's own settings stay out of it.
        inherited = {
            name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in names
        }
        self._environ = {**inherited, "DATABASE_URL": f"sqlite:///{folder / 'web.db'}", **environ}

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its address, while it runs."""
        self._make_database()
        with socket.create_server((self.host, 0)) as listener, (self._folder / "log").open("wb") as log:
            port = listener.getsockname()[1]
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
            )
        try:
            self._await(process, port)
            yield f"http://{self.host}:{port}"
        finally:
            _stop(process)

    def _make_database(self) -> None:
        """`flask db upgrade` and `flask init`, each without a process of its own."""
        # This process goes on logging as it does.
        app = create_app({**self._environ, "LOG_LEVEL": "WARNING", "LOG_FORMAT": "console"})
        with app.app_context():
            upgrade()
            result = app.test_cli_runner().invoke(args=["init"], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            db.session.remove()
            db.engine.dispose()

    def _await(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        """Wait for the first answer; the socket listens already, so that asking once is enough."""
        deadline = time.monotonic() + START_SECONDS
        connection = HTTPConnection(self.host, port, timeout=deadline - time.monotonic())
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except OSError as error:
            _stop(process)
            log = (self._folder / "log").read_text(errors="replace")
            raise RuntimeError(f"The web process does not answer:\n{log}") from error
        finally:
            connection.close()
        assert status == 200


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium with a profile of its own."""
    require(BINARY is not None, "Browser", REMEDY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BINARY, args=list(FLAGS), proxy={"server": NO_WAY_OUT, "bypass": Web.host}
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser, address: str) -> Iterator[tuple[Page, Complaints]]:
    """A new page that reaches the address alone, and what it complained of."""
    complaints = Complaints()

    def note_foreign(request: Request) -> None:
        if not _is_ours(request.url, address):
            complaints.foreign.append(request.url)

    def note_error(message: ConsoleMessage) -> None:
        if message.type == "error" and not _is_api_failure(message, address):
            complaints.errors.append(f"{message.text} ({message.location['url']})")

    context = browser.contexts[0] if browser.contexts else _new_context(browser)
    page = context.new_page()
    page.on("request", note_foreign)
    page.on("console", note_error)
    page.on("pageerror", lambda error: complaints.errors.append(str(error)))
    try:
        yield page, complaints
    finally:
        page.close()


def _new_context(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    context.add_init_script(REPORT_VIOLATIONS)
    return context


def _is_ours(url: str, address: str) -> bool:
    # Data URLs, such as those of icons, ask nobody.
    return url.startswith("data:") or urlsplit(url)[:2] == urlsplit(address)[:2]


def _is_api_failure(message: ConsoleMessage, address: str) -> bool:
    """Chromium puts every answer from 400 up on the console, also one that the test is about."""
    failed = message.text.startswith("Failed to load resource: the server responded with a status of 4")
    return failed and message.location["url"].startswith(f"{address}/api/")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for a package: playwright's loop would be in the way of tests with one of their own."""
    with chromium() as running:
        yield running
