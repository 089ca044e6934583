"""A scheduler with 15,000 mailboxes at the shortest interval, 500 checks a second, on both databases.

All runs on one machine: the scheduler, the simulated servers in a process of their own, and the database.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self, cast

from flask import Flask
from sqlalchemy import select

from app.clock import from_ms, to_ms
from app.extensions import db
from app.models import CheckResult, Monitor, MonitorSchedule
from app.services import locations
from bench import harness
from bench.fleet_fill import LOCATION, Fleet, begin, fill
from bench.fleet_servers import address
from bench.harness_app import ENVIRON, kinds, new_app
from tests.parts.ports import free_port

NAME = "fleet"
INTERVAL_SECONDS = 30
"""The shortest that the API takes."""
MONITORS, PROVIDER = 15_000, 1_000
"""In all, and of them at one server."""
SERVERS = 281
"""One for the provider, and each other one with 50 mailboxes."""
THREADS = 800
DELAY_SECONDS = 0.08
TIMEOUT_SECONDS = 10
START_SECONDS = 60.0
SETTLE_SECONDS = 3
"""How long results may take to be stored, before what was begun in an interval is counted."""
MEGABYTE = 1024
ROOT = Path(__file__).parent.parent


class BenchmarkError(Exception):
    """A part did not start, or did not do what was to be measured."""


@dataclass(frozen=True)
class Plan:
    """Where a monitor's checks belong: at `offset_ms` of each interval."""

    offset_ms: int
    server: str


@dataclass(frozen=True)
class Measured:
    """One interval. Lags are milliseconds from the planned time to the start of the check."""

    scenario: str
    interval: int
    checks_per_second: float
    healthy: int
    missed: int
    """Healthy monitors that were not checked within the interval; they count with its whole length."""
    lag_p50: float
    lag_p99: float
    lag_max: float
    rss_mb: float
    """The most since the scheduler's start."""
    scheduler_cpu: float
    """CPU seconds a second, and so is the next."""
    servers_cpu: float
    machine_cpu: float
    """Of all cores together, whoever used them: 1 is every core at work."""
    late: int
    put_off: int
    skipped: int


def lags(
    plans: dict[int, Plan], results: Iterable[tuple[int, int]], since_ms: int, interval_ms: int
) -> list[int]:
    """For each planned monitor how late it began the check that belongs into the interval behind `since_ms`.

    `results` are monitors and when their checks began. Who was not checked has the whole interval.
    """
    due = {key: since_ms + (plan.offset_ms - since_ms) % interval_ms for key, plan in plans.items()}
    late: dict[int, int] = {}
    for monitor, began_ms in results:
        if monitor in due and 0 <= (lag := began_ms - due[monitor]) < interval_ms:
            late[monitor] = min(lag, late.get(monitor, interval_ms))
    return sorted(late.get(key, interval_ms) for key in plans)


def busiest(began_ms: Iterable[int], length_ms: int = 1000) -> int:
    """The most checks that were begun within one second."""
    return max(Counter(began // length_ms for began in began_ms).values(), default=0)


class Servers:
    """The process of the simulated servers."""

    def __init__(self, stack: ExitStack, port: int, count: int) -> None:
        self.port = port
        command = [sys.executable, "-m", "bench.fleet_servers", str(port), str(DELAY_SECONDS), str(count)]
        self._process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        )
        stack.callback(self._process.terminate)
        self._expect("ready")

    def silence(self, addresses: Iterable[str]) -> None:
        """These say nothing from now on, and all others answer."""
        print(json.dumps(list(addresses)), file=self._process.stdin, flush=True)
        self._expect("done")

    def cpu_seconds(self) -> float:
        return harness.cpu_seconds(self._process.pid)

    def _expect(self, word: str) -> None:
        if cast("IO[str]", self._process.stdout).readline().strip() != word:
            raise BenchmarkError(f"the simulated servers did not say {word!r}")


class Scheduler:
    """`python -m app.worker` on the database of an application, its log in a file."""

    def __init__(self, app: Flask, folder: Path, threads: int) -> None:
        self._environ = {
            **os.environ,
            **ENVIRON,
            "LOG_LEVEL": "INFO",
            "DATABASE_URL": app.config["SETTINGS"].database_url,
            "CHECK_THREADS": str(threads),
        }
        self._log = folder / "scheduler.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)

    def start(self) -> None:
        """Returns when it is about to make its first claim. Raises BenchmarkError when that takes long."""
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], stderr=log, stdout=log, env=self._environ, cwd=ROOT
            )
        deadline = time.monotonic() + START_SECONDS
        while "scheduler_started" not in self._log.read_text():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise BenchmarkError(f"the scheduler did not start: {self._log.read_text()}")
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait()

    def cpu_seconds(self) -> float:
        return harness.cpu_seconds(self._process.pid)

    def peak_rss_mb(self) -> float:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / MEGABYTE for line in lines if line.startswith("VmHWM"))

    def complaints(self) -> Counter[str]:
        """What it logged besides its start, without the particulars."""
        events = [line.split(maxsplit=6)[5] for line in self._log.read_text().splitlines() if " app." in line]
        return Counter(event for event in events if not event.startswith("scheduler_"))


@dataclass(frozen=True)
class Sample:
    """Counters of everything at one moment."""

    at_ms: int
    scheduler: float
    servers: float
    machine: float
    counted: dict[str, int]

    def since(self, before: "Sample") -> dict[str, Any]:
        """What was used and counted from then on, named as in `Measured`."""
        seconds = (self.at_ms - before.at_ms) / 1000
        return {
            "scheduler_cpu": round((self.scheduler - before.scheduler) / seconds, 2),
            "servers_cpu": round((self.servers - before.servers) / seconds, 2),
            "machine_cpu": round((self.machine - before.machine) / seconds / (os.cpu_count() or 1), 2),
            "late": self.counted["checks_late"] - before.counted["checks_late"],
            "put_off": self.counted["checks_put_off"] - before.counted["checks_put_off"],
            "skipped": self.counted["checks_skipped"] - before.counted["checks_skipped"],
        }


@dataclass(frozen=True)
class Restart:
    """What came of a restart. Seconds are counted from when the scheduler was up, but for the first."""

    seconds_until_up: float
    """Since the old one was killed."""
    checked_within_interval: int
    seconds_until_all: float
    busiest_second: int
    """The most checks that were begun within one second."""


class Stage:
    """A fleet that is being checked."""

    def __init__(self, app: Flask, servers: Servers, scheduler: Scheduler) -> None:
        self._app, self._servers, self._scheduler = app, servers, scheduler
        self.restarted: Restart | None = None
        with app.app_context():
            rows = db.session.execute(
                select(Monitor.id, MonitorSchedule.offset_ms, Monitor.hostname).join(
                    MonitorSchedule, MonitorSchedule.monitor_id == Monitor.id
                )
            )
            self._plans = {row.id: Plan(row.offset_ms, row.hostname) for row in rows}
            db.session.commit()

    def begin(self) -> None:
        begin(self._app, datetime.now(UTC))

    def silence(self, addresses: Iterable[str]) -> None:
        self._servers.silence(addresses)

    def restart(self) -> int:
        """As after a crash: SIGKILL, and up again. Returns when it was."""
        self._scheduler.end(signal.SIGKILL)
        self._scheduler.start()
        return to_ms(datetime.now(UTC))

    def watch(self, scenario: str, intervals: int, silent: Iterable[str] = ()) -> Iterator[Measured]:
        """Let it run for so many intervals and measure each. The healthy are those that are not `silent`."""
        samples = [self._sample()]
        for number in range(intervals):
            time.sleep(max(0, samples[0].at_ms / 1000 + (number + 1) * INTERVAL_SECONDS - time.time()))
            samples.append(self._sample())
        time.sleep(SETTLE_SECONDS)
        found = self.results(samples[0].at_ms)
        gone = set(silent)
        healthy = {key: plan for key, plan in self._plans.items() if plan.server not in gone}
        for number, (before, after) in enumerate(pairwise(samples), 1):
            late = lags(healthy, found, before.at_ms, INTERVAL_SECONDS * 1000)
            begun = sum(before.at_ms <= began < after.at_ms for _, began in found)
            yield Measured(
                scenario=scenario,
                interval=number,
                checks_per_second=round(begun * 1000 / (after.at_ms - before.at_ms), 1),
                healthy=len(late),
                missed=late.count(INTERVAL_SECONDS * 1000),
                lag_p50=harness.share(late, 50),
                lag_p99=harness.share(late, 99),
                lag_max=late[-1],
                rss_mb=round(self._scheduler.peak_rss_mb(), 1),
                **after.since(before),
            )

    def results(self, since_ms: int) -> list[tuple[int, int]]:
        """Which monitors were checked since then, and when each check began."""
        with self._app.app_context():
            rows = db.session.execute(
                select(CheckResult.monitor_id, CheckResult.checked_at).where(
                    CheckResult.checked_at >= from_ms(since_ms)
                )
            ).all()
            db.session.commit()
        return [(monitor, to_ms(began)) for monitor, began in rows]

    def _sample(self) -> Sample:
        with self._app.app_context():
            counted = locations.counters()[LOCATION]
            db.session.commit()
        return Sample(
            at_ms=to_ms(datetime.now(UTC)),
            scheduler=self._scheduler.cpu_seconds(),
            servers=self._servers.cpu_seconds(),
            machine=machine_busy_seconds(),
            counted=counted,
        )


def machine_busy_seconds() -> float:
    """What all cores have worked so far, for whomever: no idling, no waiting for disks."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def steady(stage: Stage, options: argparse.Namespace) -> Iterator[Measured]:
    """All answer. The first interval warms up."""
    yield from stage.watch("steady", options.intervals + 1)


def provider(stage: Stage, options: argparse.Namespace) -> Iterator[Measured]:
    """The server with the most mailboxes dies, and comes back in the end."""
    dead = [address(0)]
    stage.silence(dead)
    yield from stage.watch("provider", options.intervals, dead)
    stage.silence([])
    time.sleep(INTERVAL_SECONDS)


def half(stage: Stage, options: argparse.Namespace) -> Iterator[Measured]:
    """Every other server dies, with half of the mailboxes at them."""
    dead = [address(number) for number in range(1, options.servers, 2)]
    stage.silence(dead)
    yield from stage.watch("half", options.intervals + 1, dead)


def kill(stage: Stage, options: argparse.Namespace) -> Iterator[Measured]:
    """The scheduler is killed, and started again at once."""
    killed_ms = to_ms(datetime.now(UTC))
    started_ms = stage.restart()
    yield from stage.watch("kill", options.intervals)
    stage.restarted = restart(killed_ms, started_ms, stage.results(killed_ms))


def restart(killed_ms: int, started_ms: int, results: Iterable[tuple[int, int]]) -> Restart:
    """What came of a restart, by the monitors that were checked since, and when."""
    began = [(monitor, at - started_ms) for monitor, at in results if at >= started_ms]
    first: dict[int, int] = {}
    for monitor, after in sorted(began, key=lambda pair: pair[1]):
        first.setdefault(monitor, after)
    return Restart(
        seconds_until_up=(started_ms - killed_ms) / 1000,
        checked_within_interval=sum(after <= INTERVAL_SECONDS * 1000 for after in first.values()),
        seconds_until_all=max(first.values()) / 1000,
        busiest_second=busiest(after for _, after in began),
    )


SCENARIOS = {"steady": steady, "provider": provider, "kill": kill, "half": half}


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """The scenarios, one after the other, on a new database with a scheduler of its own."""
    with ExitStack() as stack:
        app = stack.enter_context(new_app(kind))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        servers = Servers(stack, free_port(), options.servers)
        fill(app, Fleet(servers.port, placed(options), INTERVAL_SECONDS, options.timeout))
        scheduler = stack.enter_context(Scheduler(app, folder, options.threads))
        stage = Stage(app, servers, scheduler)
        stage.begin()
        rows: list[Measured] = []
        for name in options.only:
            for row in SCENARIOS[name](stage, options):
                rows.append(row)
                print(kind, *line(row), sep="  ", flush=True)
        complaints = scheduler.complaints()
    return {"intervals": rows, "restart": stage.restarted, "logged": complaints}


def placed(options: argparse.Namespace) -> list[int]:
    """The number of each monitor's server: a provider with many mailboxes, and all others alike."""
    big = min(PROVIDER, options.monitors)
    return [0] * big + [1 + at % (options.servers - 1) for at in range(options.monitors - big)]


HEAD = (
    *("scenario", "interval", "checks/s", "p50 ms", "p99 ms", "max ms", "missed"),
    *("peak MB", "scheduler CPU", "servers CPU", "machine", "late", "put off", "skipped"),
)


def line(row: Measured) -> list[str]:
    """The cells under `HEAD`."""
    numbers = (row.checks_per_second, row.lag_p50, row.lag_p99, row.lag_max, row.missed, row.rss_mb)
    cpu = (row.scheduler_cpu, row.servers_cpu, row.machine_cpu)
    counted = (row.late, row.put_off, row.skipped)
    return [
        row.scenario,
        str(row.interval),
        *(f"{number:.0f}" for number in numbers),
        *(f"{number:.2f}" for number in cpu),
        *map(str, counted),
    ]


def report(figures: dict[str, Any], options: argparse.Namespace) -> str:
    used = harness.versions()
    settings = {name: value for name, value in vars(options).items() if name != "databases"}
    settings |= {"intervalSeconds": INTERVAL_SECONDS, "delaySeconds": DELAY_SECONDS, "provider": PROVIDER}
    harness.save(NAME, used, settings, figures)
    parts = [harness.heading(NAME, used)]
    for kind, found in figures.items():
        parts += [kind, harness.table([HEAD, *map(line, found["intervals"])])]
        parts += [str(found["restart"] or ""), f"logged: {dict(found['logged'])}"]
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), metavar="SCENARIO")
    parser.add_argument("--databases", nargs="+", choices=kinds(), default=kinds())
    parser.add_argument("--quick", action="store_true", help="one interval of each scenario behind the first")
    parser.add_argument("--monitors", type=int, default=MONITORS)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--timeout", type=int, default=TIMEOUT_SECONDS, help="seconds of a check")
    parser.add_argument("--threads", type=int, default=THREADS, help="CHECK_THREADS")
    options = parser.parse_args(arguments)
    options.intervals = 1 if options.quick else 2
    print(*HEAD, sep="  ")
    print(report({kind: measure(kind, options) for kind in options.databases}, options))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
