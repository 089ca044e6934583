"""Many mailboxes, shared out among processes; each has its own luck, however many processes there are."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from random import Random

from app.domain.health import LocationHealth, Rules
from app.domain.schedule import stable_offset_ms
from bench.false_alarms.judge import Verdict, judge
from bench.false_alarms.mailbox import DAY, HOUR, MINUTE, SECOND, Mailbox
from bench.false_alarms.play import Follow, play
from bench.false_alarms.world import Network, Outage, World, script

START_MS = 1_767_225_600_000
"""2026-01-01; any time would do."""
SEED = 20_260_101
MIXED = [MINUTE // 2, *[MINUTE] * 2, *[5 * MINUTE] * 20, *[30 * MINUTE] * 2]
"""Intervals: most mailboxes have the default of five minutes."""
TIMEOUTS = [30 * SECOND, 10 * SECOND, 60 * SECOND]
DEFAULT_NETWORK, DEFAULT_RULES = Network(), Rules()


@dataclass(frozen=True)
class Fleet:
    """What is played. Outages come about `quiet_ms` apart; None has none."""

    mailboxes: int = 500
    days: float = 30
    intervals: Sequence[int] = (5 * MINUTE,)
    quiet_ms: int | None = None
    network: Network = DEFAULT_NETWORK
    rules: Rules = DEFAULT_RULES
    seed: int = SEED
    follow: Follow = LocationHealth.follow

    @property
    def span(self) -> tuple[int, int]:
        return START_MS, START_MS + round(self.days * DAY)

    def mailbox(self, number: int) -> Mailbox:
        interval_ms = self.intervals[number % len(self.intervals)]
        return Mailbox(
            number=number,
            interval_ms=interval_ms,
            timeout_ms=TIMEOUTS[number % len(TIMEOUTS)],
            offset_ms=stable_offset_ms(f"mailbox {number}", interval_ms),
        )

    def verdict(self, processes: int = 1) -> Verdict:
        """Play all of it."""
        numbers = range(self.mailboxes)
        if processes == 1:
            return Verdict.of(map(self.verdict_on, numbers))
        # Fresh processes, so that nothing of this one is taken along.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            return Verdict.of(pool.map(self.verdict_on, numbers, chunksize=5))

    def verdict_on(self, number: int) -> Verdict:
        mailbox = self.mailbox(number)
        luck = partial("{}/{}/{}".format, self.seed, number)
        outages: list[Outage] = []
        if self.quiet_ms is not None:
            chance = Random(luck("script"))  # noqa: S311 - reproducible on purpose
            outages = script(mailbox, self.rules, chance, self.span, self.quiet_ms)
        world = World(mailbox, self.network, outages, Random(luck("network")))  # noqa: S311 - as above
        course = play(mailbox, world.look, self.rules, self.span, self.follow)
        return judge(mailbox, outages, course, world.drops, self.rules)


MONTH = Fleet(intervals=MIXED, quiet_ms=36 * HOUR)
"""The defaults under a month of outages."""
