"""Where the pages are read: a clone of the repository with its packages in place, and a shell in it."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.config import setting_fields
from tests.docs.pages import ROOT, Block, Page
from tests.parts.ports import ROW, free_port, free_ports

SESSION = Path(__file__).with_name("session.bash")
FLASK = Path(sys.prefix) / "bin" / "flask"
SERVICE_PORT, TRIAL_PORT = 8000, 20000
TRIAL_PORTS = ROW
"""So many, from TRIAL_PORT on, are for the mail servers that pages try things on."""
PAGE_SECONDS = 480
BEGIN = "\x1e"


@dataclass
class World:
    """A folder that looks like a fresh clone after `make install`, with a port of its own."""

    folder: Path
    environ: dict[str, str]
    has_server: bool = False
    """Whether `.venv/bin/flask` is flask_command.py: worth it for more than one command."""

    def __post_init__(self) -> None:
        self.port = free_port()
        self.trial_port = free_ports(TRIAL_PORTS)[0]
        self.clone = self.folder / "pillarbox"
        self.service = self.folder / "service"
        self.service.mkdir(parents=True)
        _copy_sources(self.clone)
        _link_packages(self.clone / ".venv")
        self._server = self._start_server() if self.has_server else None

    def start(self) -> None:
        """`make run`."""
        if not (self.service / "pid").exists():
            ended = self._bash("start_service")
            assert ended.returncode == 0, ended.stdout

    def stop(self) -> None:
        self._bash("stop_service")
        if self._server is not None:
            # With the commands that still run: it has a session of its own.
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def _start_server(self) -> "subprocess.Popen[bytes]":
        path = self.folder / "flask.socket"
        _put_in_place_of_flask(self.clone / ".venv" / "bin", path)
        with socket.socket(socket.AF_UNIX) as listener, (self.folder / "flask.log").open("wb") as log:
            listener.bind(str(path))
            listener.listen()
            number = listener.fileno()
            return subprocess.Popen(
                [".venv/bin/python", "-m", "tests.docs.flask_server", str(number), str(FLASK)],
                cwd=self.clone,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[number],
                start_new_session=True,
            )

    def read(self, page: Page) -> str:
        """Run all blocks of the page that can be run, one after another in one shell.

        Returns nothing, or of the block that failed where it stands and what it said.
        """
        blocks = [block for block in page.blocks if block.is_run]
        # Lines have the numbers that they have in the page, so what bash complains of is found there.
        script = self.folder / page.name
        script.parent.mkdir(exist_ok=True)
        script.write_text(self._script(blocks), encoding="utf-8")
        ended = self._bash(f"source '{script}'")
        return _story(blocks, ended) if ended.returncode else ""

    def _script(self, blocks: list[Block]) -> str:
        lines = [""] * max(block.line + len(block.lines) for block in blocks)
        for block in blocks:
            lines[block.line - 1] = f"block {block.line} {' '.join(block.announced_statuses)}"
            lines[block.line : block.line + len(block.lines)] = [
                self._with_free_ports(line) for line in block.lines
            ]
        return "\n".join(lines) + "\n"

    def _with_free_ports(self, line: str) -> str:
        """With ports that nobody else has in the place of those that the pages name."""
        line = re.sub(rf"(?<=[:=]){SERVICE_PORT}\b", str(self.port), line)
        return re.sub(
            rf"\b{TRIAL_PORT // TRIAL_PORTS}(\d)\b", lambda found: str(self.trial_port + int(found[1])), line
        )

    def _bash(self, command: str) -> "subprocess.CompletedProcess[str]":
        """What the command starts in the background is ended with it, but for the service."""
        process = subprocess.Popen(
            ["bash", "-c", f"source '{SESSION}'; {command}"],
            cwd=self.clone,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        # What still runs in the background has the same output open, so its end is not waited for.
        try:
            code = process.wait(PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return subprocess.CompletedProcess(command, code, output)

    def _environ(self) -> dict[str, str]:
        """Without the developer's own settings. What was compiled once is kept, as it is everywhere else."""
        names = {setting.name.upper() for setting in setting_fields()} | {"PYTHONDONTWRITEBYTECODE"}
        inherited = {
            name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in names
        }
        return inherited | {"PORT": str(self.port), "SERVICE": str(self.service), **self.environ}


def _copy_sources(clone: Path) -> None:
    """What git knows or would add: with what is being worked on."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, clone / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _link_packages(venv: Path) -> None:
    """The packages that are there, newer than requirements.txt: so make installs nothing into them."""
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith("."):
            (venv / entry.name).symlink_to(entry)
    (venv / ".installed").touch()


def _put_in_place_of_flask(folder: Path, path: Path) -> None:
    """The service is started by the program itself, which signals end."""
    folder.unlink()
    folder.mkdir()
    for entry in FLASK.parent.iterdir():
        if entry.name != FLASK.name:
            (folder / entry.name).symlink_to(entry)
    command = [sys.executable, "-IS", str(Path(__file__).with_name("flask_command.py")), str(path)]
    script = f'case "$*" in *" up") exec {FLASK} "$@" ;; esac\nexec {shlex.join(command)} "$@"\n'
    (folder / FLASK.name).write_text(f"#!/bin/sh\n{script}")
    (folder / FLASK.name).chmod(0o755)


def _story(blocks: list[Block], ended: "subprocess.CompletedProcess[str]") -> str:
    """The block that was being run, and what it said."""
    told = re.split(rf"^{BEGIN}(\d+)\n", ended.stdout, flags=re.MULTILINE)
    number, output = (int(told[-2]), told[-1]) if len(told) > 1 else (blocks[0].line, told[0])
    (block,) = [block for block in blocks if block.line == number]
    return f"{block.place}: exit code {ended.returncode}\n\n{block.text}\n\nIt said:\n{output}"
