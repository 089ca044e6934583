"""Other monitors, asked about the same servers: each with the whole dialogue that it can be told to have."""

import http.client
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.enums import Protocol, Security
from bench.faults.cell import Cell
from bench.faults.mailbox import USER
from tests.fakes.server import HOST

BLACKBOX = "prometheus-blackbox-exporter"
PLUGINS = "monitoring-plugins"
PLUGIN_PACKAGE = "monitoring-plugins-basic"
PLUGIN_FOLDER = Path("/usr/lib/nagios/plugins")
LIMIT_SECONDS = 2
PATIENCE_SECONDS = 15.0
"""Then a program that does not end by itself is ended."""
SECRET = "s3cret"
"""Also what every spelling of the mailbox's password begins with, but for base64."""
MAX_WORDS = 110

GREETING = {Protocol.IMAP: r"^\* OK", Protocol.POP3: r"^\+OK"}
UPGRADE = {
    Protocol.IMAP: [{"send": "s0 STARTTLS\r"}, {"expect": "^s0 OK"}, {"starttls": True}],
    Protocol.POP3: [{"send": "STLS\r"}, {"expect": r"^\+OK"}, {"starttls": True}],
}
COMMANDS = {
    Protocol.IMAP: [
        ("a0 CAPABILITY", "^a0 OK"),
        (f"a1 LOGIN {USER} {SECRET}", "^a1 OK"),
        ("a2 EXAMINE INBOX", "^a2 OK"),
    ],
    Protocol.POP3: [
        ("CAPA", r"^(\.$|-ERR)"),
        (f"USER {USER}", r"^\+OK"),
        (f"PASS {SECRET}", r"^\+OK"),
        ("STAT", r"^\+OK"),
    ],
}
LEAVE = {Protocol.IMAP: "a3 LOGOUT", Protocol.POP3: "QUIT"}
PLUGIN_NAMES = {Protocol.IMAP: "check_imap", Protocol.POP3: "check_pop"}
PLUGIN_EXPECTED = {
    Protocol.IMAP: ("* OK", "a0 OK", "a1 OK", "a2 OK"),
    # POP3 has no tags, so the words of the good server are what tells its answers apart.
    Protocol.POP3: ("+OK", "USER", "+OK logged in", "+OK 7"),
}
EXIT = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}


@dataclass(frozen=True)
class Said:
    """What a monitor said of one server."""

    is_fine: bool
    words: str
    seconds: float
    told_secret: bool = False


def missing() -> list[str]:
    """The Debian packages that are not there."""
    found = {BLACKBOX: shutil.which(BLACKBOX), PLUGIN_PACKAGE: shutil.which("check_imap", path=PLUGIN_FOLDER)}
    return [package for package, path in found.items() if path is None]


def version(package: str) -> str:
    asked = ["dpkg-query", "--show", "--showformat=${Version}", package]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "of an unknown version"


class Blackbox:
    """The exporter's tcp prober, with the mailbox's dialogue as its queries and responses."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, cell: Cell, port: int) -> Said:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE_SECONDS)
        started_at = time.monotonic()
        connection.request("GET", f"/probe?debug=true&module={_module(cell)}&target={HOST}:{port}")
        said = connection.getresponse().read().decode("utf-8", "replace")
        seconds = time.monotonic() - started_at
        connection.close()
        is_fine = "\nprobe_success 1" in said
        return _said("succeeded" if is_fine else f"failed: {_reason(said)}", seconds, is_fine=is_fine)


@contextmanager
def blackbox(folder: Path, authority: Path) -> Iterator[Blackbox]:
    with exporter(folder, _modules(str(authority))) as (_, port):
        yield Blackbox(port)


@contextmanager
def exporter(folder: Path, modules: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """A running blackbox_exporter with these modules: its process, and the port it listens on."""
    config = folder / "blackbox.json"
    config.write_text(json.dumps({"modules": modules}))
    command = [BLACKBOX, f"--config.file={config}", f"--web.listen-address={HOST}:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        log = process.stderr or ()
        # What it says later is of no interest, but has to go somewhere.
        drain = threading.Thread(target=lambda: [None for _ in log])
        try:
            port = _port_in(log)
            drain.start()
            yield process.pid, port
        finally:
            process.terminate()
            if drain.is_alive():
                drain.join()


def _port_in(log: Iterable[str]) -> int:
    """Where it listens, by its own words."""
    for line in log:
        if found := re.search(r'msg="Listening on" address=\S+:(\d+)', line):
            return int(found[1])
    raise RuntimeError(f"{BLACKBOX} did not start")


def _modules(authority: str) -> dict[str, Any]:
    modules = {}
    for protocol in Protocol:
        for security in Security:
            tcp: dict[str, Any] = {"query_response": _dialogue(protocol, security)}
            if security is not Security.PLAIN:
                tcp["tls_config"] = {"ca_file": authority}
            if security is Security.TLS:
                tcp["tls"] = True
            modules[f"{protocol}_{security}"] = {"prober": "tcp", "timeout": f"{LIMIT_SECONDS}s", "tcp": tcp}
    return modules


def _dialogue(protocol: Protocol, security: Security) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [{"expect": GREETING[protocol]}]
    steps += UPGRADE[protocol] if security is Security.STARTTLS else []
    for command, answer in COMMANDS[protocol]:
        # It ends lines with LF alone.
        steps += [{"send": f"{command}\r"}, {"expect": answer}]
    return [*steps, {"send": f"{LEAVE[protocol]}\r"}]


def _module(cell: Cell) -> str:
    return f"{cell.protocol}_{cell.security}"


def _reason(log: str) -> str:
    """The last error before the line that only says that it failed."""
    errors = re.findall(r'level=error msg="([^"]*)"(?: err="((?:[^"\\]|\\.)*)")?', log)
    words = [f"{message}: {error}" if error else message for message, error in errors]
    return next((word for word in reversed(words) if word != "Probe failed"), "no reason given")


class Plugins:
    """check_imap and check_pop, sending the whole dialogue at once and expecting each answer."""

    def ask(self, cell: Cell, port: int) -> Said | None:
        """None where they cannot be asked: they know no STARTTLS."""
        if cell.security is Security.STARTTLS:
            return None
        started_at = time.monotonic()
        try:
            done = subprocess.run(
                self._command(cell, port), capture_output=True, timeout=PATIENCE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return Said(is_fine=False, words="did not end", seconds=time.monotonic() - started_at)
        text = done.stdout.decode("utf-8", "replace")
        seconds = time.monotonic() - started_at
        status = EXIT.get(done.returncode, f"ended with {done.returncode}")
        words = status if done.returncode == 0 else f"{status}: {_line_of(text)}"
        return _said(words, seconds, text, is_fine=done.returncode == 0)

    def _command(self, cell: Cell, port: int) -> list[str]:
        dialogue = "".join(f"{command}\\r\\n" for command, _ in COMMANDS[cell.protocol])
        expected = [part for answer in PLUGIN_EXPECTED[cell.protocol] for part in ("-e", answer)]
        tls = ["-S", "-D", "14,1"] if cell.security is Security.TLS else []
        program = str(PLUGIN_FOLDER / PLUGIN_NAMES[cell.protocol])
        limit = ["-t", str(LIMIT_SECONDS)]
        return [program, "-H", HOST, "-p", str(port), *limit, "-E", "-s", dialogue, *expected, "-A", *tls]


def _line_of(text: str) -> str:
    """Without what it says of a good certificate first, of its timing behind, and its status once more."""
    lines = text.split("|time=", maxsplit=1)[0].splitlines()
    line = next((line for line in lines if not line.startswith("OK - Certificate")), "nothing")
    return re.sub(r"^((IMAP|POP|SIMAP|SPOP) )?(CRITICAL|WARNING|UNKNOWN) - ", "", line)


def _said(words: str, seconds: float, told: str = "", *, is_fine: bool) -> Said:
    return Said(is_fine, _tidy(words), seconds, SECRET in words or SECRET in told)


def _tidy(words: str) -> str:
    """The same in every run: no ports, no times; and nothing that would break a table."""
    words = re.sub(r"(tcp4? )?127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?", "", words)
    words = re.sub(r" and port \d+| on 127\.0\.0\.1 port \d+| on port \d+|port \d+", "", words)
    words = re.sub(r"\d+\.\d+ second response time ?", "", words)
    words = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|(\w{3} ){2} ?\d+ [\d:]{8} \d{4} \+0000", "…", words)
    words = words.replace(SECRET, "[password]")
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    words = " ".join(words.replace("|", "/").replace("`", "'").split())
    return words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…"
