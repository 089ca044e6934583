"""Rounds of random kills, from a seed: of schedulers, web workers and masters, and of PostgreSQL."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from bench.crash.processes import Scheduler
from bench.crash.stage import Stage
from tests.parts.cluster import Cluster

CALLERS = 3
WEB_WORKERS = 2
MOST_MORE = 2
LONGEST_PAUSE_SECONDS = 1.0
STOP_MODES = ("fast", "immediate")

Act = Callable[[], None]


class Rounds:
    """One scheduler on SQLite, two on PostgreSQL; callers change monitors all the while."""

    def __init__(self, stage: Stage, seed: int, cluster: Cluster | None) -> None:
        self._stage, self._cluster = stage, cluster
        # Reproducible on purpose, and nothing secret hangs on it.
        self._choice = random.Random(seed)  # noqa: S311
        self._web = stage.web(WEB_WORKERS)
        self._schedulers = [stage.scheduler(number) for number in range(2 if cluster else 1)]
        for scheduler in self._schedulers:
            scheduler.ready()
        places = stage.places()
        self._callers = [
            stage.caller(number, self._web, places, seed=seed + number) for number in range(CALLERS)
        ]
        for caller in self._callers:
            caller.fill()
        self.acts: Counter[str] = Counter()

    def __str__(self) -> str:
        ledgers = [caller.ledger for caller in self._callers]
        acts = ", ".join(f"{name} {count}" for name, count in sorted(self.acts.items()))
        return (
            f"{self._stage.begun()} checks, {sum(ledger.answers for ledger in ledgers)} requests,"
            f" {sum(ledger.unanswered for ledger in ledgers)} of them without an answer; {acts}"
        )

    def run(self, number: int, slack: float) -> list[str]:
        """What does not hold after one round. `slack`: by how many seconds a busy machine may be late.

        Raises StuckError.
        """
        for caller in self._callers:
            caller.start()
        try:
            for act in self._acts(number):
                self._pause()
                act()
            self._pause()
        finally:
            for caller in self._callers:
                caller.stop()
        return self._faults(slack)

    def end(self, slack: float) -> list[str]:
        """What does not hold once every monitor has been checked again, also those that the killed held."""
        self._stage.wait_for_all(self._stage.newest())
        return self._faults(slack)

    def _faults(self, slack: float) -> list[str]:
        return self._stage.faults([caller.ledger for caller in self._callers], slack)

    def _acts(self, number: int) -> list[Act]:
        """Each round has one of each kind, in any order, and some more."""
        kinds: list[Act] = [
            lambda: self._end_scheduler(signal.SIGKILL),
            self._kill_worker,
            lambda: self._end_scheduler(signal.SIGTERM),
            lambda: self._end_web(signal.SIGKILL),
            lambda: self._end_web(signal.SIGTERM),
        ]
        acts = [*kinds[:2], *self._choice.choices(kinds, k=self._choice.randint(0, MOST_MORE))]
        if cluster := self._cluster:
            acts.append(lambda: self._stop_database(cluster, STOP_MODES[number % len(STOP_MODES)]))
        self._choice.shuffle(acts)
        return acts

    def _pause(self) -> None:
        # A random moment is what is asked for, so there is nothing to wait for.
        Event().wait(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))

    def _end_scheduler(self, number: signal.Signals) -> None:
        self.acts[f"scheduler {number.name}"] += 1
        scheduler = self._choice.choice(self._schedulers)
        if len(self._schedulers) > 1:
            self._restart_scheduler(scheduler, number)  # the others go on
            return
        with self._stage.downtime.during():
            self._restart_scheduler(scheduler, number)

    def _restart_scheduler(self, scheduler: Scheduler, number: signal.Signals) -> None:
        scheduler.end(number)
        self._pause()
        scheduler.start()
        scheduler.ready()

    def _kill_worker(self) -> None:
        self.acts["web worker SIGKILL"] += 1
        if workers := self._web.workers():
            with suppress(ProcessLookupError):
                os.kill(self._choice.choice(workers), signal.SIGKILL)

    def _end_web(self, number: signal.Signals) -> None:
        self.acts[f"web {number.name}"] += 1
        self._web.end(number)
        self._web.start()

    def _stop_database(self, cluster: Cluster, mode: str) -> None:
        """A scheduler may be killed meanwhile, with results that wait to be stored."""
        self.acts[f"database {mode}"] += 1
        victim = self._choice.choice([None, None, *self._schedulers])
        with self._stage.downtime.during():
            cluster.stop(mode)
            self._pause()
            if victim:
                self.acts["scheduler SIGKILL without a database"] += 1
                victim.end(signal.SIGKILL)
            cluster.start()
            if victim:
                victim.start()
                victim.ready()
            newest = self._stage.newest()
            self._stage.wait("a result after the database came back", lambda: self._stage.newest() > newest)
