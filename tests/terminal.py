"""Commands run at a real terminal, of which there is a pair: ours and theirs."""

import os
import pty
from collections.abc import Mapping, Sequence

from tests.worker.forked import STDERR, STDIN, STDOUT, Descriptor, Forked

END_SECONDS = 60


def run_at_terminal(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """`flask --app wsgi …` at a terminal: its exit code and all that it shows there."""
    ours, theirs = pty.openpty()
    command = ["-m", "flask", "--app", "wsgi", *arguments]
    process = Forked(command, {**os.environ, **environ}, Descriptor(theirs), (STDIN, STDOUT, STDERR))
    os.close(theirs)
    shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.wait(END_SECONDS), shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""  # Linux says so when the other side has closed
