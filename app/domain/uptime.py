"""Uptime: the share of the time that is known in which a mailbox could be used.

Time, not checks: what is counted are the health transitions of each location, which hold from the first
result that showed them. Of each instant of a range exactly one thing is true, the first that fits:

1. `maintenance`: somebody had said so before.
2. `up` or `down`: the locations that know vote, and it is down when more than half of them say so; a tie
   is up. Locations without data, or that do not watch, have no vote.
3. `no_data`: nobody knows, and some location should.
4. `not_watched`: no location was to know: not checked yet, disabled, or before there was a monitor.

    up + down + maintenance + no data + not watched = the range, to the millisecond
    uptime = up / (up + down); None when nothing is known

All instants are whole milliseconds since the epoch, so the parts of a range that is cut anywhere add up to
it exactly. A range has its beginning and not its end.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from operator import attrgetter, itemgetter

from app.domain.enums import Health

PARTS = 1_000_000
"""Into how many parts a share is told: a percentage has four decimals."""


class TimeKind(StrEnum):
    """What an instant counts as."""

    UP = "up"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    NO_DATA = "no_data"
    NOT_WATCHED = "not_watched"


@dataclass(frozen=True, slots=True)
class Span:
    """From the one instant to before the other; it may be empty, or have its ends the wrong way round."""

    from_ms: int
    until_ms: int

    @property
    def length_ms(self) -> int:
        return max(self.until_ms - self.from_ms, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """From this instant on a location saw the mailbox so."""

    at_ms: int
    health: Health


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time, as long as it goes, of one kind."""

    from_ms: int
    until_ms: int
    kind: TimeKind


@dataclass(frozen=True, slots=True)
class Uptime:
    """How a range of time was spent, in milliseconds."""

    up_ms: int = 0
    down_ms: int = 0
    maintenance_ms: int = 0
    no_data_ms: int = 0
    not_watched_ms: int = 0
    longest_down_ms: int = 0
    """The longest stretch of it that was down without a break, within the range."""

    @property
    def known_ms(self) -> int:
        return self.up_ms + self.down_ms

    @property
    def excluded_ms(self) -> int:
        return self.maintenance_ms + self.no_data_ms + self.not_watched_ms

    @property
    def percentage(self) -> float | None:
        """Rounded down, so that 100 means that nothing was down at all; None when nothing is known."""
        if not self.known_ms:
            return None
        return self.up_ms * PARTS // self.known_ms * 100 / PARTS

    def __add__(self, other: "Uptime") -> "Uptime":
        """Of two ranges, or two monitors. An outage across both counts as two."""
        return Uptime(
            up_ms=self.up_ms + other.up_ms,
            down_ms=self.down_ms + other.down_ms,
            maintenance_ms=self.maintenance_ms + other.maintenance_ms,
            no_data_ms=self.no_data_ms + other.no_data_ms,
            not_watched_ms=self.not_watched_ms + other.not_watched_ms,
            longest_down_ms=max(self.longest_down_ms, other.longest_down_ms),
        )


SILENT = 3
_VOICES = {Health.UP: 0, Health.DEGRADED: 0, Health.DOWN: 1, Health.NO_DATA: 2, Health.PENDING: SILENT}
"""What a location says, as a number: members of an enum are slow to be looked up 100,000 times."""
_Event = tuple[int, int, int, int]
"""When, which vote is taken back, which one is given, and whether a window opens (1) or ends (-1)."""


def segments(places: Iterable[Iterable[Change]], maintenance: Iterable[Span], within: Span) -> list[Segment]:
    """The range in its stretches, in order and without a gap; two neighbours are of two kinds.

    `places`: for each location its changes in any order, those before the range too; before its first one a
    location does not watch. Of two at one instant the one that is given last counts. Periods of maintenance
    may touch, overlap and reach beyond the range.
    """
    found: list[Segment] = []
    for stretch in _stretches(places, maintenance, within):
        if found and found[-1].kind is stretch.kind:
            found[-1] = Segment(found[-1].from_ms, stretch.until_ms, stretch.kind)
        else:
            found.append(stretch)
    return found


def _stretches(
    places: Iterable[Iterable[Change]], maintenance: Iterable[Span], within: Span
) -> Iterator[Segment]:
    """Between any two events that may change something; those before the range count from its beginning."""
    votes = [0] * (SILENT + 1)
    windows = 0
    at, end = within.from_ms, within.until_ms
    for event_at, was, becomes, opened in _events(places, maintenance):
        if event_at > at < end:
            until = min(event_at, end)
            yield Segment(at, until, _kind(votes, windows))
            at = until
        votes[was] -= 1
        votes[becomes] += 1
        windows += opened
    if end > at:
        yield Segment(at, end, _kind(votes, windows))


def _events(places: Iterable[Iterable[Change]], maintenance: Iterable[Span]) -> list[_Event]:
    events: list[_Event] = []
    for changes in places:
        was = SILENT
        for change in sorted(changes, key=attrgetter("at_ms")):
            becomes = _VOICES[change.health]
            events.append((change.at_ms, was, becomes, 0))
            was = becomes
    for window in maintenance:
        if window.length_ms:
            events.append((window.from_ms, SILENT, SILENT, 1))
            events.append((window.until_ms, SILENT, SILENT, -1))
    events.sort(key=itemgetter(0))
    return events


def _kind(votes: Sequence[int], windows: int) -> TimeKind:
    if windows:
        return TimeKind.MAINTENANCE
    up, down, ignorant, _ = votes
    if up or down:
        return TimeKind.DOWN if down > up else TimeKind.UP
    return TimeKind.NO_DATA if ignorant else TimeKind.NOT_WATCHED


def measure(stretches: Sequence[Segment], within: Span) -> Uptime:
    """How much of a range was what. What the stretches do not reach was not watched."""
    spent: Counter[TimeKind] = Counter()
    longest_down = 0
    first = max(bisect_right(stretches, within.from_ms, key=lambda segment: segment.from_ms) - 1, 0)
    for segment in islice(stretches, first, None):
        if segment.from_ms >= within.until_ms:
            break
        length = min(segment.until_ms, within.until_ms) - max(segment.from_ms, within.from_ms)
        if length > 0:
            spent[segment.kind] += length
            if segment.kind is TimeKind.DOWN:
                longest_down = max(longest_down, length)
    told = sum(spent.values())
    return Uptime(
        up_ms=spent[TimeKind.UP],
        down_ms=spent[TimeKind.DOWN],
        maintenance_ms=spent[TimeKind.MAINTENANCE],
        no_data_ms=spent[TimeKind.NO_DATA],
        not_watched_ms=spent[TimeKind.NOT_WATCHED] + within.length_ms - told,
        longest_down_ms=longest_down,
    )


def cut(stretches: Iterable[Segment], within: Span) -> list[Segment]:
    """What of them is in the range."""
    ends = (
        (max(one.from_ms, within.from_ms), min(one.until_ms, within.until_ms), one.kind) for one in stretches
    )
    return [Segment(begin, end, kind) for begin, end, kind in ends if begin < end]
