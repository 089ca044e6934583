"""What a scheduler counts of its checks, batches and messages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, ErrorCode, Protocol, WarningCode
from app.domain.notification import Delivery
from app.domain.outcome import CheckOutcome
from app.metrics import scheduler
from app.metrics.exposition import render
from app.metrics.scheduler import SchedulerFigures
from tests.worker.conftest import CLAIM, SUCCESS

DUE = from_ms(1_700_000_000_000)


@pytest.fixture
def figures() -> SchedulerFigures:
    return SchedulerFigures("de-nbg")


def value(figures: SchedulerFigures, name: str, **labels: str) -> float | None:
    registry: CollectorRegistry = figures.registry
    return registry.get_sample_value(name, {"location": "de-nbg", **labels})


def outcome(code: ErrorCode | WarningCode | None, days: int | None = None) -> CheckOutcome:
    status = CheckStatus.ERROR if isinstance(code, ErrorCode) else CheckStatus.WARNING
    diagnostics = {"tls": {"certificate": {"daysRemaining": days}}} if days is not None else {}
    return CheckOutcome(status if code else CheckStatus.SUCCESS, 1500, code, diagnostics=diagnostics)


def test_checks_are_counted_by_verdict(figures: SchedulerFigures) -> None:
    pop3 = replace(CLAIM, protocol=Protocol.POP3, due_at_ms=to_ms(DUE), is_slow=True)
    figures.checked(pop3, outcome(ErrorCode.TIMEOUT), DUE + timedelta(seconds=7))
    figures.checked(replace(CLAIM, due_at_ms=to_ms(DUE)), SUCCESS, DUE)

    verdict = {"protocol": "pop3", "status": "error", "code": "timeout"}
    assert value(figures, "pillarbox_checks_total", **verdict) == 1
    assert value(figures, "pillarbox_checks_total", protocol="imap", status="success", code="none") == 1
    took = {"protocol": "pop3", "status": "error"}
    assert value(figures, "pillarbox_check_duration_seconds_sum", **took) == 1.5
    assert value(figures, "pillarbox_check_start_lag_seconds_sum", lane="slow") == pytest.approx(7)
    assert value(figures, "pillarbox_check_start_lag_seconds_count", lane="main") == 1


def test_every_verdict_has_its_series_from_the_beginning(figures: SchedulerFigures) -> None:
    """Or the first failure of a kind would be no increase."""
    before = render(figures.registry).count(b"\npillarbox_checks_total{")
    for number, code in enumerate([None, *ErrorCode, *WarningCode]):
        figures.checked(replace(CLAIM, monitor_id=number), outcome(code), DUE)

    after = render(figures.registry)
    assert after.count(b"\npillarbox_checks_total{") == before == 2 * (1 + len(ErrorCode) + len(WarningCode))


def test_certificates_that_end_soon_are_counted(
    figures: SchedulerFigures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ending() -> list[float | None]:
        return [value(figures, "pillarbox_certificates_ending", days=days) for days in ("7", "14", "30")]

    for monitor_id, days in enumerate((-2, 3, 10, 29, 30, 400)):
        figures.checked(replace(CLAIM, monitor_id=monitor_id), outcome(None, days), DUE)
    assert ending() == [2, 3, 4]
    assert value(figures, "pillarbox_certificate_least_days") == -2

    figures.checked(replace(CLAIM, monitor_id=0), outcome(None, 90), DUE)
    figures.checked(replace(CLAIM, monitor_id=1), outcome(ErrorCode.TIMEOUT), DUE)
    assert ending() == [1, 2, 3]

    monkeypatch.setattr(scheduler, "FORGET_SECONDS", 0.0)
    assert ending() == [0, 0, 0]
    assert value(figures, "pillarbox_certificate_least_days") is None


def test_batches_are_counted(figures: SchedulerFigures) -> None:
    figures.stored(12, 0.25)
    figures.not_stored()
    figures.lost()

    names = ("batch_size_sum", "batch_seconds_sum", "failures_total")
    assert [value(figures, f"pillarbox_writer_{name}") for name in names] == [12, 0.25, 1]
    assert value(figures, "pillarbox_results_lost_total") == 1


@pytest.mark.parametrize(
    ("delivery", "told"),
    [
        (Delivery(is_sent=True, duration_ms=200), "sent"),
        (Delivery(is_sent=False, error="It hung.", duration_ms=200), "failed"),
        (Delivery(is_sent=False, error="No such user.", is_final=True, duration_ms=200), "refused"),
    ],
)
def test_messages_are_counted_by_channel_and_outcome(
    figures: SchedulerFigures, delivery: Delivery, told: str
) -> None:
    figures.told("webhook", delivery, waited=2.0)

    outcomes = ("sent", "failed", "refused")
    counts = [value(figures, "pillarbox_alerts_total", channel="webhook", outcome=one) for one in outcomes]
    assert counts == [float(one == told) for one in outcomes]
    assert value(figures, "pillarbox_alert_wait_seconds_sum") == 2
    assert value(figures, "pillarbox_alert_delivery_seconds_sum", channel="webhook") == 0.2


def test_what_is_looked_up_when_asked_has_a_lane_or_none(figures: SchedulerFigures) -> None:
    figures.read("pillarbox_slots", "Slots.", lambda: {"main": 3, "slow": 1})
    figures.read("pillarbox_results_waiting", "Waiting.", lambda: {"": 7})

    assert value(figures, "pillarbox_slots", lane="main") == 3
    assert value(figures, "pillarbox_results_waiting") == 7
