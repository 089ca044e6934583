"""Uptime: what is counted, against a model that looks at every single tick of time."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Health
from app.domain.uptime import Change, Segment, Span, TimeKind, Uptime, cut, measure, segments

UP, DOWN, NO_DATA, PENDING = Health.UP, Health.DOWN, Health.NO_DATA, Health.PENDING
BEGIN, END = 10, 40
WITHIN = Span(BEGIN, END)

TICKS = st.integers(0, 50)
CHANGES = st.builds(Change, TICKS, st.sampled_from([UP, DOWN, NO_DATA, PENDING, Health.DEGRADED]))
PLACES = st.lists(st.lists(CHANGES, max_size=8), max_size=5)
MAINTENANCE = st.lists(st.builds(Span, TICKS, TICKS), max_size=5)


def changes(*pairs: tuple[int, Health]) -> list[Change]:
    return [Change(at, health) for at, health in pairs]


def kind_at(tick: int, places: list[list[Change]], maintenance: list[Span]) -> TimeKind:
    """One tick, as the docstring says it, with nothing carried over from the tick before."""
    if any(window.from_ms <= tick < window.until_ms for window in maintenance):
        return TimeKind.MAINTENANCE
    views = []
    for place in places:
        known = [change for change in place if change.at_ms <= tick]
        # Of two at one instant the later one in the list.
        views.append(max(enumerate(known), key=lambda item: (item[1].at_ms, item[0]))[1] if known else None)
    healths = [view.health if view else PENDING for view in views]
    knowing = [health for health in healths if health in {UP, DOWN, Health.DEGRADED}]
    if knowing:
        return TimeKind.DOWN if 2 * knowing.count(DOWN) > len(knowing) else TimeKind.UP
    return TimeKind.NO_DATA if NO_DATA in healths else TimeKind.NOT_WATCHED


def walked(places: list[list[Change]], maintenance: list[Span], within: Span) -> Uptime:
    kinds = [kind_at(tick, places, maintenance) for tick in range(within.from_ms, within.until_ms)]
    count = Counter(kinds)
    longest, run = 0, 0
    for kind in kinds:
        run = run + 1 if kind is TimeKind.DOWN else 0
        longest = max(longest, run)
    return Uptime(
        up_ms=count[TimeKind.UP],
        down_ms=count[TimeKind.DOWN],
        maintenance_ms=count[TimeKind.MAINTENANCE],
        no_data_ms=count[TimeKind.NO_DATA],
        not_watched_ms=count[TimeKind.NOT_WATCHED],
        longest_down_ms=longest,
    )


def measured(
    places: list[list[Change]], maintenance: list[Span] | None = None, within: Span = WITHIN
) -> Uptime:
    return measure(segments(places, maintenance or [], within), within)


@given(PLACES, MAINTENANCE, TICKS, TICKS)
def test_it_is_what_a_walk_tick_by_tick_finds(
    places: list[list[Change]], maintenance: list[Span], begin: int, end: int
) -> None:
    within = Span(begin, end)

    assert measured(places, maintenance, within) == walked(places, maintenance, within)


@given(PLACES, MAINTENANCE, TICKS, TICKS)
def test_every_tick_of_the_range_is_in_one_segment_of_its_kind(
    places: list[list[Change]], maintenance: list[Span], begin: int, end: int
) -> None:
    found = segments(places, maintenance, Span(begin, end))

    ticks = [(tick, part.kind) for part in found for tick in range(part.from_ms, part.until_ms)]
    assert ticks == [(tick, kind_at(tick, places, maintenance)) for tick in range(begin, end)]
    assert all(part.until_ms > part.from_ms for part in found)
    assert all(one.until_ms == two.from_ms and one.kind != two.kind for one, two in pairwise(found))


@given(PLACES, MAINTENANCE, TICKS, st.lists(TICKS, max_size=6))
def test_the_parts_of_a_range_add_up_to_it(
    places: list[list[Change]], maintenance: list[Span], begin: int, cuts: list[int]
) -> None:
    edges = sorted([*(cut for cut in cuts if cut >= begin), begin])
    whole = Span(edges[0], edges[-1])
    stretches = segments(places, maintenance, whole)

    parts = [measure(stretches, Span(*ends)) for ends in pairwise(edges)]

    of_whole = measure(stretches, whole)
    for name in ("up_ms", "down_ms", "maintenance_ms", "no_data_ms", "not_watched_ms"):
        assert sum(getattr(part, name) for part in parts) == getattr(of_whole, name)
    for part, ends in zip(parts, pairwise(edges), strict=True):
        assert part == measured(places, maintenance, Span(*ends))
        assert part.known_ms + part.excluded_ms == ends[1] - ends[0]


@given(PLACES, MAINTENANCE, TICKS, TICKS)
def test_segments_that_are_cut_are_those_of_the_shorter_range(
    places: list[list[Change]], maintenance: list[Span], begin: int, end: int
) -> None:
    whole = segments(places, maintenance, Span(0, 50))

    assert cut(whole, Span(begin, end)) == segments(places, maintenance, Span(begin, end))


@given(PLACES, MAINTENANCE, st.randoms())
def test_the_order_of_what_is_given_does_not_matter(
    places: list[list[Change]], maintenance: list[Span], random: object
) -> None:
    once = [list({change.at_ms: change for change in place}.values()) for place in places]
    shuffled = [random.sample(place, len(place)) for place in random.sample(once, len(once))]  # type: ignore[attr-defined]

    assert segments(shuffled, maintenance[::-1], WITHIN) == segments(once, maintenance, WITHIN)


@given(PLACES, MAINTENANCE, TICKS, TICKS)
def test_a_percentage_is_never_better_than_the_truth(
    places: list[list[Change]], maintenance: list[Span], begin: int, end: int
) -> None:
    uptime = measured(places, maintenance, Span(begin, end))

    if uptime.percentage is None:
        assert not uptime.known_ms
    else:
        assert 0 <= uptime.percentage * uptime.known_ms <= 100 * uptime.up_ms
        assert (uptime.percentage == 100) is (uptime.down_ms == 0)


def test_a_mailbox_that_is_down_for_a_third_of_the_time() -> None:
    uptime = measured([changes((0, UP), (15, DOWN), (25, UP))])

    assert uptime == Uptime(up_ms=20, down_ms=10, longest_down_ms=10)
    assert uptime.percentage == 66.6666


def test_a_blink_in_a_year_is_not_rounded_away() -> None:
    year = 365 * 86_400_000
    uptime = measured([changes((0, UP), (5, DOWN), (6, UP))], within=Span(0, year))

    assert (uptime.down_ms, uptime.percentage) == (1, 99.9999)


def test_nothing_is_known_of_a_monitor_that_was_never_checked() -> None:
    assert measured([]) == measured([[]]) == Uptime(not_watched_ms=30)
    assert measured([]).percentage is None


@pytest.mark.parametrize(
    ("views", "kind"),
    [
        ([UP, DOWN], TimeKind.UP),
        ([UP, DOWN, DOWN], TimeKind.DOWN),
        ([UP, DOWN, DOWN, NO_DATA], TimeKind.DOWN),
        ([UP, UP, DOWN, DOWN, DOWN], TimeKind.DOWN),
        ([Health.DEGRADED, DOWN], TimeKind.UP),
        ([DOWN, NO_DATA], TimeKind.DOWN),
        ([DOWN, PENDING, PENDING], TimeKind.DOWN),
        ([NO_DATA, PENDING], TimeKind.NO_DATA),
        ([PENDING, PENDING], TimeKind.NOT_WATCHED),
    ],
)
def test_those_who_know_decide_by_majority(views: list[Health], kind: TimeKind) -> None:
    found = segments([changes((0, view)) for view in views], [], WITHIN)

    assert found == [Segment(BEGIN, END, kind)]


def test_maintenance_is_out_whatever_was_seen_meanwhile() -> None:
    windows = [Span(12, 14), Span(14, 16), Span(15, 20), Span(13, 13), Span(18, 17), Span(35, 99)]

    uptime = measured([changes((0, DOWN))], windows)

    assert uptime == Uptime(down_ms=17, maintenance_ms=13, longest_down_ms=15)
    assert uptime.percentage == 0.0


def test_an_outage_is_one_segment_although_locations_take_turns_in_seeing_it() -> None:
    one, two = changes((0, UP), (20, DOWN)), changes((0, UP), (20, DOWN), (25, NO_DATA), (30, DOWN))

    found = segments([one, two], [], WITHIN)

    assert found == [Segment(BEGIN, 20, TimeKind.UP), Segment(20, END, TimeKind.DOWN)]


def test_two_monitors_have_their_times_added() -> None:
    one = Uptime(up_ms=5, down_ms=3, maintenance_ms=1, no_data_ms=2, not_watched_ms=4, longest_down_ms=3)
    two = Uptime(up_ms=15, down_ms=1, longest_down_ms=1)

    assert one + two == Uptime(20, 4, 1, 2, 4, longest_down_ms=3)


def test_what_segments_do_not_reach_was_not_watched() -> None:
    part = [Segment(20, 25, TimeKind.DOWN)]

    assert measure(part, WITHIN) == Uptime(down_ms=5, not_watched_ms=25, longest_down_ms=5)
    assert measure([], WITHIN) == Uptime(not_watched_ms=30)
    assert measure(part, Span(30, 20)) == Uptime()
    assert measure(part, Span(25, 35)) == Uptime(not_watched_ms=10)
