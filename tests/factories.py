"""Builders of rows with defaults; each commits, so that requests and other processes see the row."""

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher
from flask import current_app
from sqlalchemy import select

from app.clock import utcnow
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import (
    AlertEvent,
    AlertStatus,
    CheckStatus,
    Health,
    IncidentEventKind,
    MonitorStatus,
    Protocol,
    Role,
)
from app.extensions import db
from app.models import (
    Alert,
    ApiToken,
    CheckResult,
    Customer,
    Incident,
    IncidentEvent,
    Location,
    MaintenanceTarget,
    MaintenanceWindow,
    Monitor,
    MonitorHealth,
    NotificationChannel,
    Organization,
    Session,
    User,
    UserCustomer,
)
from app.services import channel_config, maintenance_periods, schedules
from app.services.api_tokens import PREFIX
from app.services.auth import SESSION_LIFE

PASSWORD = "correct horse battery"
# Made once and weak on purpose: hashing anew for each user would be most of the suite's time.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
HEALTH_OF_STATUS = {
    CheckStatus.SUCCESS: Health.UP,
    CheckStatus.WARNING: Health.DEGRADED,
    CheckStatus.ERROR: Health.DOWN,
}
IMAP_CONFIG = {"protocol": "imap", "user": "monitor@example.com", "password": "s3cret-pw", "tls": True}

_number = count(1)


class Factory:
    """Needs an application context. Every method takes the columns that matter as keywords."""

    def __init__(self, *, commits: bool = True) -> None:
        self._commits = commits

    @property
    def _parts(self) -> "Factory":
        """Makes what a row needs beside it, to be committed with that one."""
        return Factory(commits=False)

    def organization(self, **columns: Any) -> Organization:
        return self._add(Organization, name=f"Organization {next(_number)}", **columns)

    def customer(self, organization: Organization | None = None, **columns: Any) -> Customer:
        organization = organization or self._parts.organization()
        columns.setdefault("name", f"Customer {next(_number)}")
        return self._add(Customer, organization_id=organization.id, **columns)

    def user(
        self,
        organization: Organization | None = None,
        role: Role = Role.ADMIN,
        customers: list[Customer] | None = None,
        **columns: Any,
    ) -> User:
        organization = organization or self._parts.organization()
        columns.setdefault("email", f"user{next(_number)}@example.com")
        columns.setdefault("password_hash", PASSWORD_HASH)
        return self._add(
            User,
            organization_id=organization.id,
            role=role,
            is_restricted=customers is not None,
            customers=[UserCustomer(customer_id=customer.id) for customer in customers or []],
            **columns,
        )

    def session(self, user: User | None = None, **columns: Any) -> Session:
        now = utcnow()
        row = Session(
            id=uuid4(),
            user=user or self._parts.user(),
            refresh_token_id=uuid4(),
            created_at=now,
            expires_at=columns.pop("expires_at", now + SESSION_LIFE),
            **columns,
        )
        return self._commit(row)

    def token(
        self, organization: Organization | None = None, customer: Customer | None = None, **columns: Any
    ) -> str:
        """The text of an API token, for the organization or for that customer alone."""
        text = PREFIX + uuid4().hex
        owner = customer or organization or self._parts.organization()
        now = utcnow()
        defaults = {"name": f"Token {next(_number)}", "created_at": now, "token_hint": text[:9]}
        row = ApiToken(
            organization_id=owner.organization_id if isinstance(owner, Customer) else owner.id,
            customer_id=customer and customer.id,
            token_hash=sha256(text.encode()).hexdigest(),
            **(defaults | columns),
        )
        self._commit(row)
        return text

    def location(self, *, heartbeat_at: datetime | None = None, **columns: Any) -> Location:
        columns.setdefault("code", "local")
        return self._add(
            Location, name=columns.pop("name", "Local"), heartbeat_at=heartbeat_at or utcnow(), **columns
        )

    def monitor(
        self, customer: Customer | None = None, config: dict[str, Any] | None = None, **columns: Any
    ) -> Monitor:
        """A monitor with its schedule rows at every location there is, due at once."""
        customer = customer or self._parts.customer()
        public_id = columns.setdefault("public_id", uuid4())
        config = IMAP_CONFIG if config is None else config
        defaults = {
            "name": f"Monitor {next(_number)}",
            "hostname": "mail.example.com",
            "check_interval": 5,
            "timeout_seconds": 30,
            "status": MonitorStatus.ACTIVE,
            "protocol": Protocol(config.get("protocol", "imap")),
            # One of its own, or all monitors of a test would take turns.
            "mailbox_key": uuid4().hex,
            "config_encrypted": current_app.config["CONFIG_STORE"].seal(public_id, config),
        }
        now = utcnow()
        monitor = Monitor(
            organization_id=customer.organization_id,
            customer=customer,
            **({"created_at": now, "updated_at": now} | defaults | columns),
        )
        # In one transaction with its schedules, as the API does it: a scheduler may be looking.
        db.session.add(monitor)
        schedules.sync(monitor, now)
        return self._commit(monitor)

    def channel(
        self,
        owner: Organization | Customer | Monitor | None = None,
        type: str = "email",  # noqa: A002 - the field's name
        config: dict[str, Any] | None = None,
        secrets: dict[str, Any] | None = None,
        **columns: Any,
    ) -> NotificationChannel:
        """A channel of the organization, customer or monitor; e-mail to ops@example.com by default."""
        owner = owner or self._parts.organization()
        public_id = uuid4()
        is_organization, is_monitor = isinstance(owner, Organization), isinstance(owner, Monitor)
        vault = current_app.config["CONFIG_STORE"].vault
        defaults = {
            "public_id": public_id,
            "name": f"Channel {next(_number)}",
            "organization_id": owner.id if is_organization else owner.organization_id,
            "customer_id": None if is_organization else owner.customer_id if is_monitor else owner.id,
            "monitor_id": owner.id if is_monitor else None,
            "type": type,
            "category": CHANNEL_TYPES[type].category,
            "config": {**(config or {"email": "ops@example.com"}), **dict.fromkeys(secrets or {})},
            "secrets_encrypted": channel_config.seal(vault, public_id, secrets or {}),
        }
        return self._add(NotificationChannel, **(defaults | columns))

    def window(
        self,
        customer: Customer,
        monitors: list[Monitor] | None = None,
        now: datetime | None = None,
        **columns: Any,
    ) -> MaintenanceWindow:
        """A window made now, from then on for an hour: for these monitors, or for all of the customer."""
        now = now or utcnow()
        start = columns.setdefault("start_time", now)
        defaults = {
            "name": f"Window {next(_number)}",
            "end_time": start + timedelta(hours=1),
            "time_zone": "UTC",
            "is_recurring": "recurrence_pattern" in columns,
            "is_active": True,
            "noted_until": now,
            "created_at": now,
            "updated_at": now,
        }
        window = MaintenanceWindow(
            organization_id=customer.organization_id,
            customer_id=customer.id,
            covers_customer=monitors is None,
            targets=[MaintenanceTarget(monitor_id=monitor.id) for monitor in monitors or []],
            **(defaults | columns),
        )
        db.session.add(window)
        db.session.flush()
        maintenance_periods.settle(window, now)
        return self._commit(window)

    def result(
        self,
        monitor: Monitor,
        location: Location,
        status: CheckStatus = CheckStatus.SUCCESS,
        checked_at: datetime | None = None,
        error_message: str | None = None,
    ) -> CheckResult:
        """A stored result that is believed at once: schedule row and health say the same."""
        schedules.sync(monitor, utcnow(), is_due=False)
        row = next(row for row in monitor.schedules if row.location_id == location.id)
        row.last_checked_at = checked_at or utcnow()
        row.last_status, row.last_error_message = status, error_message
        row.health = HEALTH_OF_STATUS[status]
        db.session.merge(MonitorHealth(monitor_id=monitor.id, health=row.health, since=row.last_checked_at))
        result = CheckResult(
            monitor_id=monitor.id,
            location_id=location.id,
            checked_at=row.last_checked_at,
            status=status,
            error_message=error_message,
            timing_ms=12,
            diagnostics={"attempts": 1},
        )
        return self._commit(result)

    def incident(self, monitor: Monitor | None = None, **columns: Any) -> Incident:
        """Open since now, of a refused connection, unless the columns say otherwise."""
        monitor = monitor or self._parts.monitor()
        now = columns.setdefault("started_at", utcnow())
        defaults = {
            "location_id": db.session.scalar(select(Location.id).limit(1)) or self._parts.location().id,
            "subject": "downtime",
            "type": "connection_refused",
            "opened_at": now,
            "error_message": "The connection was refused.",
            "evidence": {},
        }
        incident = Incident(
            organization_id=monitor.organization_id, monitor_id=monitor.id, **(defaults | columns)
        )
        self._parts._commit(incident)
        opened = {"kind": IncidentEventKind.OPENED, "created_at": incident.opened_at}
        self._commit(IncidentEvent(incident_id=incident.id, text=incident.error_message, **opened))
        return incident

    def alert(self, incident: Incident, status: AlertStatus = AlertStatus.SENT, **columns: Any) -> Alert:
        """One attempt to tell of an incident, without a channel behind it."""
        now = utcnow()
        is_made = status in {AlertStatus.SENT, AlertStatus.FAILED}
        defaults = {
            "channel_type": "slack",
            "channel_name": "Ops Slack",
            "event": AlertEvent.ALERT,
            "message_id": uuid4(),
            "created_at": now,
            "due_at": now,
            "sent_at": now if is_made else None,
            "error_message": "The channel answered 500." if status is AlertStatus.FAILED else None,
        }
        row = Alert(
            incident_id=incident.id, monitor_id=incident.monitor_id, status=status, **(defaults | columns)
        )
        return self._commit(row)

    def _add(self, model: Any, **columns: Any) -> Any:
        now = utcnow()
        return self._commit(model(**({"created_at": now, "updated_at": now} | columns)))

    def _commit(self, row: Any) -> Any:
        db.session.add(row)
        if self._commits:
            db.session.commit()
        else:
            db.session.flush()
        return row
