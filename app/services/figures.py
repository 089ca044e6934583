"""What the database says of the service, for Prometheus: the same from whichever web process is asked.

Asked for every few seconds, however many monitors there are: counts come from indexes, and rows are looked
at only where there are few, such as those that are due.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app.domain.enums import ErrorCode, Health, MonitorStatus, WarningCode
from app.extensions import DATABASE_AWAY, db
from app.log import get_logger
from app.services import locations, schedules, self_watch, tallies
from app.version import VERSION

log = get_logger(__name__)

COUNTED = {
    "checks_begun": "Checks begun.",
    "checks_late": "Checks begun more than 5 s after they were due.",
    "checks_put_off": "Due checks given back because their server had as many in flight as may be.",
    "checks_skipped": "Planned times that passed while the check before was still waiting to begin.",
}


def read(now: datetime) -> list[Metric]:
    """All that the database tells, or only that it is away: what the processes count is told all the same."""
    try:
        found = list(collect(now))
    except DATABASE_AWAY as error:
        db.session.rollback()
        log.warning("database_unavailable", error=type(error).__name__)
        return [_up(0)]
    return [_up(1), *found]


def _up(value: int) -> Metric:
    return _gauge("pillarbox_database_up", "1 while the database answers the web process.", value)


def collect(now: datetime) -> Iterator[Metric]:
    """In Prometheus' own terms. Raises what the database raises."""
    yield _gauge("pillarbox_build_info", "1, for the running version.", {VERSION: 1}, "version")
    yield from _of_monitors(now)
    yield from _of_schedule(now)
    yield from _of_locations(now)
    yield from _of_alerts(now)
    yield from _counters()


def _of_monitors(now: datetime) -> Iterable[Metric]:
    statuses = tallies.by_status()
    watched = sum(count for status, count in statuses.items() if status is not MonitorStatus.DISABLED)
    found = tallies.by_health(now, watched)
    yield _gauge("pillarbox_monitors", "Monitors by status.", _all(MonitorStatus, statuses), "status")
    yield _gauge(
        "pillarbox_mailboxes", "Monitors that are not disabled, by health.", _all(Health, found), "health"
    )
    yield _gauge(
        "pillarbox_monitors_unplanned",
        "Monitors that are not disabled and that no location may check.",
        tallies.unplanned(),
    )
    kinds = [*ErrorCode, *WarningCode]
    yield _gauge(
        "pillarbox_incidents_open", "Open incidents by type.", _all(kinds, tallies.open_incidents()), "type"
    )


def _of_schedule(now: datetime) -> Iterable[Metric]:
    labels = ["location", "lane"]
    due = GaugeMetricFamily("pillarbox_checks_due", "Checks due and not yet begun.", labels=labels)
    lag = GaugeMetricFamily(
        "pillarbox_check_lag_seconds", "How late the oldest is, in seconds.", labels=labels
    )
    in_flight = GaugeMetricFamily(
        "pillarbox_checks_in_flight", "Checks begun and not recorded.", labels=labels
    )
    for (code, is_slow), load in schedules.load_by_lane(now).items():
        lane = [code, "slow" if is_slow else "main"]
        due.add_metric(lane, load.due)
        lag.add_metric(lane, load.lag_ms / 1000)
        in_flight.add_metric(lane, load.in_flight)
    return due, lag, in_flight


def _of_locations(now: datetime) -> Iterable[Metric]:
    beats = {code: (now - at).total_seconds() for code, at in locations.heartbeats().items()}
    yield _gauge(
        "pillarbox_location_heartbeat_age_seconds",
        "Seconds since a location's scheduler was heard of.",
        beats,
        "location",
    )
    yield _gauge(
        "pillarbox_location_suspects_itself",
        "1 while a location holds its alerts, because it reached no reference target.",
        {code: float(since is not None) for code, since in self_watch.suspects().items()},
        "location",
    )


def _of_alerts(now: datetime) -> Iterable[Metric]:
    waiting = tallies.waiting(now)
    yield _gauge(
        "pillarbox_alerts_waiting", "Messages due and not yet delivered, those held too.", waiting.count
    )
    yield _gauge(
        "pillarbox_alert_oldest_seconds", "How long the oldest of them has been due.", waiting.oldest_seconds
    )
    yield _gauge(
        "pillarbox_alerts_held",
        "Messages due and held, because the location that saw the incident suspects itself.",
        self_watch.count_held(now),
    )


def _counters() -> Iterable[Metric]:
    counted = locations.counters()
    for name, meaning in COUNTED.items():
        counter = CounterMetricFamily(f"pillarbox_{name}", meaning, labels=["location"])
        for code, counts in counted.items():
            counter.add_metric([code], counts[name])
        yield counter


def _gauge(name: str, meaning: str, values: float | Mapping[str, float], label: str = "") -> Metric:
    if not isinstance(values, Mapping):
        return GaugeMetricFamily(name, meaning, value=values)
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], value)
    return gauge


def _all(kinds: Iterable[str], counts: Mapping[Any, int]) -> dict[str, float]:
    """None of a kind is a figure too: a series that comes and goes is hard to alert on."""
    return {str(kind): counts.get(kind, 0) for kind in kinds}
