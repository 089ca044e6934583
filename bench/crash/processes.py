"""The real processes, to be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from app.config import ROOT
from tests.worker.forked import Forked
from tests.worker.waiting import until

READY_SECONDS = 60.0
END_SECONDS = 60.0
"""Longer than a scheduler that hangs gives itself."""


class StuckError(Exception):
    """A process does not do what it has to: a fault like those that the invariants find."""


class Killable:
    """One process after another, each with a log of its own and in a group of its own."""

    def __init__(self, name: str, words: Sequence[str], environ: dict[str, str], folder: Path) -> None:
        self._name, self._words, self._folder = name, words, folder
        self._environ = {**os.environ, **environ}
        self._descriptors: tuple[int, ...] = ()
        self._started: list[int] = []
        self.started_at = 0.0

    def start(self) -> None:
        self.started_at = monotonic()
        self._log = self._folder / f"{self._name}-{len(self._started)}.log"
        self.process = self._run()
        self._started.append(self.process.pid)

    def _run(self) -> subprocess.Popen[bytes] | Forked:
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *self._words],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._descriptors,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise StuckError(f"{self._name} does not end after {number.name}") from None

    def finish(self) -> None:
        """End it and what its predecessors have left."""
        for group in self._started:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._started:
            self.process.kill()
            self.process.wait(END_SECONDS)


class Scheduler(Killable):
    """Forked from a process that has imported the application: rounds are of kills, not of starts."""

    module = "app.worker"

    def __init__(self, number: int, environ: dict[str, str], folder: Path) -> None:
        environ = {**environ, "LOG_LEVEL": "INFO"}
        super().__init__(f"scheduler-{number}", [self.module], environ, folder)

    def _run(self) -> subprocess.Popen[bytes] | Forked:
        return Forked(["-m", *self._words], self._environ, self._log)

    def ready(self) -> None:
        until(lambda: "scheduler_started" in self.log or self.process.poll() is not None, READY_SECONDS)
        if self.process.poll() is not None:
            raise StuckError(f"{self._name} ended at its start: {self.log}")


class ClockedScheduler(Scheduler):
    """Started from nothing: its clock is another before anything imports it."""

    module = "bench.crash.clock"

    def _run(self) -> subprocess.Popen[bytes] | Forked:
        return Killable._run(self)


class Web(Killable):
    """gunicorn, on a socket that outlives it."""

    def __init__(self, environ: dict[str, str], folder: Path, workers: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        words = ["gunicorn", "--bind", f"fd://{self._listener.fileno()}"]
        super().__init__("web", words, {**environ, "WEB_CONCURRENCY": str(workers)}, folder)
        self._descriptors = (self._listener.fileno(),)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def finish(self) -> None:
        super().finish()
        self._listener.close()
