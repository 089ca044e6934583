"""Fills a database in bulk: an organization that is asked about, and one of all other monitors."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, literal, select, text

from app.clock import to_ms
from app.domain.enums import ActorKind, MonitorStatus, Protocol, Role
from app.extensions import db
from app.models import (
    AuditEntry,
    Customer,
    Location,
    Monitor,
    MonitorSchedule,
    Organization,
    Session,
    User,
)
from app.services import partitions
from app.services.auth import SESSION_LIFE
from app.services.monitor_config import ConfigStore

PER_CUSTOMER = 25
"""Monitors; and each customer comes with a user and an entry in the audit trail for each of its monitors."""

AT_ONCE = 5_000
"""Rows."""

CONFIG = {"protocol": "imap", "user": "monitor@example.com", "password": "s3cret-pw", "tls": True}
DIAGNOSTICS = {
    "phase": "logout",
    "address": "192.0.2.10",
    "timings": {"dns": 3, "connect": 11, "tls": 24, "greeting": 12, "login": 31, "mailbox": 9, "logout": 6},
    "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "verified": True},
    "server": {"greeting": "Dovecot ready.", "capabilities": ["IMAP4rev1", "SASL-IR", "IDLE", "ID"]},
    "mailbox": {"name": "INBOX", "messages": 12},
    "attempts": 1,
}
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett")

HISTORY = """
INSERT INTO check_results (public_id, monitor_id, location_id, checked_at, status, timing_ms, diagnostics)
SELECT {uuid}, id, :location, {instant}, 'success', 90 + id % 40, :diagnostics
FROM monitors, {series} WHERE organization_id = :organization
"""
"""Results of a monitor, `step` seconds apart, the latest of them now."""
IN_SQL = {
    "sqlite": {
        "uuid": "lower(hex(randomblob(16)))",
        "instant": "strftime('%Y-%m-%d %H:%M:%f000', 'now', (-at * :step) || ' seconds')",
        "series": "(WITH RECURSIVE n(at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM n WHERE at < :last)"
        " SELECT at FROM n)",
    },
    "postgresql": {
        "uuid": "gen_random_uuid()",
        "instant": "now() - make_interval(secs => at * :step)",
        "series": "generate_series(0, :last) AS n(at)",
    },
}


@dataclass(frozen=True)
class House:
    """An organization with a session of its admin."""

    id: int
    session: Session


def fill(engine: Engine, store: ConfigStore, *sizes: tuple[int, int], days: int = 30) -> list[House]:
    """An organization for each of `sizes`: monitors, and results of each at equal distances over the days."""
    houses = []
    with engine.begin() as connection:
        beats = {"heartbeat_at": datetime.now(UTC) + timedelta(days=1)}
        location = _add(connection, Location, code="local", name="Local", **beats)
        for monitors, results in sizes:
            house = _add_house(connection)
            _add_monitors(connection, store, house.id, monitors, location)
            if monitors and results:
                _add_history(connection, house.id, location, results, days)
            houses.append(house)
    return houses


def lay_out_by_day() -> None:
    """As a scheduler does: on PostgreSQL each day of results gets a table. Needs an application context."""
    if partitions.is_used():
        while partitions.make_day(datetime.now(UTC)) is not None:
            db.session.commit()
        db.session.commit()


def analyze(engine: Engine) -> None:
    """Let the database know what it holds, as its own maintenance would do in time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    # SQLite reads its statistics when a connection is opened, and goes on with those.
    engine.dispose()


def _add(connection: Connection, model: Any, **columns: Any) -> int:
    now = datetime.now(UTC)
    dated = {"public_id": uuid4(), "created_at": now, "updated_at": now, **columns}
    return int(connection.execute(insert(model).values(dated).returning(model.id)).scalar_one())


def _add_house(connection: Connection) -> House:
    organization = _add(connection, Organization, name="Organization")
    user = _user(organization, f"admin{organization}@example.com")
    user["id"] = _add(connection, User, **user)
    now = datetime.now(UTC)
    life = {"created_at": now, "expires_at": now + SESSION_LIFE}
    session = Session(id=uuid4(), user=User(**user), refresh_token_id=uuid4(), **life)
    row = {"id": session.id, "user_id": user["id"], "refresh_token_id": session.refresh_token_id}
    connection.execute(insert(Session).values(row | life))
    return House(organization, session)


def _user(organization: int, email: str) -> dict[str, Any]:
    role = {"role": Role.ADMIN, "is_restricted": False, "is_active": True}
    return _dated() | {"organization_id": organization, "email": email, **role}


def _dated() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"public_id": uuid4(), "created_at": now, "updated_at": now}


def _add_monitors(
    connection: Connection, store: ConfigStore, organization: int, count: int, location: int
) -> None:
    customers = [
        _dated() | {"organization_id": organization, "name": f"Customer {at} {WORDS[at % 10]}"}
        for at in range(-(-count // PER_CUSTOMER))
    ]
    _insert(connection, Customer, customers)
    _insert(
        connection,
        User,
        (_user(organization, f"u{organization}.{at}@example.com") for at in range(len(customers))),
    )
    of = Customer.organization_id == organization
    ids = connection.scalars(select(Customer.id).where(of).order_by(Customer.id)).all()
    _insert(
        connection,
        Monitor,
        (_monitor(store, organization, ids[at // PER_CUSTOMER], at) for at in range(count)),
    )
    _add_schedules(connection, organization, location)
    _add_trail(connection, organization)


def _monitor(store: ConfigStore, organization: int, customer: int, at: int) -> dict[str, Any]:
    dated = _dated()
    hostname = f"mail{at % 997}.{WORDS[at // 10 % 10]}.example"
    server, mailbox_key = store.mailbox(hostname, None, CONFIG)
    return dated | {
        "organization_id": organization,
        "customer_id": customer,
        "name": f"Mailbox {at} of {WORDS[at % 10]}",
        "hostname": hostname,
        "protocol": Protocol.IMAP,
        "check_interval": 5,
        "timeout_seconds": 30,
        "status": MonitorStatus.ACTIVE,
        "server": server,
        "mailbox_key": mailbox_key,
        "config_encrypted": store.seal(dated["public_id"], CONFIG),
    }


def _add_schedules(connection: Connection, organization: int, location: int) -> None:
    """Each checked a while ago, and not due before the day is over."""
    now = datetime.now(UTC)
    row = {
        "location_id": location,
        "interval_ms": 300_000,
        "offset_ms": 0,
        "timeout_ms": 30_000,
        "next_check_at_ms": to_ms(now + timedelta(days=1)),
        "last_checked_at": now,
        "last_status": "success",
        "refusals": 0,
    }
    values = [literal(value, MonitorSchedule.__table__.c[name].type) for name, value in row.items()]
    copied = (Monitor.organization_id, Monitor.server, Monitor.mailbox_key)
    names = ["monitor_id", *(column.key for column in copied), *row]
    monitors = select(Monitor.id, *copied, *values).where(Monitor.organization_id == organization)
    connection.execute(insert(MonitorSchedule).from_select(names, monitors))


def _add_trail(connection: Connection, organization: int) -> None:
    row = {"actor_kind": ActorKind.COMMAND, "actor_name": "flask", "action": "monitor.create", "changes": {}}
    found = select(Monitor.public_id, Monitor.name, Monitor.customer_id, Monitor.created_at)
    monitors = connection.execute(found.where(Monitor.organization_id == organization)).all()
    rows = (
        row
        | {
            "public_id": uuid4(),
            "organization_id": organization,
            "customer_id": monitor.customer_id,
            "target_public_id": monitor.public_id,
            "target_name": monitor.name,
            "created_at": monitor.created_at,
        }
        for monitor in monitors
    )
    _insert(connection, AuditEntry, rows)


def _add_history(connection: Connection, organization: int, location: int, results: int, days: int) -> None:
    given = {
        "organization": organization,
        "location": location,
        "last": results - 1,
        "step": days * 86_400 // results,
        "diagnostics": json.dumps(DIAGNOSTICS),
    }
    connection.execute(text(HISTORY.format(**IN_SQL[connection.dialect.name])), given)


def _insert(connection: Connection, model: Any, rows: Iterable[dict[str, Any]]) -> None:
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        connection.execute(insert(model), some)
