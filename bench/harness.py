"""What the benchmarks share: CPU time of a process, runs in alternation, tables, and results as JSON."""

import json
import os
import platform
import resource
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.version import VERSION

RESULTS = Path(__file__).parent / "results"
CPU_CLOCK = 2
"""The clock of a process that counts what all its threads, ended ones too, spent on a CPU."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, far finer than /proc/PID/stat with its steps of 10 ms."""
    # What clock_getcpuclockid(3) returns, which Python has for threads alone.
    return time.clock_gettime((~pid << 3) | CPU_CLOCK)


def children_cpu_seconds() -> float:
    """User and system time of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Spread:
    """Some measurements of one thing, in any unit."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(*(round(value, 4) for value in (statistics.median(values), min(values), max(values))))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True)
class Contender:
    """One way to do a thing: `prepare` takes how often, `run` what came of that, `cpu` tells the seconds."""

    name: str
    run: Callable[[Any], object]
    cpu: Callable[[], float] = time.process_time
    prepare: Callable[[int], Any] = range


def alternate(contenders: Sequence[Contender], rounds: int, block: int) -> dict[str, list[float]]:
    """CPU seconds a time, by contender and round, after a round to warm up. Whoever begins one ends the next.

    What else the machine does meanwhile hits all of them alike.
    """
    spent: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    order = list(contenders)
    for number in range(rounds + 1):
        for contender in order:
            prepared = contender.prepare(block)
            before = contender.cpu()
            contender.run(prepared)
            if number:
                spent[contender.name].append((contender.cpu() - before) / block)
        order = [*order[1:], order[0]]
    return spent


def ratios(spent: Mapping[str, Sequence[float]], base: str) -> dict[str, Spread]:
    """Each contender's use by that of `base` in the same round."""
    return {
        name: Spread.of([one / other for one, other in zip(values, spent[base], strict=True)])
        for name, values in spent.items()
    }


def share(values: Sequence[float], percent: int) -> float:
    """A percentile of sorted values."""
    return values[min(len(values) * percent // 100, len(values) - 1)]


def machine() -> dict[str, Any]:
    """What a reader has to know of the machine; not its name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1_000_000
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memoryMb": megabytes,
        "kernel": platform.release(),
    }


def versions(**others: str) -> dict[str, str]:
    """Of ourselves and what runs us, and of whatever else takes part."""
    return {
        "pillarbox": VERSION,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.split()[1],
        **others,
    }


def first_line(*command: str) -> str:
    """What a program says first, mostly its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def table(rows: Iterable[Sequence[str]]) -> str:
    """Aligned: the first column to the left, all others to the right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def save(name: str, used: Mapping[str, str], settings: Mapping[str, Any], figures: Mapping[str, Any]) -> Path:
    """Write bench/results/NAME.json; a Spread becomes an object."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        "benchmark": name,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine(),
        "versions": used,
        "settings": settings,
        "figures": figures,
    }
    path.write_text(json.dumps(content, indent=2, default=asdict) + "\n")
    return path


def heading(name: str, used: Mapping[str, str]) -> str:
    """The machine and the versions in two lines, above the table."""
    about = machine()
    programs = ", ".join(f"{program} {version}" for program, version in used.items())
    return f"{name}: {about['cpu']}, {about['cores']} cores, {about['memoryMb']} MB\n{programs}"
