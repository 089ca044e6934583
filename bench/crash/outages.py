"""The database is away for longer than a lease, or the clock jumps: nothing is lost, and checks go on.

All functions raise StuckError when the schedulers do not go on.
"""

import signal
from collections.abc import Callable, Sequence
from threading import Event

from bench.crash import invariants, lapse
from bench.crash.processes import ClockedScheduler, Scheduler
from bench.crash.stage import SETTLE_SECONDS, Stage
from tests.fakes.server import Conversation

HOUR, DAY = 3600, 86_400
STEPS = (HOUR, 9 * DAY, 2 * DAY, 2 * DAY - 600, 0, -DAY, 0)
"""Offsets of the clock in seconds, one after the other: forth and back by days, hours and minutes."""
TIMEOUT_SECONDS = 6
AWAY, BACK = "database_away during=record", "activity_recovered during=record"
GREETING = "* OK ready\r\n"


class Gate:
    """Holds the mail server's greetings back, so that checks are in flight when it is wanted."""

    def __init__(self) -> None:
        self._is_open = Event()
        self.open = self._is_open.set
        self.close = self._is_open.clear
        self.open()

    def greet(self, conversation: Conversation) -> None:
        self._is_open.wait(TIMEOUT_SECONDS)
        conversation.send(GREETING)


def outage(stage: Stage, begin: Callable[[], None], end: Callable[[], None]) -> list[str]:
    """What does not hold after an outage that is longer than a lease, with checks in flight as it begins.

    Each connection that the mail server saw has to have left one result.
    """
    gate = Gate()
    server, web, scheduler = stage.server(script={"greeting": gate.greet}), stage.web(), stage.scheduler(0)
    scheduler.ready()
    caller = stage.caller(0, web, [("imap", server.port)], seed=1, timeout_seconds=TIMEOUT_SECONDS)
    caller.fill()
    stage.wait("the first result", stage.results)
    gate.close()
    seen = server.connections
    stage.wait("a check in flight", lambda: server.connections > seen)
    with stage.downtime.during():
        begin()
        gate.open()
        _outlast_leases(stage, scheduler, end)
    found = stage.faults([caller.ledger], SETTLE_SECONDS)
    scheduler.end(signal.SIGTERM)
    if stage.results() != server.connections:
        found.append(f"{server.connections} checks left {stage.results()} results")
    return found


def _outlast_leases(stage: Stage, scheduler: Scheduler, end: Callable[[], None]) -> None:
    stage.wait("a result that cannot be stored", lambda: AWAY in scheduler.log)
    # It is the time itself that is wanted: whoever has a lease loses it.
    Event().wait(lapse.lease_seconds(TIMEOUT_SECONDS))
    end()
    stage.wait("results stored again", lambda: BACK in scheduler.log)


def steps_of_the_clock(stage: Stage, steps: Sequence[int] = STEPS) -> list[str]:
    """What does not hold after each step of the scheduler's clock. Callers and servers keep theirs."""
    clock = stage.folder / "clock"
    web, server = stage.web(), stage.server()
    scheduler = stage.scheduler(0, ClockedScheduler, CRASH_CLOCK=str(clock))
    scheduler.ready()
    caller = stage.caller(0, web, [("imap", server.port)], seed=1)
    caller.fill()
    stage.wait_for_all(0)
    found = []
    for step in steps:
        new = clock.with_suffix(".new")
        new.write_text(str(step))
        new.replace(clock)
        stage.clock_off = step
        # Twice: the first result may be of a check that was claimed, and the next one planned, before.
        for _ in range(2):
            stage.wait_for_all(stage.newest())
        faults = [*stage.settle(), *invariants.wrong(stage.engine, stage.now())]
        found += [f"clock off by {step} s: {fault}" for fault in faults]
    return [*found, *invariants.broken_promises(stage.engine, caller.ledger)]
