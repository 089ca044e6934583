"""Who is told of an incident, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.domain.channel_conditions import Recipient, delay_of, wants
from app.domain.enums import AlertEvent, ErrorCode

START = datetime(2026, 2, 26, 12, tzinfo=UTC)


def recipient(conditions: dict[str, Any] | None = None, **values: Any) -> Recipient:
    return Recipient(channel_id=1, type="email", name="Ops", conditions=conditions, **values)


def test_without_conditions_everything_is_wanted() -> None:
    assert all(wants(recipient(), event, code) for event in AlertEvent for code in ErrorCode)
    assert wants(recipient({}), AlertEvent.ALERT, ErrorCode.TIMEOUT)


def test_events_and_types_are_both_asked_for() -> None:
    picky = recipient({"events": ["alert"], "types": ["timeout", "mailbox_stale"]})
    assert wants(picky, AlertEvent.ALERT, "timeout")
    assert not wants(picky, AlertEvent.RECOVERY, "timeout")
    assert not wants(picky, AlertEvent.ALERT, "dns_failure")


def test_delay_counts_from_the_first_failing_result() -> None:
    late = recipient(delay_seconds=300)
    assert delay_of(late, START, START + timedelta(seconds=40)) == timedelta(seconds=260)
    assert delay_of(late, START, START + timedelta(hours=1)) == timedelta()
    assert delay_of(recipient(), START, START) == timedelta()


@given(
    delay=st.integers(0, 86400),
    least=st.none() | st.integers(0, 86400),
    age=st.timedeltas(timedelta(), timedelta(days=2)),
)
def test_told_when_both_delay_and_least_duration_are_over(
    delay: int, least: int | None, age: timedelta
) -> None:
    conditions = None if least is None else {"minIncidentDuration": least}
    wait = delay_of(recipient(conditions, delay_seconds=delay), START, START + age)
    told_at = START + age + wait
    assert wait >= timedelta()
    assert told_at - START == max(age, timedelta(seconds=max(delay, least or 0)))
