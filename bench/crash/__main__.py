"""`make crash`: kills, outages and steps of the clock; exit 1 when an invariant does not hold."""

import argparse
from collections.abc import Callable
from functools import partial

import pytest

from bench.crash import parts
from bench.crash.parts import DATABASES, Report
from tests.parts import MISSING

ROUNDS, SEED = 30, 20_260_101
SLACK_SECONDS = 10.0


def is_held(part: Callable[[], Report]) -> bool:
    """Prints what the part came to. One that cannot be played here counts as held, and says so."""
    try:
        report = part()
    except pytest.skip.Exception as skipped:
        print(f"SKIPPED: {str(skipped).removeprefix(MISSING)}", flush=True)
        return True
    print(report, flush=True)
    return not report.faults


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of kills, on each database")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--slack", type=float, default=SLACK_SECONDS, help="seconds that a busy machine may be late"
    )
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    options = parser.parse_args(arguments)
    held = [
        is_held(part)
        for kind in options.databases
        for part in (
            partial(parts.kills, kind, options.rounds, options.seed, options.slack),
            partial(parts.outage, kind),
            partial(parts.clock, kind),
        )
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
