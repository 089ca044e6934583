"""What backups of both kinds of database have in common: what is in one, and who may restore it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import PillarboxError
from app.services import migrations


class BackupError(PillarboxError):
    """A backup cannot be made or restored; the text is the one line that the operator sees."""


@dataclass(frozen=True)
class Contents:
    """What is known of a backup. It holds no key itself: only the ids of those that its secrets need."""

    revision: str
    """The migration that it is at."""
    keys: Counter[str]
    """How many secrets each key encrypts, by its id."""

    @property
    def is_older(self) -> bool:
        return self.revision != migrations.newest()

    def missing(self, key_ids: Sequence[str]) -> list[str]:
        """The ids of the keys that it needs and that are not among these."""
        return sorted(set(self.keys) - set(key_ids))


def contents(revision: str | None, keys: Counter[str]) -> Contents:
    """Raises BackupError for what is no backup of Pillarbox, and for a newer version's."""
    if revision is None:
        raise BackupError("there is no database of Pillarbox in it: it has no migration")
    if not migrations.is_known(revision):
        raise BackupError(
            f"it is at migration {revision}, and this version knows none behind {migrations.newest()}: "
            "restore it with the version that made it, or a newer one"
        )
    return Contents(revision, keys)


def beginning(file: Path, size: int = 16) -> bytes:
    """The first bytes, by which kinds of files are told. Raises BackupError."""
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError as error:
        raise BackupError(f"cannot read {file}: {error.strerror}") from None
