"""The files in which the web processes count, so that each of them can answer for all.

Also loaded by the process that starts the others, so it knows nothing of the application.
"""

import fcntl
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FILES = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that says where they are; prometheus_client looks at it when it is imported, and not later."""


class SharedCollector(Collector):
    """What all processes have counted, those that have ended too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[object]:  # type: ignore[override] # its families have no types
        with _turn(self._folder, fcntl.LOCK_SH):
            found = list(MultiProcessCollector(None, str(self._folder)).collect())  # type: ignore[no-untyped-call]
        yield from found


def take_over(folder: Path, process_ids: Iterable[int]) -> None:
    """Add what processes that have ended counted to what those before them did.

    prometheus_client leaves its files for ever: after years of reloads each answer would read thousands.
    Raises BlockingIOError while somebody reads: who calls has to go on with other things than waiting.
    """
    with _turn(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for process_id in process_ids:
            for path in folder.glob(f"*_{process_id}.db"):
                _add(path, folder / f"{path.name.partition('_')[0]}_0.db")
                path.unlink()


def _add(path: Path, sums: Path) -> None:
    try:
        counted = list(MmapedDict.read_all_values_from_file(str(path)))  # type: ignore[no-untyped-call]
    except (struct.error, RuntimeError, ValueError):
        return  # the process was killed while it made the file
    ended = MmapedDict(str(sums))  # type: ignore[no-untyped-call]
    for key, value, _, _ in counted:
        before, _ = ended.read_value(key)  # type: ignore[no-untyped-call]
        ended.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]
    ended.close()  # type: ignore[no-untyped-call]


@contextmanager
def _turn(folder: Path, how: int) -> Iterator[None]:
    """Nobody adds up while the files of an ended process are in two places, or in none."""
    with (folder / "turn").open("a") as file:
        fcntl.flock(file, how)
        yield
