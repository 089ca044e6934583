"""`make false-alarms`: a month of checks and outages; exit 1 when an alarm is false, missing or late."""

import argparse
import os
import time
from dataclasses import replace

from app.domain.health import Rules
from bench import harness
from bench.false_alarms import report
from bench.false_alarms.fleet import MONTH, SEED, Fleet
from bench.false_alarms.world import Network

NAME = "false_alarms"
EXAMPLES = 10
FIVE_MINUTES = Fleet()
CONTROLS = {
    "every 5 min, as it is": FIVE_MINUTES,
    "no second attempt": replace(FIVE_MINUTES, network=Network(has_second_attempt=False)),
    "no second check": replace(FIVE_MINUTES, rules=Rules(alert_checks=1)),
    "a tenth of the drops behind the login": replace(FIVE_MINUTES, network=Network(share_behind_login=0.1)),
}
"""Without outages: what each of the two looks is worth, and that false alarms would be seen."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.false_alarms", description=__doc__)
    parser.add_argument("--days", type=float, default=MONTH.days)
    parser.add_argument("--mailboxes", type=int, default=MONTH.mailboxes)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    size = {"days": options.days, "mailboxes": options.mailboxes, "seed": options.seed}
    begun, begun_here = time.monotonic(), time.process_time()
    month = replace(MONTH, **size)
    verdict = month.verdict(options.processes)
    told, faults = report.figures(month, verdict), verdict.faults
    rows = {"under outages, all intervals": told}
    for number, (name, control) in enumerate(CONTROLS.items(), start=1):
        # With luck of its own.
        fleet = replace(control, **size | {"seed": options.seed + number})
        found = fleet.verdict(options.processes)
        rows[name] = report.chances(fleet, found)
        if not report.is_as_expected(fleet, found):
            faults.append(f"{name}: {found.false_incidents} false incidents, not as many as expected")
    settings = {**size, "processes": options.processes, "dropRate": month.network.drop_rate}
    controls = {name: row for name, row in rows.items() if row is not told}
    used = harness.versions()
    harness.save(NAME, used, settings, {"month": told, "controls": controls})
    print(harness.heading(NAME, used), report.chance_table(rows), report.outage_table(told), sep="\n\n")
    for name in ("detection", "recovery"):
        print(f"\n{report.delay_table(name, told[name])}")
    spent = time.process_time() - begun_here + harness.children_cpu_seconds()
    took = f"{time.monotonic() - begun:.0f} s, {spent:.0f} s of CPU"
    print(f"\n{told['missed']} missed, {len(faults)} faults; {took}")
    print(*faults[:EXAMPLES], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
