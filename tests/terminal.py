"""Commands run at a real terminal, of which there is a pair: ours and theirs."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence


def run_at_terminal(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """`flask --app wsgi …` at a terminal: its exit code and all that it shows there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    with subprocess.Popen(
        command, env={**os.environ, **environ}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.returncode, shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""  # Linux says so when the other side has closed
