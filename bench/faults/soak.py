"""`make soak`: many checks over all faulty servers in one process, which is to end as it began.

The servers are in a process apart, so that every thread, descriptor and byte here is the checks' own.
"""

import argparse
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from app import checkers
from app.domain.enums import ErrorCode
from app.domain.outcome import CheckOutcome
from app.net.resolve import THREAD_NAME
from bench.faults import names
from bench.faults.cell import Cell
from bench.faults.mailbox import LOOPBACK, target_of
from bench.faults.measure import Holdings, settled_holdings, share_one_arena
from bench.faults.serving import Served, served_apart
from bench.faults.table import CELLS
from tests.fakes.server import HOST

CHECKS = 20_000
AT_ONCE = 32
SEED = 20_260_101
PATIENT_SECONDS = 30.0
"""The deadline of cells that end by themselves: many checks at once slow each other down."""
TOLERANCE_SECONDS = 0.5
ENDING_SECONDS = 10.0
SLICE = 1_000
MAX_GROWTH = 10_000_000
EXAMPLES = 10
MEGABYTE = 1_000_000


@dataclass
class Result:
    """What a soak came to."""

    checks: int
    seconds: float
    before: Holdings
    after: Holdings
    verdicts: Counter[str]
    strays: list[str] = field(default_factory=list)
    """Cells that ended otherwise than they were to, or late."""

    @property
    def is_clean(self) -> bool:
        return (
            len(self.after.threads) <= len(self.before.threads)
            and len(self.after.descriptors) <= len(self.before.descriptors)
            and self.after.resident - self.before.resident < MAX_GROWTH
            and not self.strays
        )


def soak(checks: int, warm_up: int, seed: int = SEED, at_once: int = AT_ONCE) -> Result:
    """Warm up, measure, check, and measure again with everything still in place."""
    # Reproducible on purpose, and nothing secret hangs on it.
    choice = random.Random(seed)  # noqa: S311
    cells = list(CELLS.values())
    share_one_arena()
    first = [*choice.sample(cells, min(warm_up, len(cells)))]
    with served_apart() as up, _pool(at_once) as pool:
        _run(pool, first, up)
        before = _settled()
        started_at = time.monotonic()
        verdicts, strays = _run(pool, choice.choices(cells, k=checks), up)
        seconds = time.monotonic() - started_at
        after = _settled()
    return Result(checks, seconds, before, after, verdicts, strays)


@contextmanager
def _pool(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """With all its threads there from the start."""
    with ThreadPoolExecutor(at_once) as pool:
        together = threading.Barrier(at_once)
        list(pool.map(lambda _: together.wait(), range(at_once)))
        yield pool


def _run(pool: ThreadPoolExecutor, cells: list[Cell], up: Served) -> tuple[Counter[str], list[str]]:
    """Slice by slice, and keeping no outcome: what waits here would be taken for what a check leaves."""
    verdicts: Counter[str] = Counter()
    strays: list[str] = []
    with names.scripted():
        for start in range(0, len(cells), SLICE):
            for verdict, stray in pool.map(lambda cell: _check(cell, up), cells[start : start + SLICE]):
                verdicts[verdict] += 1
                strays += [stray] if stray else []
    return verdicts, strays


def _check(cell: Cell, up: Served) -> tuple[str, str | None]:
    target = target_of(cell, HOST, up.port_of(cell), up.authority)
    started_at = time.monotonic()
    outcome = checkers.run(target, _deadline(cell), LOOPBACK)
    return str(outcome.code or outcome.status), _stray(cell, outcome, time.monotonic() - started_at)


def _deadline(cell: Cell) -> float:
    return cell.deadline if cell.hangs else PATIENT_SECONDS


def _stray(cell: Cell, outcome: CheckOutcome, took: float) -> str | None:
    # A busy machine may not get as far as the rung in question before a short deadline.
    is_short = cell.hangs and outcome.code is ErrorCode.TIMEOUT
    if not is_short and not cell.is_met_by(outcome):
        return f"{cell.name}: {outcome.code or outcome.status} at {outcome.phase}"
    if took > _deadline(cell) + TOLERANCE_SECONDS:
        return f"{cell.name}: {took:.1f} s"
    return None


def _settled() -> Holdings:
    """What is held once name lookups that were let go have ended."""
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(ENDING_SECONDS)
    return settled_holdings()


def report(result: Result, at_once: int, seed: int) -> str:
    before, after = result.before, result.after
    rows = [
        ("", "start", "end"),
        ("threads", str(len(before.threads)), str(len(after.threads))),
        ("descriptors", str(len(before.descriptors)), str(len(after.descriptors))),
        ("objects", str(before.objects), str(after.objects)),
        ("memory (MB)", _megabytes(before.resident), _megabytes(after.resident)),
    ]
    table = "\n".join(f"{name:<12}{start:>9}{end:>9}" for name, start, end in rows)
    head = (
        f"soak: {result.checks} checks over {len(CELLS)} cells, {at_once} at once, seed {seed}: "
        f"{result.seconds:.0f} s, {result.checks / result.seconds:.0f} a second"
    )
    found = ", ".join(f"{code} {count}" for code, count in result.verdicts.most_common())
    strays = [f"not as due: {len(result.strays)}", *result.strays[:EXAMPLES]]
    return "\n".join(
        [head, table, f"verdicts: {found}", *strays, "clean" if result.is_clean else "NOT CLEAN"]
    )


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults.soak", description=__doc__)
    parser.add_argument("--checks", type=int, default=CHECKS)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    result = soak(options.checks, len(CELLS), options.seed, options.at_once)
    print(report(result, options.at_once, options.seed))
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
