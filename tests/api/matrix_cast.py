"""The cast of the access matrix: every kind of caller, and the things that they may be after.

One house with two customers, and a foreign organization with one. What belongs to a list is kept under a
letter: `h` the house's as a whole, `c` its customer that most requests are about, `o` its other customer,
`f` the foreign organization's; `g` and `x` its users and the foreign ones with a global role.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from flask_jwt_extended import create_access_token
from sqlalchemy import select

from app.api.auth.tokens import access_token, refresh_token
from app.clock import utcnow
from app.domain.enums import ActorKind, AlertStatus, AuditAction, Role
from app.extensions import db
from app.models import (
    ApiToken,
    AuditEntry,
    Customer,
    Monitor,
    NotificationChannel,
    Organization,
    Session,
    User,
)
from app.services.api_tokens import PREFIX
from tests.factories import Factory

Rows = dict[str, list[dict[str, Any]]]
"""Table -> its rows as they are put back."""

NOBODY = (
    "anonymous",
    "malformed_header",
    "forged_token",
    "expired_token",
    "token_of_revoked_session",
    "refresh_token",
    "token_of_disabled_user",
    "unknown_api_token",
    "expired_api_token",
    "deleted_api_token",
)
"""Callers who must not be known. Behind each token is a global_admin, so that knowing one would show."""

HOUSE_ROLES = {
    "admin": Role.ADMIN,
    "editor": Role.EDITOR,
    "readonly": Role.READONLY,
    "supporter": Role.GLOBAL_SUPPORTER,
    "global_admin": Role.GLOBAL_ADMIN,
}
GLOBAL_LETTERS = {"h": "g", "f": "x"}
PLAIN_ROLES = {name: HOUSE_ROLES[name] for name in ("admin", "editor", "readonly")}


@dataclass(frozen=True)
class Member:
    """One of the cast: how to become this caller, and how the audit trail would name it."""

    organization_id: int
    kind: ActorKind
    id: int
    name: str
    authorization: Callable[[], str | None]
    """The header, made when it is needed: an access token lives a quarter of an hour."""


@dataclass
class Scenery:
    """What is on stage: the cast, the names that paths and bodies may use, and who owns what."""

    cast: dict[str, Member] = field(default_factory=dict)
    names: dict[str, str | int] = field(default_factory=dict)
    things: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)

    def own(self, kind: str, letter: str, *rows: Any) -> None:
        self.things.setdefault(kind, {}).setdefault(letter, set()).update(row.id for row in rows)


class Builder:
    """Puts up the scenery, once for each database; needs an application context."""

    def __init__(self, key: str) -> None:
        self.make = Factory()
        self.scenery = Scenery()
        self.key = key
        self.house = self.make.organization()
        self.foreign = self.make.organization()
        self.customer, self.other = (self.make.customer(self.house, name=name) for name in ("C", "O"))
        self.stranger = self.make.customer(self.foreign, name="F")

    def build(self) -> Scenery:
        self._add_things()
        self._add_targets()
        self._add_nobodies()
        self._add_people()
        self._add_programs()
        return self.scenery

    def _add_things(self) -> None:
        own, make = self.scenery.own, self.make
        # Heard of in an hour, so that it is active throughout.
        place = make.location(heartbeat_at=utcnow() + timedelta(hours=1))
        own("organizations", "h", self.house)
        own("organizations", "f", self.foreign)
        own("audit", "h", self._entry(self.house))
        own("channels", "h", self._channel("house_channel", self.house))
        for letter, customer in (("c", self.customer), ("o", self.other), ("f", self.stranger)):
            monitor = make.monitor(customer, server="mail.example.com:993")
            make.result(monitor, place)
            incident = make.incident(monitor)
            make.alert(incident, AlertStatus.PENDING)
            own("customers", letter, customer)
            own("monitors", letter, monitor)
            window = make.window(customer, start_time=utcnow() + timedelta(days=1))
            own("windows", letter, window)
            own("incidents", letter, incident)
            own("audit", letter, self._entry(customer))
            own("channels", letter, self._channel(f"{letter}_channel", customer))
            if letter == "c":
                self.scenery.names["monitor"] = str(monitor.public_id)
                self.scenery.names |= {"window": str(window.public_id), "window_id": window.id}
                self.scenery.names["monitor_id"] = monitor.id
                own("channels", letter, self._channel("channel", monitor))
                self.scenery.names["incident"] = str(incident.public_id)
                self.scenery.names["incident_id"] = incident.id

    def _add_targets(self) -> None:
        """Users and tokens that requests are about, apart from the cast."""
        targets = {
            "user": self._user("c", "target", Role.READONLY, self.house, self.customer),
            "boss": self._user("h", "boss", Role.ADMIN, self.house),
            "helper": self._user("h", "helper", Role.GLOBAL_SUPPORTER, self.house),
            "customer_token": self._token("c", "of customer", customer=self.customer)[0],
            "organization_token": self._token("h", "of house", self.house)[0],
            "customer": self.customer,
            "other_customer": self.other,
            "house": self.house,
        }
        self.scenery.names |= {name: str(row.public_id) for name, row in targets.items()}
        self.scenery.names |= {f"{name}_id": row.id for name, row in targets.items()}

    def _add_nobodies(self) -> None:
        mighty = {
            name: self._session(self._user("h", name, Role.GLOBAL_ADMIN, self.house))
            for name in ("forged_token", "expired_token", "refresh_token")
        }
        user = self._user("h", "revoked", Role.GLOBAL_ADMIN, self.house)
        mighty["token_of_revoked_session"] = self._session(user, revoked_at=utcnow())
        user = self._user("h", "disabled", Role.GLOBAL_ADMIN, self.house, is_active=False)
        mighty["token_of_disabled_user"] = self._session(user)
        expired = self._token("h", "expired", self.house, expires_at=utcnow() - timedelta(seconds=1))
        deleted, text = self._token("h", "deleted", self.house)
        self.scenery.things["tokens"]["h"].discard(deleted.id)
        db.session.delete(deleted)
        db.session.commit()
        headers: dict[str, Callable[[], str | None]] = {
            "anonymous": lambda: None,
            "malformed_header": lambda: "Bearer one two",
            "forged_token": lambda: _bearer(_forged(mighty["forged_token"], self.key)),
            "expired_token": lambda: _bearer(_expired(mighty["expired_token"])),
            "token_of_revoked_session": lambda: _bearer(access_token(mighty["token_of_revoked_session"])),
            "refresh_token": lambda: _bearer(refresh_token(mighty["refresh_token"])),
            "token_of_disabled_user": lambda: _bearer(access_token(mighty["token_of_disabled_user"])),
            "unknown_api_token": lambda: _bearer(PREFIX + 32 * "x"),
            "expired_api_token": lambda: _bearer(expired[1]),
            "deleted_api_token": lambda: _bearer(text),
        }
        for name, header in headers.items():
            self.scenery.cast[name] = Member(self.house.id, ActorKind.USER, 0, name, header)

    def _add_people(self) -> None:
        for name, role in HOUSE_ROLES.items():
            self._enter(name, self._user("h", name, role, self.house))
            self._enter(f"foreign_{name}", self._user("f", f"foreign_{name}", role, self.foreign))
        self.scenery.names["email"] = self.scenery.cast["admin"].name
        for name, role in PLAIN_ROLES.items():
            self._enter(f"own_{name}", self._user("c", f"own_{name}", role, self.house, self.customer))
            self._enter(f"other_{name}", self._user("o", f"other_{name}", role, self.house, self.other))

    def _add_programs(self) -> None:
        for name, letter, customer in (
            ("own_token", "c", self.customer),
            ("other_token", "o", self.other),
            ("foreign_own_token", "f", self.stranger),
        ):
            self._enter_program(name, self._token(letter, name, customer=customer))
        for name, letter, organization in (
            ("house_token", "h", self.house),
            ("foreign_token", "f", self.foreign),
        ):
            self._enter_program(name, self._token(letter, name, organization))

    def _enter(self, name: str, user: User) -> None:
        session = self._session(user)
        self.scenery.cast[name] = Member(
            user.organization_id,
            ActorKind.USER,
            user.id,
            user.email,
            lambda: _bearer(access_token(session)),
        )

    def _enter_program(self, name: str, token: tuple[ApiToken, str]) -> None:
        row, text = token
        self.scenery.cast[name] = Member(
            row.organization_id, ActorKind.TOKEN, row.id, row.name, lambda: _bearer(text)
        )

    def _session(self, user: User, **columns: Any) -> Session:
        return self.make.session(user, **columns)

    def _user(
        self,
        letter: str,
        name: str,
        role: Role,
        organization: Organization,
        customer: Customer | None = None,
        **columns: Any,
    ) -> User:
        customers = None if customer is None else [customer]
        email = f"{name}@matrix.example.com"
        user = self.make.user(organization, role, customers, email=email, **columns)
        is_global = role in {Role.GLOBAL_SUPPORTER, Role.GLOBAL_ADMIN}
        self.scenery.own("users", GLOBAL_LETTERS[letter] if is_global else letter, user)
        return user

    def _token(
        self,
        letter: str,
        name: str,
        organization: Organization | None = None,
        customer: Customer | None = None,
        **columns: Any,
    ) -> tuple[ApiToken, str]:
        text = self.make.token(organization, customer, name=name, **columns)
        row = db.session.scalars(select(ApiToken).where(ApiToken.name == name)).one()
        self.scenery.own("tokens", letter, row)
        if row.customer_id is not None:
            self.scenery.own("customer_tokens", letter, row)
        return row, text

    def _channel(self, name: str, owner: Organization | Customer | Monitor) -> NotificationChannel:
        """A webhook, so that its secret may be in nobody's answer."""
        config = {"url": "https://192.0.2.1/"}
        channel = self.make.channel(owner, "webhook", config, {"secret": "s3cret-key"}, name=name)
        self.scenery.names |= {name: str(channel.public_id), f"{name}_id": channel.id}
        return channel

    def _entry(self, target: Organization | Customer) -> AuditEntry:
        is_customer = isinstance(target, Customer)
        entry = AuditEntry(
            organization_id=target.organization_id if is_customer else target.id,
            customer_id=target.id if is_customer else None,
            actor_kind=ActorKind.COMMAND,
            actor_name="flask",
            action=AuditAction.CUSTOMER_UPDATE if is_customer else AuditAction.ORGANIZATION_UPDATE,
            target_public_id=target.public_id,
            target_name=target.name,
            changes={},
            created_at=utcnow(),
        )
        db.session.add(entry)
        db.session.commit()
        return entry


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _forged(session: Session, key: str) -> str:
    """What a genuine token says, signed with another key."""
    claims = jwt.decode(access_token(session), key, algorithms=["HS256"])
    return jwt.encode(claims, key[::-1])


def _expired(session: Session) -> str:
    """Signed by us, and past its time."""
    token: str = create_access_token(
        str(session.user.public_id),
        expires_delta=timedelta(seconds=-1),
        additional_claims={"sid": str(session.id)},
    )
    return token
