"""The scheduler as an operator runs it: `python -m app.worker`, in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.config import ROOT
from tests.conftest import ENVIRON
from tests.worker.waiting import until


class Scheduler:
    """The process and what it logs."""

    arguments: tuple[str, ...] = ("-m", "app.worker")
    """What Python is started with."""

    def __init__(self, log: Path, **environ: str) -> None:
        self._log = log
        settings = {**ENVIRON, "LOG_LEVEL": "INFO", "ALLOW_PRIVATE_TARGETS": "true"}
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env={**os.environ, **settings, **environ},
                stderr=stderr,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ready(self) -> "Scheduler":
        until(lambda: "scheduler_started" in self.log, seconds=30)
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


Run = Callable[..., Scheduler]


@pytest.fixture
def run(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Run]:
    """Starts schedulers on the test's database."""
    started: list[Scheduler] = []

    def build(**environ: str) -> Scheduler:
        log = tmp_path / f"{len(started)}.log"
        started.append(Scheduler(log, DATABASE_URL=database_url, **environ))
        return started[-1]

    yield build
    for scheduler in started:
        scheduler.process.kill()
        scheduler.process.wait()
