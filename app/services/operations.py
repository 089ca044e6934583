"""Is the service ready, and how is it doing: answers from the database, the same in every process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from app.clock import to_iso
from app.domain.enums import MonitorStatus
from app.log import get_logger
from app.models import Location
from app.services import lateness, locations, migrations, monitors, schedules, self_watch
from app.version import VERSION

log = get_logger(__name__)

# The counters are read out of the database anew for each answer: when that was is no time of theirs.
disable_created_metrics()  # type: ignore[no-untyped-call]

COUNTED = {
    "checks_begun": "Checks begun.",
    "checks_late": "Checks begun more than 5 s after they were due.",
    "checks_put_off": "Due checks given back because their server had as many in flight as may be.",
    "checks_skipped": "Planned times that passed while the check before was still waiting to begin.",
}


@dataclass(frozen=True)
class Readiness:
    """`ok` or what is wrong, by what was looked at. Not all that is wrong keeps the service from its work."""

    checks: Mapping[str, str]
    is_ready: bool = False


def readiness(now: datetime, *, checks_per_host: int) -> Readiness:
    """Look at the database, the migrations, the schedulers and what they see of themselves."""
    try:
        if migrations.is_behind():
            return Readiness({"database": "ok", "migrations": "run `flask --app wsgi db upgrade`"})
        return _readiness(now, checks_per_host)
    except SQLAlchemyError as error:
        log.warning("database_unavailable", error=type(error).__name__)
        return Readiness({"database": "does not answer"})


def _readiness(now: datetime, checks_per_host: int) -> Readiness:
    places = locations.active(now)
    suspects = [place for place in places if place.suspect_since is not None]
    is_late = lateness.is_badly_late_everywhere(now, checks_per_host=checks_per_host)
    checks = {
        "database": "ok",
        "migrations": "ok",
        "scheduler": "ok" if places else "no scheduler has been heard of in the last 60 s",
        "references": "; ".join(map(_doubt, suspects)) or "ok",
        "schedule": "checks wait for more than 5 minutes, at every location" if is_late else "ok",
    }
    # One location that doubts what it sees is made up for by the others.
    return Readiness(checks, is_ready=len(places) > len(suspects) and not is_late)


def _doubt(place: Location) -> str:
    since = to_iso(place.suspect_since) if place.suspect_since else ""
    return f"{place.code} reaches no reference target since {since} and holds its alerts"


def metrics(now: datetime) -> bytes:
    """The minimum to alert on, in Prometheus' text format."""
    registry = CollectorRegistry()
    Gauge("pillarbox_build_info", "1, for the running version.", ["version"], registry=registry).labels(
        VERSION
    ).set(1)
    _monitor_metrics(registry)
    _schedule_metrics(registry, now)
    _trust_metrics(registry, now)
    _counter_metrics(registry)
    return generate_latest(registry)


def _counter_metrics(registry: CollectorRegistry) -> None:
    counted = locations.counters()
    for name, meaning in COUNTED.items():
        counter = Counter(f"pillarbox_{name}", meaning, ["location"], registry=registry)
        for code, counts in counted.items():
            counter.labels(code).inc(counts[name])


def _monitor_metrics(registry: CollectorRegistry) -> None:
    gauge = Gauge("pillarbox_monitors", "Monitors by status.", ["status"], registry=registry)
    counts = monitors.count_by_status()
    for status in MonitorStatus:
        gauge.labels(status.value).set(counts.get(status, 0))


def _schedule_metrics(registry: CollectorRegistry, now: datetime) -> None:
    labels = ["location", "lane"]
    due = Gauge("pillarbox_checks_due", "Checks due and not yet begun.", labels, registry=registry)
    lag = Gauge(
        "pillarbox_check_lag_seconds", "How late the oldest is, in seconds.", labels, registry=registry
    )
    in_flight = Gauge(
        "pillarbox_checks_in_flight", "Checks begun and not recorded.", labels, registry=registry
    )
    for (code, is_slow), load in schedules.load_by_lane(now).items():
        lane = "slow" if is_slow else "main"
        due.labels(code, lane).set(load.due)
        lag.labels(code, lane).set(load.lag_ms / 1000)
        in_flight.labels(code, lane).set(load.in_flight)
    Gauge(
        "pillarbox_monitors_unplanned",
        "Monitors that are not disabled and that no location may check.",
        registry=registry,
    ).set(schedules.count_unplanned())
    age = Gauge(
        "pillarbox_location_heartbeat_age_seconds",
        "Seconds since a location's scheduler was heard of.",
        ["location"],
        registry=registry,
    )
    for code, heartbeat_at in locations.heartbeats().items():
        age.labels(code).set((now - heartbeat_at).total_seconds())


def _trust_metrics(registry: CollectorRegistry, now: datetime) -> None:
    suspects = Gauge(
        "pillarbox_location_suspects_itself",
        "1 while a location holds its alerts, because it reached no reference target.",
        ["location"],
        registry=registry,
    )
    for code, since in self_watch.suspects().items():
        suspects.labels(code).set(since is not None)
    held = "Messages due and held, because the location that saw the incident suspects itself."
    Gauge("pillarbox_alerts_held", held, registry=registry).set(self_watch.count_held(now))
