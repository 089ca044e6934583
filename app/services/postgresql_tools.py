"""PostgreSQL's own programs: found, and told where the database is without showing a password."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

from sqlalchemy import URL

from app.services.backups import BackupError

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps those of each version, most of them not on PATH."""
VERSION_SECONDS = 10


def find(program: str, server: int) -> str:
    """The program of the server's major version, or of the next newer one that there is.

    Raises BackupError when there is none, or only older ones, which cannot read such a server.
    """
    found = {version: path for path in _candidates(program) if (version := _version(path))}
    usable = sorted(version for version in found if version >= server)
    if usable:
        return found[usable[0]]
    remedy = f"install PostgreSQL's client programs of version {server} (postgresql-client-{server})"
    if not found:
        raise BackupError(f"{program} is neither on PATH nor in {DEBIAN}/*/bin: {remedy}")
    raise BackupError(f"{program} {max(found)} is older than the server ({server}): {remedy}")


def _candidates(program: str) -> Iterator[str]:
    yield from map(str, DEBIAN.glob(f"*/bin/{program}"))
    if on_path := shutil.which(program):
        yield on_path


def _version(path: str) -> int | None:
    command = [path, "--version"]
    try:
        # One that we have found ourselves.
        said = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+)", said.stdout)
    return int(match[1]) if match else None


def place(url: URL) -> str:
    """The database as libpq's programs take it, without the password: everybody may see command lines."""
    query = {name: value for name, value in url.query.items() if name != "password"}
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return shown.render_as_string(hide_password=False)


def environment(url: URL) -> dict[str, str]:
    """The password goes here. Without one, libpq looks into ~/.pgpass by itself."""
    password = url.password or url.query.get("password")
    given = {"PGPASSWORD": str(password)} if password else {}
    return {**os.environ, "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "pillarbox", **given}


def run(command: list[str], url: URL | None = None) -> str:
    """What the program says. Raises BackupError when it fails."""
    with output_of(command, url) as output:
        return output.read().decode(errors="replace")


@contextmanager
def output_of(command: list[str], url: URL | None = None) -> Iterator[IO[bytes]]:
    """To read what the program says. Raises BackupError when it fails, at the end of the block."""
    with _started(command, url, stdout=subprocess.PIPE) as process:
        output = cast("IO[bytes]", process.stdout)
        yield output
        output.read()


@contextmanager
def input_of(command: list[str], url: URL) -> Iterator[IO[bytes]]:
    """To write what the program reads. Raises BackupError when it fails, at the end of the block."""
    # A pipe is broken when the program has given up; it says why.
    with (
        _started(command, url, stdin=subprocess.PIPE) as process,
        suppress(BrokenPipeError),
        cast("IO[bytes]", process.stdin) as opened,
    ):
        yield opened


@contextmanager
def _started(command: list[str], url: URL | None, **pipes: int) -> "Iterator[subprocess.Popen[bytes]]":
    environ = None if url is None else environment(url)
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, env=environ, stderr=said, **pipes) as process,  # type: ignore[call-overload]  # noqa: S603 - programs of PostgreSQL, without a shell
    ):
        yield process
        if process.wait():
            said.seek(0)
            complaint = _complaint(said.read().decode(errors="replace"))
            raise BackupError(f"{Path(command[0]).name} failed: {complaint}")


def _complaint(stderr: str) -> str:
    """What a program says is wrong, in one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    faults = [line for line in lines if re.search("error|fatal", line, re.IGNORECASE)]
    return (faults or lines or ["it does not say why"])[0]
