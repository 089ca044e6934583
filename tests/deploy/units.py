"""The units of deploy/systemd, read as systemd reads them, and their commands run as it runs them."""

import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from app.config import ROOT
from tests.worker.waiting import until

UNITS = ROOT / "deploy" / "systemd"
COMMON = UNITS / "pillarbox-.service.d" / "10-common.conf"
SERVICES = ("pillarbox-migrate", "pillarbox-web", "pillarbox-scheduler", "pillarbox-backup")
START_SECONDS = 180.0
HOME, VENV = "/opt/pillarbox", "/opt/pillarbox/.venv"


@dataclass(frozen=True)
class Unit:
    """A service with what all of them have in common."""

    name: str

    @cached_property
    def entries(self) -> list[tuple[str, str]]:
        paths = (UNITS / f"{self.name}.service", COMMON)
        lines = [line for path in paths for line in path.read_text().splitlines()]
        return [
            (key, value)
            for key, is_entry, value in (line.partition("=") for line in lines)
            if is_entry and not key.startswith("#")
        ]

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.entries if name == key]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value


def moved(text: str) -> str:
    """Where the guide puts code and packages -> where they are here."""
    return text.replace(VENV, sys.prefix).replace(HOME, str(ROOT))


class Machine:
    """The files of one installation, and its services: each command line of theirs in its environment."""

    def __init__(self, folder: Path, secrets: dict[str, str], **settings: str) -> None:
        self.folder = folder
        for name, value in secrets.items():
            (folder / name).write_text(value + "\n")
        self._settings = (UNITS / "pillarbox.env").read_text().splitlines()
        self._settings += [f"{name}={value}" for name, value in settings.items()]

    def environ(self, unit: Unit) -> dict[str, str]:
        """Nothing is inherited, as under systemd."""
        for line in unit.all("LoadCredential"):
            name, _, path = line.partition(":")
            assert Path(path).name == name
            assert (self.folder / name).exists()
        given = [line.replace("%d", str(self.folder)) for line in unit.all("Environment")]
        settings = [line for line in self._settings if line and not line.startswith("#")]
        pairs = (line.partition("=") for line in (*given, *settings))
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | {name: value for name, _, value in pairs}

    def run(self, unit: Unit) -> list[int]:
        """A oneshot: one command after the other. Returns their exit codes."""
        return [
            subprocess.run(
                shlex.split(moved(line)),
                cwd=moved(unit.one("WorkingDirectory")),
                env=self.environ(unit),
                check=False,
                timeout=START_SECONDS,
            ).returncode
            for line in unit.all("ExecStart")
        ]

    def start(self, unit: Unit, listener: socket.socket | None = None) -> "Running":
        return Running(self, unit, listener)


class Running:
    """A service that runs, and what it logs. `listener` is what its socket unit holds for it."""

    def __init__(self, machine: Machine, unit: Unit, listener: socket.socket | None) -> None:
        self._unit, self._environ = unit, machine.environ(unit)
        self._log = machine.folder / f"{unit.name}.log"
        command, descriptors = shlex.split(moved(unit.one("ExecStart"))), []
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if unit.one("Type") == "notify":
            path = machine.folder / "notify"
            path.unlink(missing_ok=True)
            self._told.bind(str(path))
            self._environ["NOTIFY_SOCKET"] = str(path)
        if listener is not None:
            number = listener.fileno()
            descriptors = [number]
            # systemd's protocol: the sockets begin at 3, for the process of that number.
            script = 'exec 3<&"$0"; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
            command = ["bash", "-c", script, str(number), *command]
        with self._log.open("ab") as log:
            self._begin = log.tell()
            self.process = subprocess.Popen(
                command,
                cwd=moved(unit.one("WorkingDirectory")),
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
            )

    @property
    def log(self) -> str:
        return self._log.read_bytes()[self._begin :].decode()

    def await_ready(self) -> None:
        """Until it has told systemd so."""
        self._told.settimeout(START_SECONDS)
        assert self._told.recv(1000).startswith(b"READY=1"), self.log

    def reload(self) -> int:
        line = moved(self._unit.one("ExecReload")).replace("$MAINPID", str(self.process.pid))
        return subprocess.run(shlex.split(line), env=self._environ, check=False).returncode

    def await_log(self, text: str, times: int = 1) -> None:
        until(lambda: self.log.count(text) >= times or self.process.poll() is not None, START_SECONDS)
        assert self.log.count(text) >= times, self.log

    def stop(self) -> int:
        """As systemd stops it: KillMode=mixed tells the first process alone."""
        assert self._unit.one("KillMode") == "mixed"
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        try:
            return self.process.wait(float(self._unit.one("TimeoutStopSec")))
        finally:
            self._told.close()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._told.close()
