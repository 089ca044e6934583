"""What the tests of the scheduler share."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, Protocol
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import CheckResult
from app.services.claims import claim
from tests.factories import Factory
from tests.parts.dovecot import dovecot

__all__ = ["dovecot"]

SUCCESS = CheckOutcome(status=CheckStatus.SUCCESS, duration_ms=5, diagnostics={"attempts": 1})


CLAIM = ClaimedCheck(
    schedule_id=1,
    token=uuid4(),
    monitor_id=1,
    monitor_public_id=uuid4(),
    location_id=1,
    organization_id=1,
    server="mail.example.com:993",
    is_slow=False,
    protocol=Protocol.IMAP,
    hostname="mail.example.com",
    port=None,
    timeout_seconds=30,
    interval_ms=300_000,
    due_at_ms=0,
    planned_at_ms=0,
    refusals=0,
    customer_id=1,
    is_maintenance=False,
    alert_checks=2,
    recovery_checks=2,
    config_encrypted="",
)


@pytest.fixture
def claims(make: Factory) -> Callable[[int], list[ClaimedCheck]]:
    """Makes so many monitors and claims them."""

    def build(count: int) -> list[ClaimedCheck]:
        location, customer = make.location(), make.customer()
        for _ in range(count):
            make.monitor(customer)
        claimed = claim(location.id, utcnow(), count)
        db.session.commit()
        return claimed

    return build


@pytest.fixture
def results(app: Flask) -> Callable[[], int]:
    """How many check results there are, as another process would see it."""

    def count() -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(CheckResult)) or 0

    return count
