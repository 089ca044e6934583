"""One scheduler for each SQLite database: a second one would only wait for the first one's writes."""

import fcntl
import os
from pathlib import Path

from app.errors import PillarboxError


class LockError(PillarboxError):
    """The lock cannot be taken; the text is the one line that the operator sees."""


class DatabaseLock:
    """A lock on a file beside the database, held until the process ends, however it ends."""

    def __init__(self, database: Path) -> None:
        self._database = database.resolve()
        self._path = self._database.with_name(f"{self._database.name}.scheduler.lock")
        self._file: int | None = None

    def take(self) -> None:
        """Raises LockError when another process holds it, or the file cannot be written."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._give_to_owner(self._file)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockError(
                f"a scheduler (pid {self._holder()}) runs on {self._database} already; "
                "use PostgreSQL (DATABASE_URL) for more than one"
            ) from None
        except OSError as error:
            raise LockError(f"cannot lock {self._path}: {error.strerror}") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def _give_to_owner(self, descriptor: int) -> None:
        """A command that root runs must not leave a lock that the service cannot open."""
        if os.geteuid() == 0:
            like = self._database if self._database.exists() else self._database.parent
            found = like.stat()
            os.fchown(descriptor, found.st_uid, found.st_gid)

    def _holder(self) -> str:
        return self._path.read_text(encoding="utf-8").strip() or "unknown"

    def give_back(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
