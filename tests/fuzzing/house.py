"""The rows that generated requests are about, and callers whose tokens are alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.api.auth.tokens import access_token, refresh_token
from app.clock import utcnow
from app.domain.enums import Role
from app.extensions import db
from app.models import ApiToken, Customer, Location, Organization, User
from tests.factories import PASSWORD, Factory

# Never dialled: the application under test denies every address.
ADDRESS = "192.0.2.1"


@dataclass(frozen=True)
class Kind:
    """A kind of caller."""

    name: str
    role: Role = Role.EDITOR
    is_restricted: bool = False
    is_token: bool = False

    def __str__(self) -> str:
        return self.name


KINDS = [
    *(Kind(role.value, role) for role in Role),
    Kind("restricted editor", is_restricted=True),
    Kind("organization token", is_token=True),
    Kind("customer token", is_token=True, is_restricted=True),
]
GLOBAL_ADMIN = next(kind for kind in KINDS if kind.role is Role.GLOBAL_ADMIN)


class House:
    """An organization with one of everything, and a caller of one kind.

    Generated requests log themselves out, delete themselves and all that is there. `settle` builds the
    next house when something of the last one is gone.
    """

    def __init__(self, app: Flask, kind: Kind) -> None:
        self.app, self.kind = app, kind
        self.count = 0
        self.is_touched = True
        self._rows: list[tuple[Any, Any, dict[str, Any]]] = []
        self.token = self.refresh_token = ""
        self.paths: dict[str, Any] = {}
        """What stands in the path of an operation, by the path's beginning or by the operation's name."""
        self.fields: dict[str, Any] = {}
        """What stands in a field of a body or a query, by its name."""
        self.login: dict[str, Any] = {}

    def settle(self) -> None:
        if not self.is_touched:
            return
        with self.app.test_request_context():
            if not self._is_whole():
                self._build(Factory())
        self.is_touched = False

    def target(self, operation: str, path: str) -> str:
        """What stands in the path of that operation."""
        starts = [start for start in (operation, *self.paths) if start in self.paths]
        for start in starts:
            if start == operation or path.startswith(start):
                return str(self.paths[start])
        raise LookupError(f"tests/fuzzing/house.py has nothing for {path}: add it to paths")

    def pointed(self, values: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The same with what is there in every field that can name such."""
        known = {**self.fields, **(more or {})}
        return {key: known.get(key, value) for key, value in values.items()}

    def _is_whole(self) -> bool:
        rows = [(db.session.get(model, key), kept) for model, key, kept in self._rows]
        return bool(rows) and all(
            row is not None and all(getattr(row, name) == value for name, value in kept.items())
            for row, kept in rows
        )

    def _build(self, make: Factory) -> None:
        self.count += 1
        self._rows = []
        organization = make.organization()
        customer, empty = make.customer(organization), make.customer(organization)
        user = make.user(organization, self.kind.role, [customer, empty] if self.kind.is_restricted else None)
        # Or some of what an admin may do would fail for there being no other.
        make.user(organization, Role.ADMIN)
        spare = make.user(organization, Role.READONLY, [customer])
        self._fill(make, organization, customer, empty, spare)
        self.login = {"email": user.email, "password": PASSWORD}
        self._log_in(make, user)
        if self.kind.is_token:
            self.token = self._new_token(make, customer if self.kind.is_restricted else None, organization)[0]
        for row in (customer, empty, spare):
            self._keep(row)

    def _fill(
        self, make: Factory, organization: Organization, customer: Customer, empty: Customer, spare: User
    ) -> None:
        monitor = make.monitor(customer)
        result = make.result(monitor, self._location(make))
        incident = make.incident(monitor)
        self._keep(monitor, customer_id=customer.id)
        window = make.window(customer, [monitor])
        self._keep(window)
        self._keep(incident, ended_at=None)
        channel = make.channel(monitor)
        self._keep(channel)
        _, token = self._new_token(make, None, organization)
        _, customer_token = self._new_token(make, customer, organization)
        self.paths = {
            "/api/imap-pop-monitors/": str(monitor.public_id),
            "/api/incidents/": str(incident.public_id),
            "/api/customers/": str(customer.public_id),
            "/api/maintenance-windows/": str(window.public_id),
            "/api/notification-channels/": str(channel.public_id),
            "/api/users/": str(spare.public_id),
            "/api/organization/tokens/": str(token.public_id),
            "/api/customer/tokens/": str(customer_token.public_id),
            # The other one has monitors.
            "deleteCustomer": str(empty.public_id),
        }
        self.fields = {
            "customerId": str(customer.public_id),
            "customerIds": [str(customer.public_id)],
            "monitorId": str(monitor.public_id),
            "organizationId": organization.id,
            "before": str(result.public_id),
            "targetPublicId": str(monitor.public_id),
            "imapPopMonitorId": monitor.id,
            # In a body, of the channel that is to be tried.
            "id": channel.id,
            "targets": [{"type": "imap_pop", "id": monitor.id}],
            "hostname": ADDRESS,
            "currentPassword": PASSWORD,
        }

    def _new_token(
        self, make: Factory, customer: Customer | None, organization: Organization
    ) -> tuple[str, ApiToken]:
        text = make.token(organization, customer)
        row = db.session.scalars(select(ApiToken).order_by(ApiToken.id.desc()).limit(1)).one()
        self._keep(row)
        return text, row

    def _log_in(self, make: Factory, user: User) -> None:
        session = make.session(user)
        self.token, self.refresh_token = access_token(session), refresh_token(session)
        kept = {name: getattr(session, name) for name in ("revoked_at", "refresh_token_id", "expires_at")}
        self._keep(session, **kept)
        # Whatever is changed of the caller, the password included, changes this too.
        self._keep(user, updated_at=user.updated_at)

    def _location(self, make: Factory) -> Location:
        found = db.session.scalar(select(Location))
        return found or make.location(heartbeat_at=utcnow() + timedelta(days=1))

    def _keep(self, row: Any, **columns: Any) -> None:
        self._rows.append((type(row), row.id, columns))
