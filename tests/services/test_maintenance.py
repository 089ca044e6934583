"""What is in maintenance, whether or not somebody has written it down yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, literal, select

from app.domain.enums import MonitorStatus
from app.extensions import db
from app.models import Customer, MaintenancePeriod, MaintenanceWindow, Monitor
from app.services import maintenance
from app.services.maintenance_periods import note_some, status_changed
from tests.factories import Factory

NOW = datetime(2026, 7, 7, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = {"frequency": "daily", "interval": 1}
LONG_AGO, FAR_AHEAD = NOW - 1000 * DAY, NOW + 1000 * DAY


@pytest.fixture
def customer(make: Factory) -> Customer:
    return make.customer()


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer)


def note(now: datetime) -> int:
    """As the job does it. Returns how many transactions it took."""
    for rounds in count():
        if not note_some(now):
            db.session.commit()
            return rounds
        db.session.commit()
    raise AssertionError


def is_covered(monitor: Monitor, at: datetime) -> bool:
    """By both ways of asking, which have to agree."""
    covered = maintenance.covered(at, {monitor.id: monitor.customer_id})
    told = covered.covers(monitor.customer_id, monitor.id)
    condition = maintenance.is_covered(Monitor.id, Monitor.customer_id, at)
    found = db.session.scalars(select(Monitor.id).where(condition)).all()
    assert (monitor.id in found) is told
    return told


def periods(monitor: Monitor, now: datetime = FAR_AHEAD) -> list[tuple[datetime, datetime]]:
    return maintenance.periods(monitor, LONG_AGO, FAR_AHEAD, now)


# --- covered


def test_nothing_is_covered_without_windows(monitor: Monitor) -> None:
    assert not is_covered(monitor, NOW)


def test_a_window_covers_its_monitors_and_no_others(make: Factory, customer: Customer) -> None:
    one, other = make.monitor(customer), make.monitor(customer)
    make.window(customer, [one], NOW)

    assert [is_covered(it, NOW) for it in (one, other, make.monitor())] == [True, False, False]


def test_a_window_of_a_customer_covers_all_of_it_also_what_comes_later(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    make.window(customer, None, NOW)

    assert [is_covered(it, NOW) for it in (monitor, make.monitor(customer), make.monitor())] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("is_noted", [True, False])
def test_it_covers_from_its_start_to_before_its_end(
    make: Factory, customer: Customer, monitor: Monitor, is_noted: bool
) -> None:
    make.window(customer, [monitor], NOW, start_time=NOW + HOUR)
    if is_noted:
        note(NOW + HOUR)

    instants = [NOW + HOUR - MINUTE, NOW + HOUR, NOW + 2 * HOUR - MINUTE, NOW + 2 * HOUR]
    assert [is_covered(monitor, at) for at in instants] == [False, True, True, False]


def test_one_that_is_not_active_covers_nothing(make: Factory, customer: Customer, monitor: Monitor) -> None:
    make.window(customer, None, NOW, is_active=False)

    assert not is_covered(monitor, NOW)
    assert periods(monitor) == []


def test_one_that_has_lost_its_last_monitor_covers_nothing(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    lost = make.monitor(customer)
    make.window(customer, [lost], NOW, start_time=NOW + HOUR)
    db.session.delete(lost)
    db.session.commit()

    assert not is_covered(monitor, NOW + HOUR)
    note(NOW + HOUR)
    assert not is_covered(monitor, NOW + HOUR)
    assert periods(monitor) == []


def test_a_late_result_is_covered_by_what_has_just_ended(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    make.window(customer, [monitor], NOW, recurrence_pattern=DAILY)
    note(NOW + 2 * HOUR)

    assert is_covered(monitor, NOW + HOUR - MINUTE)


def test_an_own_status_is_not_told_of(make: Factory, customer: Customer) -> None:
    monitor = make.monitor(customer, status=MonitorStatus.MAINTENANCE)
    status_changed(monitor, MonitorStatus.ACTIVE, NOW)
    db.session.commit()

    assert not is_covered(monitor, NOW + HOUR)


def test_it_is_one_statement_however_much_there_is(make: Factory, customer: Customer) -> None:
    monitors = [make.monitor(customer) for _ in range(3)]
    for monitor in monitors:
        make.window(customer, [monitor], NOW)
        make.window(customer, None, NOW, start_time=NOW + MINUTE)
    asked = {monitor.id: monitor.customer_id for monitor in monitors}

    with counted() as said:
        assert len(maintenance.covered(NOW + MINUTE, asked).monitors) == 3
    assert len(said) == 1
    with counted() as said:
        assert maintenance.covered(NOW + MINUTE, {}) == maintenance.Coverage(frozenset(), frozenset())
    assert said == []


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_was_not_asked_about_is_not_read(make: Factory, monitor: Monitor, is_noted: bool) -> None:
    for others in (make.customer(), monitor.customer):
        for _ in range(3):
            make.window(others, [make.monitor(others)], NOW, start_time=NOW + MINUTE)
    make.window(make.customer(), None, NOW, start_time=NOW + MINUTE)
    make.window(monitor.customer, [monitor], NOW, start_time=NOW + MINUTE)
    if is_noted:
        note(NOW + MINUTE)

    covered = maintenance.covered(NOW + MINUTE, {monitor.id: monitor.customer_id})

    assert covered == maintenance.Coverage(frozenset(), frozenset({monitor.id}))


def test_more_may_be_asked_about_than_a_statement_takes(make: Factory, monitor: Monitor) -> None:
    make.window(monitor.customer, [monitor], NOW)
    others = {10**9 + number: 10**9 for number in range(70_000)}

    covered = maintenance.covered(NOW, {**others, monitor.id: monitor.customer_id})

    assert covered.monitors == {monitor.id}


@pytest.mark.only_on("postgresql")
def test_any_number_of_windows_may_begin_at_once(make: Factory, monitor: Monitor) -> None:
    window = make.window(monitor.customer, None, NOW, start_time=NOW + MINUTE)
    # Copied by the database: sending so many takes far longer than what is tested.
    copied = [column for column in MaintenanceWindow.__table__.c if column.name not in {"id", "public_id"}]
    copies = (
        select(func.gen_random_uuid(), *copied)
        .join_from(MaintenanceWindow, func.generate_series(1, 66_000).table_valued("number"), literal(True))
        .where(MaintenanceWindow.id == window.id)
    )
    names = ["public_id", *(column.name for column in copied)]
    db.session.execute(insert(MaintenanceWindow).from_select(names, copies))

    assert is_covered(monitor, NOW + MINUTE)
    assert not is_covered(make.monitor(), NOW + MINUTE)


@contextmanager
def counted() -> Iterator[list[str]]:
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        said.append(text)

    db.session.commit()
    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)


# --- whoever notes, and when


PATTERNS = st.none() | st.fixed_dictionaries({"frequency": st.just("daily"), "interval": st.integers(1, 3)})
MINUTES = st.integers(-3 * 24 * 60, 8 * 24 * 60).map(lambda minutes: NOW + minutes * MINUTE)


@settings(max_examples=40)
@given(
    start=MINUTES,
    length=st.integers(1, 24 * 60).map(lambda minutes: minutes * MINUTE),
    pattern=PATTERNS,
    is_whole=st.booleans(),
    noted_at=st.lists(MINUTES.filter(lambda at: at >= NOW), max_size=4).map(sorted),
    asked_at=st.lists(MINUTES.filter(lambda at: at >= NOW), min_size=1, max_size=5),
)
def test_whether_and_when_it_is_noted_makes_no_difference(
    *,
    make: Factory,
    customer: Customer,
    monitor: Monitor,
    start: datetime,
    length: timedelta,
    pattern: Any,
    is_whole: bool,
    noted_at: list[datetime],
    asked_at: list[datetime],
) -> None:
    """The model: a list of starts, cut where the window was made."""
    window = make.window(
        customer,
        None if is_whole else [monitor],
        NOW,
        start_time=start,
        end_time=start + length,
        **({"recurrence_pattern": pattern} if pattern else {}),
    )
    last = max([*asked_at, *noted_at])
    starts = [start]
    while pattern and starts[-1] < last:
        starts.append(starts[-1] + pattern["interval"] * DAY)
    expected = [(max(at, NOW), at + length) for at in starts if at + length > NOW]

    for at in noted_at:
        note(at)
    for at in asked_at:
        # Not long ago: what is noted ahead of its time would be a clock that was set back.
        if at >= max(noted_at, default=NOW):
            assert is_covered(monitor, at) is any(begin <= at < end for begin, end in expected)
        assert maintenance.periods(monitor, LONG_AGO, FAR_AHEAD, at) == cut(expected, at)
    db.session.execute(MaintenancePeriod.__table__.delete())
    db.session.delete(window)
    db.session.commit()


def cut(found: list[tuple[datetime, datetime]], now: datetime) -> list[tuple[datetime, datetime]]:
    """Until now, and in one piece where one begins when the other ends."""
    whole: list[tuple[datetime, datetime]] = []
    for begin, end in found:
        if begin < now:
            joined = whole and whole[-1][1] == begin
            first = whole.pop()[0] if joined else begin
            whole.append((first, min(end, now)))
    return whole


# --- periods


def test_periods_are_in_order_merged_and_cut_to_the_range(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    for monitors, begin, end in (
        (None, 5, 6),
        ([monitor], 0, 2),
        (None, 1, 3),
        ([monitor], 3, 4),
        ([make.monitor(customer)], 7, 8),
    ):
        make.window(customer, monitors, NOW, start_time=NOW + begin * HOUR, end_time=NOW + end * HOUR)
    note(NOW + DAY)

    assert periods(monitor) == [(NOW, NOW + 4 * HOUR), (NOW + 5 * HOUR, NOW + 6 * HOUR)]
    within = maintenance.periods(monitor, NOW + HOUR, NOW + 5 * HOUR + MINUTE, FAR_AHEAD)
    assert within == [(NOW + HOUR, NOW + 4 * HOUR), (NOW + 5 * HOUR, NOW + 5 * HOUR + MINUTE)]
    assert maintenance.periods(monitor, NOW + 4 * HOUR, NOW + 5 * HOUR, FAR_AHEAD) == []


def test_what_is_still_to_come_is_no_period_yet(make: Factory, customer: Customer, monitor: Monitor) -> None:
    make.window(customer, [monitor], NOW)

    assert periods(monitor, now=NOW) == []
    assert periods(monitor, now=NOW + MINUTE) == [(NOW, NOW + MINUTE)]


def test_periods_of_many_monitors_are_those_of_each_and_take_two_statements(
    make: Factory, customer: Customer
) -> None:
    monitors = [make.monitor(customer) for _ in range(4)]
    make.window(customer, None, NOW)
    make.window(customer, monitors[:2], NOW, start_time=NOW + 2 * HOUR)
    make.window(customer, monitors[1:3], NOW, start_time=NOW + 3 * HOUR)
    note(NOW + 2 * HOUR)
    monitors[3].customer_since = NOW + MINUTE
    db.session.commit()
    each = {monitor.id: periods(monitor) for monitor in monitors}

    with counted() as said:
        assert maintenance.periods_of(customer, monitors, LONG_AGO, FAR_AHEAD, FAR_AHEAD) == each
    assert len(said) == 2
    assert maintenance.periods_of(customer, [], LONG_AGO, FAR_AHEAD, FAR_AHEAD) == {}


# --- the monitor's own status


def set_status(monitor: Monitor, status: MonitorStatus, now: datetime) -> None:
    before, monitor.status = monitor.status, status
    status_changed(monitor, before, now)
    db.session.commit()


def test_the_own_status_is_a_period_from_when_it_is_set_to_when_it_is_not(monitor: Monitor) -> None:
    active, under, disabled = MonitorStatus
    for status, at in ((under, 0), (under, 1), (active, 2), (disabled, 3), (under, 4), (disabled, 5)):
        set_status(monitor, status, NOW + at * HOUR)

    assert periods(monitor) == [(NOW, NOW + 2 * HOUR), (NOW + 4 * HOUR, NOW + 5 * HOUR)]


def test_the_own_status_lasts_until_now_while_it_is_set(monitor: Monitor) -> None:
    set_status(monitor, MonitorStatus.MAINTENANCE, NOW)

    assert periods(monitor, now=NOW + HOUR) == [(NOW, NOW + HOUR)]
    assert periods(monitor, now=NOW + DAY) == [(NOW, NOW + DAY)]


def test_the_own_status_and_windows_are_merged(make: Factory, customer: Customer, monitor: Monitor) -> None:
    set_status(monitor, MonitorStatus.MAINTENANCE, NOW + 30 * MINUTE)
    make.window(customer, None, NOW)

    assert periods(monitor, now=NOW + 2 * HOUR) == [(NOW, NOW + 2 * HOUR)]


# --- shown


def test_details_show_what_is_open_and_what_is_to_come_newest_first(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    _, single, whole, later, again = (
        make.window(customer, monitors, NOW - DAY, start_time=NOW + begin, **more)
        for monitors, begin, more in (
            ([monitor], -5 * HOUR, {}),
            ([monitor], -MINUTE, {}),
            (None, timedelta(), {}),
            (None, DAY, {}),
            ([monitor], -5 * HOUR, {"recurrence_pattern": DAILY}),
        )
    )
    make.window(customer, [make.monitor(customer)], NOW)
    make.window(customer, None, NOW, is_active=False)
    make.window(make.customer(), None, NOW)

    for _ in ("before it is noted", "after"):
        shown = maintenance.shown(monitor, NOW)
        assert shown["in_maintenance"] is True
        assert shown["active_windows"] == [whole, single]
        assert shown["all_windows"] == [again, later, whole, single]
        note(NOW)


def test_a_window_that_is_over_is_shown_no_more(make: Factory, customer: Customer, monitor: Monitor) -> None:
    make.window(customer, [monitor], NOW)

    assert len(maintenance.shown(monitor, NOW)["all_windows"]) == 1
    assert maintenance.shown(monitor, NOW + 2 * HOUR) == {
        "in_maintenance": False,
        "active_windows": [],
        "all_windows": [],
    }


def test_the_own_status_is_maintenance_without_a_window(monitor: Monitor) -> None:
    set_status(monitor, MonitorStatus.MAINTENANCE, NOW)

    shown = maintenance.shown(monitor, NOW)
    assert shown == {"in_maintenance": True, "active_windows": [], "all_windows": []}


def test_of_many_windows_the_open_ones_and_the_newest_are_shown(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    oldest = make.window(customer, [monitor], NOW)
    rows = [
        {
            **{name: getattr(oldest, name) for name in ("organization_id", "customer_id", "time_zone")},
            **dict.fromkeys(("created_at", "updated_at", "noted_until"), NOW),
            **dict.fromkeys(("start_time", "next_start_at"), NOW + DAY),
            **dict.fromkeys(("is_active", "covers_customer"), True),
            "name": str(number),
            "is_recurring": False,
            "end_time": NOW + 2 * DAY,
        }
        for number in range(150)
    ]
    db.session.execute(insert(MaintenanceWindow), rows)
    db.session.commit()

    shown = maintenance.shown(monitor, NOW)
    ids = [window.id for window in shown["all_windows"]]
    assert shown["active_windows"] == [oldest]
    assert len(ids) == maintenance.SHOWN
    assert ids == sorted(ids, reverse=True)
    newest = db.session.scalars(select(MaintenanceWindow.id).order_by(MaintenanceWindow.id.desc()).limit(99))
    assert ids == [*newest, oldest.id]
