"""What a scheduler counts: of checks, of results on their way to the database, of messages.

A check costs two milliseconds, so what is counted of each is bound to its labels beforehand.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Lock
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.domain.channel_types import CHANNEL_TYPES
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, ErrorCode, Protocol, WarningCode
from app.domain.notification import Delivery
from app.domain.outcome import CheckOutcome
from app.version import VERSION

LANES = {False: "main", True: "slow"}
"""By whether it is the lane of targets whose last check timed out."""
NO_CODE = "none"
"""In place of a code where nothing went wrong."""
SENT, FAILED, REFUSED = "sent", "failed", "refused"
"""What came of an attempt to tell somebody: the last is a failure that no further attempt would mend."""
DAYS = (7, 14, 30)
"""Certificates that end within so many are counted."""
FORGET_SECONDS = 2 * 86_400.0
"""After so long without a check a monitor is gone, or another scheduler's: the longest interval is a day."""

_CHECK_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LAG_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200)
_WRITE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_WAIT_BUCKETS = (1, 5, 15, 60, 300, 900, 3600)
_SEND_BUCKETS = (0.1, 0.5, 1, 5, 10, 30)
_CODES: dict[CheckStatus, tuple[ErrorCode | WarningCode | None, ...]] = {
    CheckStatus.SUCCESS: (None,),
    CheckStatus.WARNING: tuple(WarningCode),
    CheckStatus.ERROR: tuple(ErrorCode),
}


class SchedulerFigures:
    """Each scheduler of a process has its own."""

    def __init__(self, location: str = "local") -> None:
        self.registry = CollectorRegistry()
        self._location = location
        self._certificates = Certificates()
        self._readers: list[tuple[str, str, Callable[[], dict[str, float]]]] = []
        self.registry.register(_Now(self._look))
        self._bind_checks()
        self._bind_writer()
        self._bind_alerts()

    def _bind_checks(self) -> None:
        checks = Counter(
            "pillarbox_checks",
            "Checks run, by verdict.",
            ["location", "protocol", "status", "code"],
            registry=self.registry,
        )
        seconds = self._histogram(
            "pillarbox_check_duration_seconds", "How long checks took.", _CHECK_BUCKETS, "protocol", "status"
        )
        lag = self._histogram(
            "pillarbox_check_start_lag_seconds", "How late checks began.", _LAG_BUCKETS, "lane"
        )
        self._checks = {
            (protocol, code): checks.labels(self._location, protocol.value, status.value, code or NO_CODE)
            for protocol in Protocol
            for status, codes in _CODES.items()
            for code in codes
        }
        self._check_seconds = {
            (protocol, status): seconds.labels(self._location, protocol.value, status.value)
            for protocol in Protocol
            for status in CheckStatus
        }
        self._lag = {is_slow: lag.labels(self._location, lane) for is_slow, lane in LANES.items()}

    def _bind_writer(self) -> None:
        self._batch_size = self._histogram(
            "pillarbox_writer_batch_size", "Results stored in one transaction.", _BATCH_BUCKETS
        ).labels(self._location)
        self._batch_seconds = self._histogram(
            "pillarbox_writer_batch_seconds", "How long that took, with its commit.", _WRITE_BUCKETS
        ).labels(self._location)
        self._write_failures = self._counter(
            "pillarbox_writer_failures", "Batches that the database did not take; they are tried again."
        ).labels(self._location)
        self._lost = self._counter(
            "pillarbox_results_lost", "Results that could not be stored although the database was there."
        ).labels(self._location)

    def _bind_alerts(self) -> None:
        self._alerts = self._counter(
            "pillarbox_alerts", "Attempts to tell somebody, by what came of them.", "channel", "outcome"
        )
        self._alert_wait = self._histogram(
            "pillarbox_alert_wait_seconds", "How long after it was due an attempt began.", _WAIT_BUCKETS
        ).labels(self._location)
        self._alert_seconds = self._histogram(
            "pillarbox_alert_delivery_seconds", "How long targets took.", _SEND_BUCKETS, "channel"
        )
        for channel in CHANNEL_TYPES:
            self._alert_seconds.labels(self._location, channel)
            for outcome in (SENT, FAILED, REFUSED):
                self._alerts.labels(self._location, channel, outcome)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, ["location", *labels], registry=self.registry, buckets=buckets)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, ["location", *labels], registry=self.registry)

    def checked(self, claim: ClaimedCheck, outcome: CheckOutcome, checked_at: datetime) -> None:
        """Count a check, which began at `checked_at`."""
        protocol = claim.protocol
        self._checks[protocol, outcome.code].inc()
        self._check_seconds[protocol, outcome.status].observe(outcome.duration_ms / 1000)
        self._lag[claim.is_slow].observe(max(checked_at.timestamp() - claim.due_at_ms / 1000, 0.0))
        tls = outcome.diagnostics.get("tls")
        days = tls["certificate"].get("daysRemaining") if tls else None
        if days is not None:
            self._certificates.note(claim.monitor_id, days)

    def stored(self, results: int, seconds: float) -> None:
        self._batch_size.observe(results)
        self._batch_seconds.observe(seconds)

    def not_stored(self) -> None:
        self._write_failures.inc()

    def lost(self) -> None:
        self._lost.inc()

    def told(self, channel: str, delivery: Delivery, waited: float) -> None:
        """`waited`: seconds from when the attempt was due to its beginning."""
        outcome = SENT if delivery.is_sent else REFUSED if delivery.is_final else FAILED
        self._alerts.labels(self._location, channel, outcome).inc()
        self._alert_wait.observe(max(waited, 0.0))
        self._alert_seconds.labels(self._location, channel).observe(delivery.duration_ms / 1000)

    def read(self, name: str, meaning: str, look: Callable[[], dict[str, float]]) -> None:
        """A figure that is looked up when it is asked for: by lane, or one under an empty name."""
        self._readers.append((name, meaning, look))

    def _look(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("pillarbox_build_info", "1, for the running version.", labels=["version"])
        build.add_metric([VERSION], 1)
        yield build
        for name, meaning, look in self._readers:
            found = look()
            has_lanes = "" not in found
            family = GaugeMetricFamily(
                name, meaning, labels=["location", "lane"] if has_lanes else ["location"]
            )
            for lane, value in found.items():
                family.add_metric([self._location, lane] if has_lanes else [self._location], value)
            yield family
        yield from self._certificates.figures(self._location)


class _Now(Collector):
    def __init__(self, look: Callable[[], Iterator[Metric]]) -> None:
        self._look_now = look

    def collect(self) -> Iterator[Metric]:
        return self._look_now()


class Certificates:
    """Those that end soon, as the last check of each monitor saw them; the others are not kept in mind."""

    def __init__(self) -> None:
        self._days: dict[int, tuple[int, float]] = {}
        self._lock = Lock()

    def note(self, monitor_id: int, days: int) -> None:
        with self._lock:
            if days < DAYS[-1]:
                self._days[monitor_id] = days, monotonic()
            else:
                self._days.pop(monitor_id, None)

    def figures(self, location: str) -> Iterator[Metric]:
        with self._lock:
            now = monotonic()
            self._days = {key: one for key, one in self._days.items() if now - one[1] < FORGET_SECONDS}
            days = [one[0] for one in self._days.values()]
        ending = GaugeMetricFamily(
            "pillarbox_certificates_ending",
            "Mailboxes whose server's certificate ends within so many days, as their last check saw it.",
            labels=["location", "days"],
        )
        for bound in DAYS:
            ending.add_metric([location, str(bound)], sum(one < bound for one in days))
        yield ending
        least = GaugeMetricFamily(
            "pillarbox_certificate_least_days",
            "Whole days that the first of them has left; absent while none of them ends within 30 days.",
            labels=["location"],
        )
        if days:
            least.add_metric([location], min(days))
        yield least
