"""Clients generated from the OpenAPI document, against the running service: so the document is true.

They are typed, and take no answer that is not as it says.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.enums import Protocol, Security
from tests.conftest import ENVIRON, new_database
from tests.parts import require
from tests.parts.dovecot import Dovecot
from tests.test_story import Pillarbox

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "clients.md"
REMEDY = "node and npm (apt-get install nodejs npm)"
LIMIT = 300
"""Seconds for one program, also where a registry or the machine is slow."""


def run(*command: str | Path, **environ: str) -> str:
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make clients` makes. The packages are there already, so that it does not install them."""
    require(bool(shutil.which("node") and shutil.which("npm")), "generated clients:", REMEDY)
    folder = tmp_path_factory.mktemp("clients")
    run(
        *("make", "--assume-old=.venv/.installed", "clients"),
        *(f"CLIENTS={folder}", f"BIN={Path(sys.executable).parent}"),
        **ENVIRON,
        DATABASE_URL="sqlite://",
    )
    return folder


@pytest.fixture(scope="module")
def pillarbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pillarbox]:
    with new_database("sqlite", tmp_path_factory.mktemp("service")) as url:
        running = Pillarbox(url)
        yield running
        assert running.stop() == 0


def world(pillarbox: Pillarbox, dovecot: Dovecot) -> dict[str, str]:
    """What both programs take from their environment."""
    return {
        "PILLARBOX_URL": f"http://{pillarbox.address}",
        "PILLARBOX_EMAIL": pillarbox.email,
        "PILLARBOX_PASSWORD": pillarbox.password,
        "MAILBOX_HOSTNAME": "localhost",
        "MAILBOX_PORT": str(dovecot.ports[Protocol.IMAP, Security.TLS]),
        "MAILBOX_USER": dovecot.user,
        "MAILBOX_PASSWORD": dovecot.password,
        "MAILBOX_CA": dovecot.ca_pem,
    }


def assert_watched(said: str) -> None:
    assert said.startswith("refused: 400 Invalid hostname\n  hostname: must be a valid hostname")
    assert re.search(r"^(Python|TypeScript) example: localhost is up$", said, re.MULTILINE)
    assert re.search(r"^  \d+ s ago: success in \d+ ms: works$", said, re.MULTILINE)
    assert re.findall(r"^    (\w+): \d+ ms$", said, re.MULTILINE)[:3] == ["dns", "connect", "tls"]
    assert re.search(r"^  checks today: [1-9]\d*, uptime: ", said, re.MULTILINE)


def assert_nothing_stayed(pillarbox: Pillarbox) -> None:
    pillarbox.log_in()
    for path in ("/api/imap-pop-monitors", "/api/organization/tokens", "/api/customers"):
        names = [item["name"] for item in pillarbox.call("GET", path)[1]["items"]]
        assert not [name for name in names if name.endswith("example")]


def test_python_client(clients: Path, pillarbox: Pillarbox, dovecot: Dovecot) -> None:
    folder = clients / "python"
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"),
        *("-p", "pillarbox_client", "-m", "watch"),
        MYPYPATH=str(folder),
    )
    said = run(sys.executable, folder / "watch.py", **world(pillarbox, dovecot), PYTHONPATH=str(folder))
    assert_watched(said)
    assert_nothing_stayed(pillarbox)


def test_typescript_client(clients: Path, pillarbox: Pillarbox, dovecot: Dovecot) -> None:
    folder = clients / "typescript"
    run("npm", "--prefix", folder, "run", "--silent", "build")
    said = run("node", folder / "dist" / "watch.js", **world(pillarbox, dovecot))
    assert_watched(said)
    assert_nothing_stayed(pillarbox)


@pytest.mark.parametrize("name", ["python/watch.py", "typescript/watch.ts"])
def test_the_page_shows_the_programs_that_are_run(name: str) -> None:
    program = (ROOT / "clients" / name).read_text(encoding="utf-8")
    assert f"\n{program}```\n" in PAGE.read_text(encoding="utf-8")
