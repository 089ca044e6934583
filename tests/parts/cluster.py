"""A PostgreSQL server of our own, to stop and start at will: never the one that tests share."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.parts import require
from tests.parts.ports import free_port

REMEDY = "the programs of a PostgreSQL server (apt-get install postgresql)"
PATIENCE_SECONDS = 180
SETTINGS = "-c fsync=off -c listen_addresses=127.0.0.1 -c max_connections=60"
"""Without fsync it is as safe against its own end, though not against the machine's."""


def _programs() -> Path | None:
    """The folder of the newest initdb; Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(found).parent if found else next((path.parent for path in reversed(debian)), None)


class Cluster:
    """Runs as an ordinary user, because PostgreSQL refuses to run as root."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self._data = programs, folder, folder / "data"
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        options = "--auth=trust --username=postgres --encoding=UTF8 --locale=C --no-sync"
        self._run("initdb", *options.split(), f"--pgdata={self._data}")

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} {SETTINGS}"
        self._pg_ctl("start", f"--log={self._folder / 'log'}", f"--options={options}")

    def stop(self, mode: str) -> None:
        """`fast` ends sessions in order; `immediate` is a crash that the next start recovers from."""
        self._pg_ctl("stop", f"--mode={mode}")

    def finish(self) -> None:
        """Stop it, unless it is stopped already."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")

    def _pg_ctl(self, *words: str) -> None:
        self._run("pg_ctl", f"--pgdata={self._data}", "--wait", f"--timeout={PATIENCE_SECONDS}", *words)

    def _run(self, program: str, *words: str) -> None:
        # Not a pipe: the server would inherit and keep it.
        with (self._folder / "output").open("w+b") as output:
            ended = subprocess.run(
                [self._programs / program, *words],
                cwd=self._folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdout=output,
                stderr=output,
                check=False,
                **self._user,
            )
            output.seek(0)
            assert ended.returncode == 0, f"{program}: {output.read().decode(errors='replace')}"


@contextmanager
def new_cluster() -> Iterator[Cluster]:
    """A running one, gone afterwards. Skips the test where there are no programs for it."""
    programs = _programs()
    require(programs is not None, "PostgreSQL restart", REMEDY)
    assert programs
    folder = Path(mkdtemp(prefix="cluster-"))
    cluster = Cluster(programs, folder)
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        cluster.finish()
        shutil.rmtree(folder)
