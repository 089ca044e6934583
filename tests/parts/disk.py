"""A disk of a few megabytes, to fill up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parts import require

REMEDY = "the right to mount a tmpfs (run them as root)"
BLOCK = bytes(4096)


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take every block that is left."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as ballast:
            while ballast.write(BLOCK):
                pass

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mounted until the end. Skips the test where that is not allowed."""
    with TemporaryDirectory(prefix="disk-") as folder:
        mount = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "disk", folder)
        require(os.geteuid() == 0 and _run(*mount), "Full disk", REMEDY)
        try:
            yield SmallDisk(Path(folder))
        finally:
            _run("umount", "--lazy", folder)


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
