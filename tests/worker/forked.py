"""Python programs in processes of their own that begin with the application imported.

To import it is most of what a scheduler or a command costs to start: one process does so once, and each
program is a fork of that. All else is as if it had been started from a shell: its own environment, streams,
signals, exit status.
"""

import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, reduction
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from app.config import ROOT

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.worker.forked", "app.factory", "app.worker.process", "psycopg"])
STDIN, STDOUT, STDERR = range(3)


@dataclass(frozen=True)
class Descriptor:
    """An open file of ours, which the process gets as a copy."""

    number: int

    def __reduce__(self) -> tuple[Any, ...]:
        # Made when the process is started and at no other time: it belongs to that start.
        return _inherited, (reduction.DupFd(self.number),)


class Forked:
    """Like subprocess.Popen: `python words...`, with these variables alone and these streams in that file."""

    def __init__(
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        log: Path | Descriptor,
        streams: Sequence[int] = (STDERR,),
    ) -> None:
        self._words = words
        if isinstance(log, Path):
            log.write_bytes(b"")
        # A daemon, so that nobody waits for it who forgot to end it.
        arguments = (words, dict(environ), log, streams)
        self._process = SERVER.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise TimeoutExpired(list(self._words), timeout or 0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _inherited(copy: Any) -> Descriptor:
    return Descriptor(copy.detach())


def _run(
    words: Sequence[str], environ: Mapping[str, str], log: Path | Descriptor, streams: Sequence[int]
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(ROOT)
    file = log.number if isinstance(log, Descriptor) else os.open(log, os.O_WRONLY | os.O_APPEND)
    for number in streams:
        os.dup2(file, number)
    os.close(file)
    # Made anew, because a stream finds out in the beginning whether it is a terminal's.
    if STDIN in streams:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - open to the end
    if STDOUT in streams:
        sys.stdout = open(STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    option, program, *rest = words
    sys.argv = [option if option == "-c" else program, *rest]
    if option == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(program, {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
