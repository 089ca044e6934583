"""Python programs in processes of their own that begin with the application imported.

To import it is most of what a scheduler costs to start: one process does so once, and each program is a fork
of that. All else is as if it had been started from a shell: its own environment, log, signals, exit status.
"""

import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from subprocess import TimeoutExpired

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.worker.forked", "app.factory", "app.worker.process", "psycopg"])


class Forked:
    """Like subprocess.Popen: `python words...`, with these variables alone and stderr in that file."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self._words = words
        log.write_bytes(b"")
        # A daemon, so that nobody waits for it who forgot to end it.
        self._process = SERVER.Process(target=_run, args=(words, dict(environ), str(log)), daemon=True)
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


def _run(words: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(os.open(log, os.O_WRONLY), sys.stderr.fileno())
    option, program = words
    sys.argv = [option]
    if option == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(program, {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
