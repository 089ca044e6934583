"""The parts of a run, each on a new database of its own, and what they came to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench.crash import outages
from bench.crash.processes import StuckError
from bench.crash.rounds import Rounds
from bench.crash.stage import Stage
from tests.parts.cluster import Cluster, new_cluster
from tests.parts.disk import small_disk

DISK_MEGABYTES = 8
DATABASES = ("sqlite", "postgresql")


@dataclass
class Report:
    name: str
    facts: str = ""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "NOT as it should be:" if self.faults else "every invariant held"
        head = f"{self.name}: {self.facts}; {self.seconds:.0f} s: {verdict}"
        return "\n".join([head, *(f"  {fault}" for fault in self.faults)])

    @contextmanager
    def measured(self) -> Iterator[None]:
        begun = monotonic()
        try:
            yield
        except StuckError as error:
            self.faults.append(str(error))
        finally:
            self.seconds = monotonic() - begun


@contextmanager
def _sqlite() -> Iterator[Stage]:
    with TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name)
        with Stage(f"sqlite:///{folder / 'crash.db'}", folder) as stage:
            yield stage


@contextmanager
def _postgresql() -> Iterator[tuple[Stage, Cluster]]:
    with (
        new_cluster() as cluster,
        TemporaryDirectory(prefix="crash-") as name,
        Stage(cluster.url, Path(name)) as stage,
    ):
        yield stage, cluster


@contextmanager
def _on(kind: str) -> Iterator[tuple[Stage, Cluster | None]]:
    if kind == "postgresql":
        with _postgresql() as both:
            yield both
    else:
        with _sqlite() as stage:
            yield stage, None


def kills(kind: str, rounds: int, seed: int, slack: float) -> Report:
    """Stops at the first round after which something does not hold."""
    report = Report(f"{kind}, kills")
    with report.measured(), _on(kind) as (stage, cluster):
        play, number = Rounds(stage, seed, cluster), 0
        while number < rounds and not report.faults:
            report.faults += play.run(number, slack)
            number += 1
            report.facts = f"{number} rounds, seed {seed}, {play}"
        report.faults = report.faults or play.end(slack)
    return report


def outage(kind: str) -> Report:
    """PostgreSQL is stopped; the disk below SQLite is full."""
    report = Report(f"{kind}, outage", "the disk was full" if kind == "sqlite" else "the server was stopped")
    with report.measured():
        report.faults += _full_disk() if kind == "sqlite" else _stopped_server()
    return report


def _full_disk() -> list[str]:
    with (
        TemporaryDirectory(prefix="crash-") as logs,
        small_disk(DISK_MEGABYTES) as disk,
        Stage(f"sqlite:///{disk.folder / 'crash.db'}", Path(logs)) as stage,
    ):
        return outages.outage(stage, disk.fill, disk.free)


def _stopped_server() -> list[str]:
    with _postgresql() as (stage, cluster):
        return outages.outage(stage, lambda: cluster.stop("fast"), cluster.start)


def clock(kind: str, steps: Sequence[int] = outages.STEPS) -> Report:
    report = Report(f"{kind}, clock", f"{len(steps)} steps")
    with report.measured(), _on(kind) as (stage, _):
        report.faults += outages.steps_of_the_clock(stage, steps)
    return report
