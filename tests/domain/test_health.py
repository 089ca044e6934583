"""The machine that follows results one by one, against a reading of the whole list at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import CheckStatus, ErrorCode, Health, WarningCode
from app.domain.health import (
    LATER_FOR,
    MAX_STREAK,
    REFUSALS,
    LocationHealth,
    Rules,
    Seen,
    WarningAlarm,
    conclude,
    follow_warnings,
    quorum,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
LATER = ErrorCode.TEMPORARILY_UNAVAILABLE
TIMES = [timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=15), LATER_FOR, timedelta(days=1)]
GOOD = [(CheckStatus.SUCCESS, None), (CheckStatus.WARNING, None)]
FAILURES = [
    (CheckStatus.ERROR, code)
    for code in (
        ErrorCode.TIMEOUT,
        ErrorCode.CONNECTION_CLOSED,
        ErrorCode.AUTHENTICATION_FAILED,
        LATER,
        LATER,
    )
]


COUNTS = st.sampled_from([1, 2, 2, 3, 5, 100])
RULES = st.builds(Rules, alert_checks=COUNTS, recovery_checks=COUNTS)
SHORT_RULES = st.builds(Rules, alert_checks=st.integers(1, 3), recovery_checks=st.integers(1, 3))


@st.composite
def looks(
    draw: st.DrawFn, answers: Sequence[tuple[CheckStatus, ErrorCode | None]] = (*GOOD, *GOOD, *FAILURES)
) -> list[Seen]:
    """Runs of one answer, because results by chance alone hardly ever repeat."""
    runs = draw(st.lists(st.tuples(st.sampled_from(answers), st.integers(1, 4)), max_size=12))
    found, at = [], START
    for status, code in (answer for answer, times in runs for _ in range(times)):
        at += draw(st.sampled_from(TIMES))
        warnings: tuple[str, ...] = ()
        if status is CheckStatus.WARNING:
            warnings = tuple(draw(st.lists(st.sampled_from([*WarningCode]), min_size=1, unique=True)))
        seen = Seen(status, code, at, warnings)
        found.append(seen)
    return found


def played(story: Sequence[Seen], rules: Rules) -> Iterator[LocationHealth]:
    """The machine after each result."""
    now = LocationHealth()
    for look in story:
        now = now.follow(look, rules)
        yield now


def end_of(story: Sequence[Seen], rules: Rules) -> LocationHealth:
    return [LocationHealth(), *played(story, rules)][-1]


def story_of(*codes: ErrorCode | None, every: timedelta = timedelta(minutes=5)) -> list[Seen]:
    """A result for each code, None being a success."""
    return [
        Seen(CheckStatus.ERROR if code else CheckStatus.SUCCESS, code, START + every * at)
        for at, code in enumerate(codes)
    ]


# The reading of the whole list: no state, each question is asked of the results themselves.


def last_run(story: Sequence[Seen]) -> list[Seen]:
    """The results at the end that say the same, failed or not."""
    first = len(story) - 1
    while first > 0 and story[first - 1].is_failure == story[-1].is_failure:
        first -= 1
    return list(story[first:])


def is_alarm(story: Sequence[Seen], rules: Rules) -> bool:
    """Whether these results end in a failure that is confirmed."""
    run = last_run(story)
    if not run[-1].is_failure:
        return False
    hard = [seen for seen in run if seen.code != LATER]
    has_lasted = run[-1].at - run[0].at >= LATER_FOR
    return len(hard) >= rules.alert_checks or (len(run) >= rules.alert_checks and has_lasted)


def is_relief(story: Sequence[Seen], rules: Rules) -> bool:
    """Whether these results end in a recovery that is confirmed."""
    run = last_run(story)
    return not run[-1].is_failure and len(run) >= rules.recovery_checks


def health_by(story: Sequence[Seen], rules: Rules) -> Health:
    ends = range(1, len(story) + 1)
    alarm = max((end for end in ends if is_alarm(story[:end], rules)), default=0)
    relief = max((end for end in ends if is_relief(story[:end], rules)), default=0)
    if alarm > relief:
        return Health.DOWN
    good = [look.status for look in story if not look.is_failure]
    if not good:
        return Health.PENDING
    return Health.DEGRADED if good[-1] is CheckStatus.WARNING else Health.UP


@given(looks(), RULES)
def test_the_machine_says_what_the_whole_list_says(story: list[Seen], rules: Rules) -> None:
    for end, now in enumerate(played(story, rules), start=1):
        assert now.health is health_by(story[:end], rules)


@given(looks(), RULES)
def test_a_streak_tells_of_its_first_result(story: list[Seen], rules: Rules) -> None:
    for end, now in enumerate(played(story, rules), start=1):
        run = last_run(story[:end])
        assert (now.is_failing, now.streak) == (run[0].is_failure, len(run))
        assert now.since == run[0].at
        assert now.hard == sum(seen.is_failure and seen.code != LATER for seen in run)


@given(looks(), SHORT_RULES, st.sampled_from(GOOD), st.integers(0, 3))
def test_whatever_came_before_enough_good_results_end_up(
    story: list[Seen], rules: Rules, good: tuple[CheckStatus, None], more: int
) -> None:
    at = story[-1].at if story else START
    ending = [Seen(*good, at + TIMES[1] * number) for number in range(1, rules.recovery_checks + more + 1)]
    course = [now.health for now in played([*story, *ending], rules)]

    up = Health.UP if good[0] is CheckStatus.SUCCESS else Health.DEGRADED
    assert course[-1 - more :] == [up] * (more + 1)


@given(looks(), RULES)
def test_health_turns_with_a_result_of_that_kind_alone(story: list[Seen], rules: Rules) -> None:
    course = [LocationHealth(), *played(story, rules)]
    for look, (before, after) in zip(story, pairwise(course), strict=True):
        if after.is_down and not before.is_down:
            assert look.is_failure
        if before.is_down and not after.is_down:
            assert not look.is_failure


@given(looks(GOOD), RULES)
def test_warnings_never_make_down(story: list[Seen], rules: Rules) -> None:
    for look, now in zip(story, played(story, rules), strict=True):
        assert now.health is (Health.DEGRADED if look.warnings else Health.UP)


@given(looks(), RULES)
def test_more_checks_asked_for_never_find_more(story: list[Seen], rules: Rules) -> None:
    stricter = Rules(rules.alert_checks + 1, rules.recovery_checks)
    pairs = zip(played(story, rules), played(story, stricter), strict=True)

    assert all(now.is_down or not strict.is_down for now, strict in pairs)


@pytest.mark.parametrize("checks", [1, 2, 100, MAX_STREAK])
def test_down_and_up_come_with_the_check_asked_for_and_not_before(checks: int) -> None:
    rules = Rules(alert_checks=checks, recovery_checks=checks)
    course = list(played(story_of(*[ErrorCode.TIMEOUT] * checks, *[None] * checks), rules))

    assert [now.is_down for now in course] == [False] * (checks - 1) + [True] * checks + [False]
    assert course[checks - 1].since == START
    assert course[-1].since == START + timedelta(minutes=5) * checks


def test_a_streak_is_counted_no_further_than_it_matters() -> None:
    story = story_of(None, *[ErrorCode.TIMEOUT] * (MAX_STREAK + 5))
    end = end_of(story, Rules())

    assert (end.streak, end.hard) == (MAX_STREAK, MAX_STREAK)
    assert end.since == story[1].at


def test_a_mailbox_that_never_worked_is_pending_until_its_failure_is_confirmed() -> None:
    course = played(story_of(ErrorCode.AUTHENTICATION_FAILED, ErrorCode.AUTHENTICATION_FAILED), Rules())

    assert [now.health for now in course] == [Health.PENDING, Health.DOWN]


@given(st.integers(1, 60 * 60), RULES)
def test_later_is_a_failure_once_it_has_lasted(seconds: int, rules: Rules) -> None:
    every = timedelta(seconds=seconds)
    course = list(played(story_of(*[LATER] * 120, every=every), rules))
    due = [every * at >= LATER_FOR and at + 1 >= rules.alert_checks for at in range(120)]

    assert [now.is_down for now in course] == due


def test_later_that_ends_after_ten_minutes_was_nothing() -> None:
    story = story_of(None, *[LATER] * 20, None, *[LATER] * 20, every=timedelta(seconds=30))

    assert not any(now.is_down for now in played(story, Rules()))


def test_failures_between_later_are_enough_by_themselves() -> None:
    story = story_of(LATER, ErrorCode.TIMEOUT, LATER, ErrorCode.TIMEOUT, every=timedelta(seconds=30))

    assert [now.is_down for now in played(story, Rules())] == [False, False, False, True]


def soon(story: Sequence[Seen], rules: Rules) -> list[bool]:
    """After which of the results the next check is to come soon."""
    pairs = zip(story, played(story, rules), strict=True)
    return [now.wants_confirmation(look.code) for look, now in pairs]


@given(looks(), RULES)
def test_checks_come_soon_only_while_they_may_change_something(story: list[Seen], rules: Rules) -> None:
    for is_soon, now in zip(soon(story, rules), played(story, rules), strict=True):
        assert not is_soon or now.is_failing is not now.is_down


@given(looks(), RULES)
def test_soon_checks_end(story: list[Seen], rules: Rules) -> None:
    """Also where results of all kinds take turns: no run of them is longer than what is to be shown."""
    longest = max((len([*run]) for is_soon, run in groupby(soon(story, rules)) if is_soon), default=0)

    assert longest <= max(rules.alert_checks, rules.recovery_checks - 1)


@given(st.integers(1, 100), st.integers(1, 20))
def test_hard_failures_are_confirmed_by_soon_checks_alone(checks: int, more: int) -> None:
    rules = Rules(alert_checks=checks)
    story = story_of(None, *[ErrorCode.CONNECTION_REFUSED] * (checks + more))

    assert soon(story, rules) == [False] + [True] * (checks - 1) + [False] * (more + 1)
    assert end_of(story[: checks + 1], rules).is_down


@given(st.sampled_from([*REFUSALS]), st.integers(2, 100), st.integers(2, 50))
def test_of_refused_logins_one_confirmation_is_asked_for(code: ErrorCode, checks: int, times: int) -> None:
    rules = Rules(alert_checks=checks)

    assert soon(story_of(None, *[code] * times), rules) == [False, True] + [False] * (times - 1)


@pytest.mark.parametrize("checks", [1, 2, 100])
def test_a_recovery_is_confirmed_by_soon_checks_alone(checks: int) -> None:
    rules = Rules(recovery_checks=checks)
    story = story_of(ErrorCode.TIMEOUT, ErrorCode.TIMEOUT, *[None] * (checks + 1))

    assert soon(story, rules) == [True, False] + [True] * (checks - 1) + [False, False]


# Warnings.


@dataclass(frozen=True)
class Alarmed:
    """What is known of one kind of warning after some results."""

    is_raised: bool
    since: datetime


CODE = WarningCode.SLOW_RESPONSE
TOLD = [(CODE,), (CODE, WarningCode.MAILBOX_STALE), (), (WarningCode.MAILBOX_STALE,), None]


def told(number: int, codes: tuple[WarningCode, ...] | None) -> Seen:
    """A result with these warnings, or a failed one (None)."""
    at = START + timedelta(minutes=number)
    if codes is None:
        return Seen(CheckStatus.ERROR, ErrorCode.TIMEOUT, at)
    return Seen(CheckStatus.WARNING if codes else CheckStatus.SUCCESS, None, at, codes)


WARNINGS = st.lists(st.sampled_from(TOLD), max_size=20).map(
    lambda course: [told(number, codes) for number, codes in enumerate(course)]
)


def warned(
    story: Sequence[Seen], rules: Rules
) -> Iterator[tuple[dict[str, WarningAlarm], dict[str, datetime]]]:
    """Alarms, and what is over, after each result."""
    alarms: dict[str, WarningAlarm] = {}
    for look in story:
        alarms, over = follow_warnings(alarms, look, rules)
        yield alarms, over


def ends_in(flags: Sequence[bool], what: bool) -> int:
    """How many of the last ones are so."""
    return next((at for at, one in enumerate(reversed(flags)) if one is not what), len(flags))


def raised_by(story: Sequence[Seen], rules: Rules) -> Alarmed | None:
    """By the results that did not fail, all looked at from the beginning."""
    good = [look for look in story if not look.is_failure]
    hits = [CODE in seen.warnings for seen in good]
    ends = range(1, len(good) + 1)
    over = max((end for end in ends if ends_in(hits[:end], False) >= rules.recovery_checks), default=0)
    raised = [end for end in ends if end > over and ends_in(hits[:end], True) >= rules.alert_checks]
    if not raised:
        return None
    first = good[raised[0] - rules.alert_checks]
    return Alarmed(is_raised=True, since=first.at)


@given(WARNINGS, SHORT_RULES)
def test_alarms_are_raised_exactly_while_they_are_confirmed(story: list[Seen], rules: Rules) -> None:
    for end, (alarms, _) in enumerate(warned(story, rules), start=1):
        alarm = alarms.get(CODE)
        known = alarm and alarm.is_raised and Alarmed(alarm.is_raised, alarm.since)
        assert (known or None) == raised_by(story[:end], rules)


@given(WARNINGS, SHORT_RULES)
def test_alarms_are_over_with_the_result_that_confirms_it(story: list[Seen], rules: Rules) -> None:
    for end, (_, over) in enumerate(warned(story, rules), start=1):
        was_raised = raised_by(story[: end - 1], rules)
        is_over = was_raised is not None and raised_by(story[:end], rules) is None
        good = [look for look in story[:end] if not look.is_failure]
        assert over.get(CODE) == (good[-rules.recovery_checks].at if is_over else None)


@given(WARNINGS, looks(FAILURES), SHORT_RULES)
def test_failed_checks_say_nothing_about_warnings(
    story: list[Seen], failures: list[Seen], rules: Rules
) -> None:
    alarms = [{}, *(alarms for alarms, _ in warned(story, rules))][-1]
    for look in failures:
        assert follow_warnings(alarms, look, rules) == (alarms, {})


@given(WARNINGS, SHORT_RULES)
def test_of_warnings_that_are_not_confirmed_nothing_is_kept(story: list[Seen], rules: Rules) -> None:
    for look, (alarms, _) in zip(story, warned(story, rules), strict=True):
        assert look.is_failure or all(
            alarm.is_raised or code in look.warnings for code, alarm in alarms.items()
        )


def test_a_warning_that_comes_back_while_its_end_is_confirmed_is_the_same_one() -> None:
    course = [(CODE,), (CODE,), (), (CODE,), (), ()]
    story = [told(number, codes) for number, codes in enumerate(course)]
    steps = list(warned(story, Rules()))

    assert [CODE in alarms and alarms[CODE].is_raised for alarms, _ in steps] == [False, *[True] * 4, False]
    assert {alarms[CODE].since for alarms, _ in steps[:-1]} == {START}
    assert steps[-1] == ({}, {CODE: story[4].at})


def test_warnings_of_years_are_counted_no_further_than_it_matters() -> None:
    code = WarningCode.CERTIFICATE_EXPIRING
    story = [Seen(CheckStatus.WARNING, None, START, warnings=(code,))] * (MAX_STREAK + 5)
    *_, (alarms, _) = warned(story, Rules())

    assert alarms[code].hits == MAX_STREAK


# Several locations.

KNOWN = [Health.UP, Health.DEGRADED, Health.DOWN]
SEEN = st.lists(st.sampled_from(KNOWN), min_size=1, max_size=6)
BADNESS = {Health.UP: 0, Health.DEGRADED: 1, Health.DOWN: 2}
VOTES = st.builds(Rules, locations=st.integers(1, 10))


@given(SEEN, VOTES)
def test_as_many_have_to_see_it_as_are_asked_for_or_all_that_know(known: list[Health], rules: Rules) -> None:
    needed = quorum(len(known), rules)
    health = conclude(known, rules)

    assert needed == min(len(known), rules.locations)
    assert (health is Health.DOWN) == (known.count(Health.DOWN) >= needed)
    assert (health is Health.UP) == all(one is Health.UP for one in known)


@given(SEEN, VOTES, st.data())
def test_one_location_that_sees_it_worse_never_makes_it_better(
    known: list[Health], rules: Rules, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(known) - 1))
    worse = [*known[:at], data.draw(st.sampled_from(KNOWN[BADNESS[known[at]] :])), *known[at + 1 :]]

    assert BADNESS[conclude(worse, rules)] >= BADNESS[conclude(known, rules)]


@given(SEEN, VOTES, st.integers(0, 3), st.randoms(use_true_random=False))
def test_neither_order_nor_locations_that_do_not_know_matter(
    known: list[Health], rules: Rules, pending: int, chance: Random
) -> None:
    others = [*known, *[Health.PENDING] * pending]
    chance.shuffle(others)

    assert conclude(iter(others), rules) is conclude(known, rules)


@given(VOTES)
def test_all_that_know_are_enough_however_many_are_asked_for(rules: Rules) -> None:
    assert conclude([Health.DOWN], rules) is Health.DOWN
    assert conclude([Health.PENDING, Health.PENDING], rules) is Health.PENDING
    assert conclude([], rules) is Health.PENDING
    assert quorum(0, rules) == 1
