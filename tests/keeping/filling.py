"""A database with something in every table, and what is in it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, func, select

from app.clock import utcnow
from app.domain.enums import ActorKind, AlertStatus, AuditAction, Language, TroubleKind
from app.extensions import db
from app.models import (
    Alert,
    AuditEntry,
    Base,
    CheckResult,
    CheckRollup,
    Incident,
    Location,
    Monitor,
    NotificationChannel,
    OperatorMail,
    Organization,
    User,
)
from tests.factories import Factory
from tests.incidents.watching import see

NIGHT = timedelta(hours=8)
"""So long ago was what `fill` makes."""


@dataclass(frozen=True)
class House:
    organization: Organization
    admin: User
    location: Location
    well: Monitor
    down: Monitor
    """Since the night, and told of."""
    incident: Incident
    channel: NotificationChannel


def fill(make: Factory) -> House:
    """Something in every table: an organization with two mailboxes, of which one is down since the night."""
    night = (utcnow() - NIGHT).replace(microsecond=123_456)
    organization = make.organization(language=Language.GERMAN, time_zone="Europe/Berlin")
    location = make.location(name="Nürnberg\\", heartbeat_at=night)
    customer = make.customer(organization, notification_email="customer@example.com")
    admin = make.user(organization, email="admin@example.com")
    make.session(admin)
    make.user(organization, customers=[customer])
    make.token(customer=customer)
    channel = make.channel(organization, "webhook", {"url": "https://hook.example.com"}, {"secret": "sésame"})
    well, down = make.monitor(customer, name="Well\tand\\good"), make.monitor(customer, name="Down")
    make.window(customer, [well], now=night - timedelta(days=2))
    for seconds, kinds in ((0, ("ok", "ok")), (300, ("ok", "timeout")), (360, ("ok", "timeout"))):
        for monitor, kind in zip((well, down), kinds, strict=True):
            see(monitor, location, kind, night + timedelta(seconds=seconds))
            db.session.commit()
    _add_rest(organization, location, night)
    (incident,) = db.session.scalars(select(Incident))
    assert empty_tables(db.engine) == set()
    return House(organization, admin, location, well, down, incident, channel)


def _add_rest(organization: Organization, location: Location, night: datetime) -> None:
    """What nothing of the above writes."""
    entry = {"actor_kind": ActorKind.COMMAND, "actor_name": "flask", "action": AuditAction.MONITOR_UPDATE}
    target = {"target_public_id": uuid4(), "target_name": "Down", "created_at": night}
    changes = {"name": {"before": None, "after": "Dö\u0007wn"}}
    db.session.add(AuditEntry(organization_id=organization.id, changes=changes, **entry, **target))
    mail = {"kind": TroubleKind.LATE, "mailed_at": night, "is_open": True}
    db.session.add(OperatorMail(location_id=location.id, **mail))
    db.session.commit()


def empty_tables(engine: Engine) -> set[str]:
    return {name for name, rows in rows_of(engine).items() if not rows}


def rows_of(engine: Engine) -> dict[str, "Counter[str]"]:
    """All rows of all tables as Python has them, in no order."""
    with engine.connect() as connection:
        return {
            table.name: Counter(repr(tuple(row)) for row in connection.execute(select(*_stored(table))))
            for table in Base.metadata.sorted_tables
        }


def _stored(table: Any) -> list[Any]:
    """Without what the database computes by itself."""
    return [column for column in table.c if column.computed is None]


def unsettled() -> list[Alert]:
    wanted = Alert.status.in_([AlertStatus.PENDING, AlertStatus.SENDING])
    return list(db.session.scalars(select(Alert).where(wanted).order_by(Alert.id)))


def sums_match_results() -> bool:
    """Whether each hour's sum is what the results of that hour are."""
    results = db.session.execute(
        select(CheckResult.monitor_id, func.count()).group_by(CheckResult.monitor_id)
    ).all()
    table = CheckRollup.__table__.c
    sums = db.session.execute(
        select(table.monitor_id, func.sum(table.checks))
        .where(table.period == "hour")
        .group_by(table.monitor_id)
    ).all()
    return sorted(map(tuple, results)) == sorted((one, int(count)) for one, count in sums)
