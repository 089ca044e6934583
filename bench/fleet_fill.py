"""Fills a database with a fleet: monitors of simulated servers, each with its place in the interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import Connection, insert, select, update

from app.clock import to_ms
from app.domain.enums import CheckStatus, MonitorStatus, Protocol
from app.domain.schedule import stable_offset_ms
from app.extensions import db
from app.models import Customer, Location, Monitor, MonitorSchedule, Organization
from app.services.monitor_config import ConfigStore
from app.services.schedules import next_slot
from bench.api_fill import analyze
from bench.fleet_servers import address

ORGANIZATIONS = 10
LOCATION = "local"
UNTIL_BEGUN = timedelta(minutes=10)
"""How far ahead everything is planned until the scheduler is up; its repairs leave that alone."""


@dataclass(frozen=True)
class Fleet:
    """What is to be watched: a monitor for each of `servers`, which are their numbers."""

    port: int
    servers: Sequence[int]
    interval_seconds: int
    timeout_seconds: int


def fill(app: Flask, fleet: Fleet) -> None:
    """All were checked once, and none is due."""
    now = datetime.now(UTC)
    dated = {"created_at": now, "updated_at": now}
    with app.app_context(), db.engine.begin() as connection:
        location = _add(connection, Location, dated, code=LOCATION, name="Local", heartbeat_at=now)
        customers = []
        for number in range(ORGANIZATIONS):
            named = dated | {"name": f"Organization {number}"}
            house = _add(connection, Organization, named)
            customers.append((house, _add(connection, Customer, named, organization_id=house)))
        monitors = [dated | row for row in _monitors(app.config["CONFIG_STORE"], customers, fleet)]
        connection.execute(insert(Monitor), monitors)
        found = connection.execute(select(Monitor.__table__))
        connection.execute(insert(MonitorSchedule), [_schedule(row, location, fleet, now) for row in found])
    with app.app_context():
        analyze(db.engine)


def _add(connection: Connection, model: Any, shared: dict[str, Any], **columns: Any) -> int:
    row = {"public_id": uuid4(), **shared, **columns}
    return int(connection.execute(insert(model).values(row).returning(model.id)).scalar_one())


def _monitors(
    store: ConfigStore, customers: Sequence[tuple[int, int]], fleet: Fleet
) -> Iterator[dict[str, Any]]:
    for number, server in enumerate(fleet.servers):
        organization, customer = customers[number % len(customers)]
        config = {"protocol": "imap", "user": f"user{number}", "password": "s3cret-pw", "tls": False}
        public_id, host = uuid4(), address(server)
        dialled, mailbox_key = store.mailbox(host, fleet.port, config)
        yield {
            "public_id": public_id,
            "organization_id": organization,
            "customer_id": customer,
            "name": f"Mailbox {number}",
            "hostname": host,
            "port": fleet.port,
            "protocol": Protocol.IMAP,
            "check_interval": fleet.interval_seconds / 60,
            "timeout_seconds": fleet.timeout_seconds,
            "status": MonitorStatus.ACTIVE,
            "mailbox_key": mailbox_key,
            "server": dialled,
            "config_encrypted": store.seal(public_id, config),
        }


def _schedule(monitor: Any, location: int, fleet: Fleet, now: datetime) -> dict[str, Any]:
    interval_ms = fleet.interval_seconds * 1000
    return {
        "monitor_id": monitor.id,
        "location_id": location,
        "organization_id": monitor.organization_id,
        "mailbox_key": monitor.mailbox_key,
        "server": monitor.server,
        "interval_ms": interval_ms,
        "offset_ms": stable_offset_ms(f"{monitor.public_id}@{LOCATION}", interval_ms),
        "timeout_ms": fleet.timeout_seconds * 1000,
        "next_check_at_ms": to_ms(now + UNTIL_BEGUN),
        "last_checked_at": now,
        "last_status": CheckStatus.SUCCESS,
    }


def begin(app: Flask, at: datetime) -> None:
    """Plan every monitor for its first place in the interval behind that time."""
    with app.app_context():
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=next_slot(to_ms(at))))
        db.session.commit()
