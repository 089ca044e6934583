"""The scheduler as an operator runs it: `python -m app.worker`, in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from app.config import ROOT
from tests.conftest import ENVIRON
from tests.worker.forked import Forked
from tests.worker.waiting import until


class Scheduler:
    """The process and what it logs."""

    arguments: tuple[str, ...] = ("-m", "app.worker")
    """What Python is started with."""

    def __init__(self, log: Path, **environ: str) -> None:
        self._log = log
        settings = {**ENVIRON, "LOG_LEVEL": "INFO", "ALLOW_PRIVATE_TARGETS": "true"}
        self.process = self._start({**os.environ, **settings, **environ})

    def _start(self, environ: dict[str, str]) -> subprocess.Popen[bytes] | Forked:
        with self._log.open("wb") as stderr:
            return subprocess.Popen([sys.executable, *self.arguments], cwd=ROOT, env=environ, stderr=stderr)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ready(self) -> "Scheduler":
        until(lambda: "scheduler_started" in self.log)
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


class ForkedScheduler(Scheduler):
    """For tests that are not about how it starts."""

    def _start(self, environ: dict[str, str]) -> Forked:
        return Forked(self.arguments, environ, self._log)


Run = Callable[..., Scheduler]


@pytest.fixture
def run(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Run]:
    """Starts schedulers on the test's database."""
    with starting(Scheduler, tmp_path, DATABASE_URL=database_url) as build:
        yield build


@pytest.fixture
def run_forked(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Run]:
    """Starts forked schedulers on the test's database."""
    with starting(ForkedScheduler, tmp_path, DATABASE_URL=database_url) as build:
        yield build


@contextmanager
def starting(kind: type[Scheduler], folder: Path, **settings: str) -> Iterator[Run]:
    """Starts schedulers of that kind, and kills them in the end."""
    started: list[Scheduler] = []

    def build(**environ: str) -> Scheduler:
        started.append(kind(folder / f"{len(started)}.log", **settings, **environ))
        return started[-1]

    try:
        yield build
    finally:
        for scheduler in started:
            scheduler.process.kill()
            scheduler.process.wait()
