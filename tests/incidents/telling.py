"""Puts incidents of one monitor into the outbox, and plays the scheduler that sends what is due."""

from datetime import datetime
from typing import Any

from flask import current_app

from app.domain.notification import Delivery
from app.extensions import db
from app.models import Customer, Incident, Location, Monitor, NotificationChannel, Organization
from app.services import delivery
from app.services.delivery import ClaimedAlert
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, see_all

SENT = Delivery(is_sent=True)
BROKEN = Delivery(is_sent=False, error="The target answered 503.")
REFUSED = Delivery(is_sent=False, error="The target answered 404.", is_final=True)


def recover(monitor: Monitor, place: Location, seconds: float) -> None:
    see_all(monitor, place, {seconds: "ok", seconds + 30: "ok"})


def claim(when: datetime, **how: Any) -> list[ClaimedAlert]:
    claimed = delivery.claim(when, current_app.config["CONFIG_STORE"].vault, **{"limit": 50, **how})
    db.session.commit()
    return claimed


def settle(claimed: ClaimedAlert, outcome: Delivery, when: datetime) -> bool:
    is_settled = delivery.settle(claimed, outcome, when)
    db.session.commit()
    return is_settled


def deliver(when: datetime, outcome: Delivery = SENT) -> list[tuple[str, str]]:
    """Send what is due then; tells event and channel of each."""
    claimed = claim(when)
    for one in claimed:
        assert settle(one, outcome, when)
    return [(one.notice.event.value, one.destination.name) for one in claimed]


def statuses(incident: Incident) -> list[tuple[str, int, str]]:
    return [(row.event.value, row.attempt, row.status.value) for row in alerts_of(incident)]


def house_of(customer: Customer) -> Organization:
    return db.session.get_one(Organization, customer.organization_id)


def channel(customer: Customer, name: str, **columns: Any) -> NotificationChannel:
    made = NotificationChannel(
        organization_id=customer.organization_id,
        customer_id=customer.id,
        type="webhook",
        category="direct",
        name=name,
        config={"url": "https://hooks.example.com/x"},
        created_at=at(0),
        updated_at=at(0),
        **columns,
    )
    db.session.add(made)
    db.session.commit()
    return made
