"""The schedule: who claims what, when it comes next, and what a restart or a wrong clock leaves behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.clock import to_ms, utcnow
from app.crypto import Vault
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, MonitorStatus
from app.domain.schedule import next_slot_ms
from app.extensions import db
from app.models import Customer, Location, Monitor, MonitorSchedule
from app.services import claims, locations, monitors, schedules
from app.services.claims import Choice
from app.services.monitor_config import ConfigStore
from app.services.operators import operator
from app.services.schedules import CLOCKS_APART_MS, FARTHEST_MS, LEASE_MARGIN_MS, SPREAD_MS, Load
from tests.factories import Factory

NOW = utcnow() + timedelta(days=1)  # later than all that the suite makes
NOW_MS = to_ms(NOW)
MINUTE_MS = 60_000


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location()


def row_of(monitor: Monitor) -> MonitorSchedule:
    return db.session.scalars(
        select(MonitorSchedule)
        .where(MonitorSchedule.monitor_id == monitor.id)
        .execution_options(populate_existing=True)
    ).one()


def set_row(monitor: Monitor, **columns: Any) -> None:
    db.session.execute(
        update(MonitorSchedule).where(MonitorSchedule.monitor_id == monitor.id).values(**columns)
    )
    db.session.commit()


def claim(location: Location, at: datetime = NOW, limit: int = 100) -> list[ClaimedCheck]:
    taken = claims.claim(location.id, at, limit)
    db.session.commit()
    return taken


# --- claim


def test_a_due_row_is_claimed_once(make: Factory, location: Location) -> None:
    monitor = make.monitor(hostname="mail.example.org", port=1143, timeout_seconds=7)
    [claimed] = claim(location)
    assert (claimed.monitor_id, claimed.location_id) == (monitor.id, location.id)
    assert (claimed.hostname, claimed.port, claimed.timeout_seconds) == ("mail.example.org", 1143, 7)
    assert claimed.monitor_public_id == monitor.public_id
    assert claim(location) == []


def test_a_claim_sets_token_lease_and_next_time(make: Factory, location: Location) -> None:
    monitor = make.monitor(timeout_seconds=20, check_interval=5)
    [claimed] = claim(location)
    row = row_of(monitor)
    assert row.lease_token == claimed.token
    assert row.lease_until_ms == NOW_MS + 20_000 + LEASE_MARGIN_MS
    assert row.next_check_at_ms == next_slot_ms(NOW_MS, 5 * MINUTE_MS, row.offset_ms)


def test_each_row_gets_a_token_of_its_own(make: Factory, location: Location) -> None:
    customer = make.customer()
    for _ in range(3):
        make.monitor(customer)
    assert len({claimed.token for claimed in claim(location)}) == 3


def test_a_claim_keeps_to_its_limit_and_takes_the_oldest_first(make: Factory, location: Location) -> None:
    customer = make.customer()
    late, later, latest = (make.monitor(customer) for _ in range(3))
    for age, monitor in ((1, late), (2, later), (3, latest)):
        set_row(monitor, next_check_at_ms=NOW_MS - age * MINUTE_MS)
    assert {claimed.monitor_id for claimed in claim(location, limit=2)} == {latest.id, later.id}
    assert [claimed.monitor_id for claimed in claim(location, limit=2)] == [late.id]


def test_what_is_not_due_yet_is_left_alone(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    set_row(monitor, next_check_at_ms=NOW_MS + 1)
    assert claim(location) == []


def test_a_disabled_monitor_is_not_claimed(make: Factory, location: Location) -> None:
    make.monitor(status=MonitorStatus.DISABLED)
    assert claim(location) == []


def test_a_monitor_in_maintenance_is_claimed(make: Factory, location: Location) -> None:
    make.monitor(status=MonitorStatus.MAINTENANCE)
    assert len(claim(location)) == 1


def test_each_location_claims_its_own_row(make: Factory, location: Location) -> None:
    elsewhere = make.location(code="elsewhere")
    make.monitor()
    for place in (location, elsewhere):
        taken = claim(place)
        assert [claimed.location_id for claimed in taken] == [place.id]
        claims.release([taken[0].token])


def test_a_lease_keeps_a_due_row_until_it_runs_out(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    claim(location)
    set_row(monitor, next_check_at_ms=NOW_MS)
    end = NOW + timedelta(milliseconds=(row_of(monitor).lease_until_ms or 0) - NOW_MS)
    assert claim(location, end) == []
    assert len(claim(location, end + timedelta(milliseconds=1))) == 1


def test_a_claim_belongs_to_the_transaction(make: Factory, location: Location) -> None:
    make.monitor()
    claims.claim(location.id, NOW, 10)
    db.session.rollback()
    assert len(claim(location)) == 1


def test_a_claim_does_not_show_the_config(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    [claimed] = claim(location)
    assert claimed.config_encrypted == monitor.config_encrypted
    assert monitor.config_encrypted not in repr(claimed)


def test_schedulers_that_claim_at_once_never_share_a_row(
    app: Flask, make: Factory, location: Location
) -> None:
    customer, location_id = make.customer(), location.id
    for _ in range(60):
        make.monitor(customer)

    def claim_all(_: int) -> list[UUID]:
        claims: list[ClaimedCheck] = []
        with app.app_context():
            while batch := claim(db.session.get_one(Location, location_id), limit=7):
                claims += batch
        return [UUID(int=claimed.schedule_id) for claimed in claims]

    with ThreadPoolExecutor(6) as pool:
        claimed = [row for rows in pool.map(claim_all, range(6)) for row in rows]
    assert len(claimed) == len(set(claimed)) == 60


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    now_ms=st.integers(10**12, 4 * 10**12),
    interval_ms=st.integers(30_000, 86_400_000),
    fraction=st.floats(0, 1, exclude_max=True),
)
def test_the_database_plans_as_the_domain_does(
    make: Factory, location: Location, now_ms: int, interval_ms: int, fraction: float
) -> None:
    if db.session.scalar(select(MonitorSchedule.id)) is None:
        make.monitor()
    offset_ms = int(fraction * interval_ms)
    db.session.execute(update(MonitorSchedule).values(interval_ms=interval_ms, offset_ms=offset_ms))
    planned = db.session.scalar(select(schedules.next_slot(now_ms)))
    assert planned == next_slot_ms(now_ms, interval_ms, offset_ms)


# --- sync


def test_a_disabled_monitor_loses_its_plan_and_gets_it_back(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    monitor.status = MonitorStatus.DISABLED
    schedules.sync(monitor, NOW)
    assert row_of(monitor).next_check_at_ms is None
    monitor.status = MonitorStatus.ACTIVE
    schedules.sync(monitor, NOW)
    assert row_of(monitor).next_check_at_ms == NOW_MS


def test_many_that_are_made_at_once_are_first_checked_at_their_own_slots(
    make: Factory, location: Location
) -> None:
    customer = make.customer()
    rows = [row_of(imported(customer, f"mailbox {number}")) for number in range(20)]
    planned = sorted(one.next_check_at_ms for one in rows if one.next_check_at_ms is not None)
    assert len(planned) == 20
    assert planned[0] > NOW_MS
    assert planned[-1] <= NOW_MS + 5 * MINUTE_MS
    assert planned[-1] - planned[0] > 2 * MINUTE_MS
    # No data only when three checks are missing, counted from the first that was planned.
    assert all(one.data_until_ms == (one.next_check_at_ms or 0) + 10 * MINUTE_MS + 30_000 for one in rows)


def imported(customer: Customer, name: str) -> Monitor:
    monitor = monitors.create(
        operator(customer.organization_id),
        ConfigStore(Vault([bytes(32)])),
        now=NOW,
        customer_id=customer.id,
        is_spread=True,
        name=name,
        hostname="mail.example.com",
        port=993,
        status=MonitorStatus.ACTIVE,
        check_interval=5.0,
        timeout_seconds=30,
        imap_pop_config={"user": name, "password": "secret", "tls": True},
    )
    db.session.commit()
    return monitor


def test_a_new_location_gets_the_rows_that_are_missing(make: Factory) -> None:
    monitor = make.monitor()
    location = make.location()
    schedules.sync_location(location, NOW)
    row = row_of(monitor)
    assert (row.location_id, row.next_check_at_ms, row.interval_ms) == (location.id, NOW_MS, 5 * MINUTE_MS)


def test_starting_again_at_a_location_changes_no_plan(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    planned = row_of(monitor).next_check_at_ms
    schedules.sync_location(location, NOW)
    assert row_of(monitor).next_check_at_ms == planned


def test_locations_of_many_monitors_are_synced_in_slices(
    make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "BATCH", 2)
    customer = make.customer()
    for _ in range(5):
        make.monitor(customer)
    schedules.sync_location(make.location(), NOW)
    assert db.session.scalar(select(func.count()).select_from(MonitorSchedule)) == 5


@pytest.mark.parametrize(
    ("country", "of_monitor", "of_customer", "is_planned"),
    [
        ("DE", None, None, True),
        (None, None, None, True),
        ("DE", ["DE", "AT"], None, True),
        ("DE", ["AT"], None, False),
        ("DE", None, ["AT"], False),
        ("DE", ["DE"], ["AT"], True),
        ("DE", [], ["DE"], True),
        (None, ["DE"], None, False),
    ],
)
def test_a_location_checks_what_its_country_allows(
    make: Factory, country: str | None, of_monitor: Any, of_customer: Any, is_planned: bool
) -> None:
    make.location(country=country)
    customer = make.customer(allowed_check_country_codes=of_customer)
    monitor = make.monitor(customer, allowed_check_country_codes=of_monitor)
    assert (row_of(monitor).next_check_at_ms is not None) is is_planned


def test_a_location_that_moves_to_another_country_is_planned_anew(make: Factory) -> None:
    location = make.location(country="DE")
    monitor = make.monitor(allowed_check_country_codes=["DE"])
    location.country = "AT"
    schedules.sync_location(location, NOW)
    assert row_of(monitor).next_check_at_ms is None


def test_a_customer_that_allows_other_countries_is_planned_anew(make: Factory) -> None:
    make.location(country="DE")
    customer = make.customer()
    monitor = make.monitor(customer)
    customer.allowed_check_country_codes = ["AT"]
    schedules.sync_customer(customer, NOW)
    assert row_of(monitor).next_check_at_ms is None


def test_only_monitors_without_a_row_are_added(make: Factory, location: Location) -> None:
    known = make.monitor()
    missed = make.monitor()
    db.session.delete(row_of(missed))
    db.session.commit()
    db.session.expire_all()
    planned = row_of(known).next_check_at_ms
    schedules.add_missing(location.id, NOW)
    assert row_of(missed).next_check_at_ms == NOW_MS
    assert row_of(known).next_check_at_ms == planned


# --- trigger


def test_a_trigger_makes_a_row_due_at_once(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    claim(location)
    assert schedules.trigger([row_of(monitor).id], NOW, pause_ms=10_000)
    assert row_of(monitor).next_check_at_ms == NOW_MS


def test_a_trigger_within_the_pause_is_refused(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    ids = [row_of(monitor).id]
    assert schedules.trigger(ids, NOW, pause_ms=10_000)
    assert not schedules.trigger(ids, NOW + timedelta(seconds=9), pause_ms=10_000)
    assert schedules.trigger(ids, NOW + timedelta(seconds=10), pause_ms=10_000)


def test_a_trigger_from_the_future_refuses_nothing(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    set_row(monitor, triggered_at_ms=NOW_MS + 10_001)
    assert schedules.trigger([row_of(monitor).id], NOW, pause_ms=10_000)


# --- release


def test_a_released_check_is_due_as_it_was_before(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    set_row(monitor, next_check_at_ms=NOW_MS - 700)
    [claimed] = claim(location)
    claims.release([claimed.token])
    row = row_of(monitor)
    assert (row.lease_token, row.lease_until_ms, row.next_check_at_ms) == (None, None, NOW_MS - 700)


def test_releasing_leaves_a_disabled_monitor_unplanned(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    [claimed] = claim(location)
    set_row(monitor, next_check_at_ms=None)
    claims.release([claimed.token])
    row = row_of(monitor)
    assert (row.lease_token, row.next_check_at_ms) == (None, None)


def test_releasing_leaves_the_claims_of_others_alone(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    [claimed] = claim(location)
    claims.release([uuid4()])
    assert row_of(monitor).lease_token == claimed.token


# --- after a stop


@pytest.fixture
def overdue(make: Factory, location: Location) -> Callable[..., Monitor]:
    """Makes a monitor that was checked before and should have been again an hour ago."""

    def build(interval: float = 5, late_ms: int = 60 * MINUTE_MS, **columns: Any) -> Monitor:
        monitor = make.monitor(check_interval=interval)
        columns = {"last_checked_at": NOW, "last_status": CheckStatus.SUCCESS} | columns
        set_row(monitor, next_check_at_ms=NOW_MS - late_ms, **columns)
        return monitor

    return build


def test_what_was_missed_is_spread_over_its_planned_times(
    overdue: Callable[..., Monitor], location: Location
) -> None:
    monitor = overdue()
    assert schedules.spread_overdue(location.id, NOW) == 1
    row = row_of(monitor)
    assert row.next_check_at_ms == next_slot_ms(NOW_MS, row.interval_ms, row.offset_ms)


def test_a_daily_check_that_was_missed_comes_within_minutes(
    overdue: Callable[..., Monitor], location: Location
) -> None:
    monitor = overdue(interval=1440)
    schedules.spread_overdue(location.id, NOW)
    assert NOW_MS <= (row_of(monitor).next_check_at_ms or 0) < NOW_MS + SPREAD_MS


def test_a_monitor_never_checked_stays_due(overdue: Callable[..., Monitor], location: Location) -> None:
    overdue(last_checked_at=None, last_status=None)
    assert schedules.spread_overdue(location.id, NOW) == 0


def test_what_is_hardly_late_stays_due(overdue: Callable[..., Monitor], location: Location) -> None:
    overdue(late_ms=schedules.SPREAD_GRACE_MS)
    assert schedules.spread_overdue(location.id, NOW) == 0


# --- after a clock was set back


@pytest.mark.parametrize(("refusals", "farthest_ms"), [(0, CLOCKS_APART_MS), (1, FARTHEST_MS)])
def test_what_is_planned_impossibly_far_ahead_is_planned_anew(
    make: Factory, location: Location, refusals: int, farthest_ms: int
) -> None:
    monitor = make.monitor()
    set_row(monitor, refusals=refusals, next_check_at_ms=NOW_MS + farthest_ms + 5 * MINUTE_MS + 1)
    assert schedules.bring_back(location.id, NOW) == 1
    row = row_of(monitor)
    assert row.next_check_at_ms == next_slot_ms(NOW_MS, row.interval_ms, row.offset_ms)


@pytest.mark.parametrize(("refusals", "farthest_ms"), [(0, CLOCKS_APART_MS), (1, FARTHEST_MS)])
def test_what_is_planned_within_reason_stays(
    make: Factory, location: Location, refusals: int, farthest_ms: int
) -> None:
    monitor = make.monitor()
    set_row(monitor, refusals=refusals, next_check_at_ms=NOW_MS + farthest_ms + 5 * MINUTE_MS)
    assert schedules.bring_back(location.id, NOW) == 0


def test_a_lease_from_the_future_ends_and_keeps_its_token(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    [claimed] = claim(location, NOW + timedelta(milliseconds=CLOCKS_APART_MS + 1))
    schedules.bring_back(location.id, NOW)
    row = row_of(monitor)
    assert (row.lease_until_ms, row.lease_token) == (NOW_MS, claimed.token)


def test_a_lease_of_today_stays(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    claim(location)
    until = row_of(monitor).lease_until_ms
    schedules.bring_back(location.id, NOW)
    assert row_of(monitor).lease_until_ms == until


# --- take_back


def test_what_a_killed_scheduler_claimed_is_due_once_its_lease_has_run_out(
    make: Factory, location: Location
) -> None:
    monitor = make.monitor(timeout_seconds=7)
    [claimed] = claim(location)
    lease = timedelta(milliseconds=7_000 + LEASE_MARGIN_MS)
    assert schedules.take_back(location.id, NOW + lease) == 0
    then = NOW + lease + timedelta(milliseconds=1)
    # Its next slot, wherever that is, is not to come before.
    set_row(monitor, next_check_at_ms=to_ms(then) + MINUTE_MS)
    assert schedules.take_back(location.id, then) == 1
    row = row_of(monitor)
    assert (row.lease_until_ms, row.next_check_at_ms) == (None, to_ms(then))
    assert row.lease_token == claimed.token
    assert [again.monitor_id for again in claim(location, then)] == [monitor.id]


def test_what_is_due_already_keeps_its_time_when_its_lease_has_run_out(
    make: Factory, location: Location
) -> None:
    due, disabled = make.monitor(), make.monitor()
    set_row(due, next_check_at_ms=NOW_MS - 9, lease_until_ms=NOW_MS - 1)
    set_row(disabled, next_check_at_ms=None, lease_until_ms=NOW_MS - 1)
    assert schedules.take_back(location.id, NOW) == 2
    assert [row_of(monitor).next_check_at_ms for monitor in (due, disabled)] == [NOW_MS - 9, None]


def test_what_somebody_is_settling_is_left_to_them(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    set_row(monitor, lease_until_ms=NOW_MS - 1)
    if db.engine.dialect.name == "sqlite":
        assert schedules.take_back(location.id, NOW) == 1
        return
    with db.engine.begin() as other:
        other.execute(select(MonitorSchedule.id).with_for_update())
        assert schedules.take_back(location.id, NOW) == 0


# --- lag


def test_the_load_counts_what_is_due_and_what_is_checked(make: Factory, location: Location) -> None:
    late, checked, planned = (make.monitor() for _ in range(3))
    set_row(checked, next_check_at_ms=NOW_MS - 9_000, lease_until_ms=NOW_MS + 1)
    set_row(late, next_check_at_ms=NOW_MS - 3_000)
    set_row(planned, next_check_at_ms=NOW_MS + 1)
    slow = make.monitor()
    set_row(slow, next_check_at_ms=NOW_MS - 60_000, is_slow=True)
    assert schedules.load_by_lane(NOW) == {
        (location.code, False): Load(due=1, lag_ms=3_000, in_flight=1),
        (location.code, True): Load(due=1, lag_ms=60_000, in_flight=0),
    }


def test_without_rows_there_is_no_load(make: Factory, location: Location) -> None:
    idle = Load(due=0, lag_ms=0, in_flight=0)
    assert schedules.load_by_lane(NOW) == {(location.code, False): idle, (location.code, True): idle}


# --- lanes, servers, organizations


def test_a_claim_takes_one_lane_alone(make: Factory, location: Location) -> None:
    quick, slow = make.monitor(), make.monitor()
    set_row(slow, is_slow=True, next_check_at_ms=NOW_MS - 1)
    for is_slow, monitor in ((True, slow), (False, quick)):
        [claimed] = claims.claim(location.id, NOW, 10, Choice(is_slow))
        assert (claimed.monitor_id, claimed.is_slow) == (monitor.id, is_slow)


def test_a_claim_keeps_to_the_servers_it_is_given(make: Factory, location: Location) -> None:
    one, other, third = (make.monitor(server=f"{name}.example.com:993") for name in "abc")
    [claimed] = claims.claim(location.id, NOW, 10, Choice(server=one.server))
    assert (claimed.monitor_id, claimed.server) == (one.id, one.server)
    [claimed] = claims.claim(location.id, NOW, 10, Choice(other_servers_than=frozenset({other.server})))
    assert claimed.monitor_id == third.id


def test_a_claim_can_leave_out_organizations(make: Factory, location: Location) -> None:
    many, few = make.monitor(), make.monitor()
    set_row(many, next_check_at_ms=NOW_MS - 1)
    choice = Choice(other_organizations_than=frozenset({many.organization_id}))
    [claimed] = claims.claim(location.id, NOW, 10, choice)
    assert (claimed.monitor_id, claimed.organization_id) == (few.id, few.organization_id)


def test_who_is_left_out_does_not_hold_up_another_of_the_mailbox(make: Factory, location: Location) -> None:
    left_out, other = (make.monitor(mailbox_key="one and the same") for _ in range(2))
    set_row(left_out, next_check_at_ms=NOW_MS - 1)
    choice = Choice(other_organizations_than=frozenset({left_out.organization_id}))
    [claimed] = claims.claim(location.id, NOW, 10, choice)
    assert claimed.monitor_id == other.id
    assert claim(location) == []


def test_a_claim_tells_how_late_it_is(make: Factory, location: Location) -> None:
    set_row(make.monitor(), next_check_at_ms=NOW_MS - 12_345)
    [claimed] = claim(location)
    assert claimed.due_at_ms == NOW_MS - 12_345


def test_a_trigger_and_a_change_take_a_monitor_out_of_the_slow_lane(
    make: Factory, location: Location
) -> None:
    monitor = make.monitor()
    set_row(monitor, is_slow=True)
    schedules.trigger([row_of(monitor).id], NOW, pause_ms=0)
    assert not row_of(monitor).is_slow
    set_row(monitor, is_slow=True)
    schedules.sync(monitor, NOW)
    db.session.commit()
    assert not row_of(monitor).is_slow


def test_what_is_counted_adds_up(location: Location) -> None:
    locations.count(location.id, checks_begun=3, checks_late=1)
    locations.count(location.id, checks_begun=2, checks_skipped=4)
    assert locations.counters() == {
        location.code: {"checks_begun": 5, "checks_late": 1, "checks_put_off": 0, "checks_skipped": 4}
    }
