"""Trouble of Pillarbox itself: when it is believed, and what its operator is told of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.enums import TroubleKind

LOOKS = 2
"""How many looks in a row have to agree: a moment of delay is no trouble, and one of luck no end of it."""
AGAIN_AFTER = timedelta(hours=1)
"""How long the operator is not told again of the same kind of trouble."""


@dataclass(frozen=True)
class Belief:
    """What is believed of one kind of trouble, after some looks."""

    is_trouble: bool | None = None
    """None: not looked at often enough yet."""
    since: datetime | None = None
    """When the trouble began, or the last one that there was."""
    last: bool | None = None
    agreeing: int = 0
    """How many looks in a row said the same as the last one."""

    def after(self, since: datetime | None) -> "Belief":
        """The same after one more look, which found trouble since then, or none."""
        found = since is not None
        agreeing = self.agreeing + 1 if found is self.last else 1
        is_first = found and agreeing == 1 and not self.is_trouble
        return Belief(
            is_trouble=found if agreeing >= LOOKS else self.is_trouble,
            since=since if is_first else self.since,
            last=found,
            agreeing=min(agreeing, LOOKS),
        )


@dataclass(frozen=True)
class Words:
    """What is said of one kind of trouble."""

    title: str
    over: str
    what: str
    advice: str


WORDS = {
    TroubleKind.LATE: Words(
        "checks are late",
        "checks are on time again",
        "Checks have been due for more than a minute, and the scheduler does not get round to them.",
        "Look at the load of this machine and of the database, and at pillarbox_check_lag_seconds in "
        "/metrics. More CHECK_THREADS, more CPU or, on PostgreSQL, one more scheduler let it catch up; "
        "docs/scaling.md tells what fits on which machine. No check is lost: each is made as soon as there "
        "is room.",
    ),
    TroubleKind.DATABASE_AWAY: Words(
        "the database is away",
        "the database is back",
        "The database does not answer. Results of checks wait in the memory of the scheduler, no new check "
        "begins, and nobody is told of failures.",
        "Look whether the database runs, can be reached from this machine and has room on its disk. Leave "
        "the scheduler running: it stores what waits as soon as it can, and a restart would lose it.",
    ),
    TroubleKind.UNDELIVERED: Words(
        "no alert can be delivered",
        "alerts are delivered again",
        "For 15 minutes no alert has reached anybody: all attempts failed, or none was made.",
        "Look at the reasons in the alert history and at the settings of the messages, SMTP_URL first. What "
        "failed is tried again for some hours.",
    ),
    TroubleKind.CUT_OFF: Words(
        "it is cut off, and holds alerts",
        "it is no longer cut off",
        "None of the REFERENCE_TARGETS can be reached from here, so that failures of mailboxes seen here are "
        "probably failures of this network. Alerts of them are held; pillarbox_alerts_held counts them.",
        "Look at the network and the firewall of this machine. If it is the references that are gone, give "
        "others in REFERENCE_TARGETS and restart the scheduler. When one can be reached again, all that is "
        "down is checked once more, and what still is down is told.",
    ),
}


def message(
    kind: TroubleKind, location: str, since: datetime, now: datetime, *, is_over: bool
) -> tuple[str, str]:
    """Subject and text for the operator. `location` is a code."""
    words = WORDS[kind]
    if is_over:
        subject, paragraphs = words.over, [f"The trouble is over: {words.title}."]
        times = [f"It began: {_shown(since)}", f"Seen to be over: {_shown(now)}"]
    else:
        subject, paragraphs = words.title, [words.what, words.advice]
        times = [f"Since: {_shown(since)}"]
    foot = "This comes at most once an hour while it lasts, and once when it is over."
    head = f"Pillarbox, scheduler of location {location}"
    return f"Pillarbox ({location}): {subject}", "\n\n".join(
        [head, "\n".join(times), *paragraphs, foot]
    ) + "\n"


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
