"""Monitors added, changed and removed, one or thousands at once: in few statements, whoever asked.

What takes time, such as encryption, is done first (`draft`, `revise`), so that the transaction that writes is
short: on SQLite nobody else writes meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from app.domain.enums import AuditAction, MonitorStatus, Protocol
from app.domain.json_value import is_same
from app.errors import ConflictError, NotFoundError
from app.extensions import db
from app.models import Customer, Monitor
from app.services import audit, channels, customers, maintenance_moves, maintenance_periods, schedules
from app.services.access import Actor
from app.services.batches import batches
from app.services.locking import begin_writing
from app.services.monitor_config import ALIASES, ConfigStore, chosen_config, require_secrets_again

CHANGED_MEANWHILE = "Monitors were changed meanwhile"
RECHECKED = frozenset(
    {
        "hostname",
        "port",
        "check_interval",
        "timeout_seconds",
        "status",
        "allowed_check_country_codes",
        "config_encrypted",
        "customer_id",
    }
)
"""Columns whose change makes a monitor due at once."""
NAMES_MAILBOX = frozenset({"hostname", "port", "config_encrypted"})
"""Columns that say which mailbox it is."""

_NOT_TOLD = {"config_encrypted", "protocol"}
"""Columns that say again what the config says."""


@dataclass(frozen=True)
class Draft:
    """A monitor that is to be added."""

    monitor: Monitor
    config: Mapping[str, Any]
    changes: audit.Changes


@dataclass(frozen=True)
class Revision:
    """What is to become of a monitor: only what differs."""

    monitor: Monitor
    before: Mapping[str, Any]
    values: Mapping[str, Any]
    """Columns as they are and as they will be."""
    stored: Mapping[str, Any] | None
    """The config as it is; None: it cannot be decrypted."""
    wanted: Mapping[str, Any] | None
    """The config as it will be; None: as it is."""
    mailbox: tuple[str, str] | None
    """Server and key of the mailbox, where they may be others."""

    @property
    def is_rechecked(self) -> bool:
        return not RECHECKED.isdisjoint(self.values)

    def columns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after, without what the config says."""
        names = [name for name in self.before if name not in _NOT_TOLD]
        return {name: self.before[name] for name in names}, {name: self.values[name] for name in names}


def draft(
    store: ConfigStore, customer: Customer, *, now: datetime, public_id: UUID | None = None, **fields: Any
) -> Draft:
    """`fields` are columns, and the config under either of its names. Raises InvalidError."""
    config = chosen_config(fields, {}) or {}
    public_id = public_id or uuid4()
    server, mailbox_key = store.mailbox(fields["hostname"], fields.get("port"), config)
    monitor = Monitor(
        public_id=public_id,
        organization_id=customer.organization_id,
        customer_id=customer.id,
        customer=customer,
        protocol=_protocol(config),
        server=server,
        mailbox_key=mailbox_key,
        config_encrypted=store.seal(public_id, config),
        schedules=[],
        created_at=now,
        updated_at=now,
        **_columns(fields),
    )
    changes = audit.changes_of({}, {"customer_id": customer.id, **_columns(fields)})
    return Draft(monitor, config, changes | audit.config_changes_of({}, config))


def add(actor: Actor, drafts: Sequence[Draft], *, now: datetime, is_spread: bool = False) -> None:
    """Store them, to be checked at once, or with `is_spread` each at its own slot within one interval."""
    monitors = [one.monitor for one in drafts]
    db.session.add_all(monitors)
    _flush()  # the ids, which are part of the answers
    for monitor in monitors:
        maintenance_periods.status_changed(monitor, MonitorStatus.ACTIVE, now)
    schedules.sync_many(monitors, now, is_spread=is_spread)
    noted = [(one.monitor, one.changes) for one in drafts]
    audit.record_many(actor, AuditAction.MONITOR_CREATE, noted, now=now)


def revise(store: ConfigStore, monitor: Monitor, fields: Mapping[str, Any]) -> Revision:
    """What the fields change, columns and the config under either of its names. Raises InvalidError."""
    stored = store.read(monitor)
    wanted = _wanted_config(store, monitor, fields, stored)
    values = _columns(fields)
    if wanted is not None:
        sealed = store.seal(monitor.public_id, wanted)
        values |= {"config_encrypted": sealed, "protocol": _protocol(wanted)}
    values = {name: value for name, value in values.items() if getattr(monitor, name) != value}
    before = {name: getattr(monitor, name) for name in values}
    mailbox = None
    if not NAMES_MAILBOX.isdisjoint(values):
        place = _place(monitor) | {name: values[name] for name in ("hostname", "port") if name in values}
        config = (stored if wanted is None else wanted) or {}
        mailbox = store.mailbox(place["hostname"], place["port"], config)
    return Revision(monitor, before, values, stored, wanted, mailbox)


def write(actor: Actor, revisions: Sequence[Revision], *, now: datetime) -> None:
    """Change monitors, which are held; those that are to be checked differently are due at once.

    A monitor's new customer is held too, and so are the windows that concern it (maintenance_moves).
    """
    changing = [one for one in revisions if one.values]
    for one in changing:
        _set(one, now)
    if not changing:
        return
    _flush()  # the new customer's countries count
    for one in changing:
        if "customer_id" in one.values:
            db.session.expire(one.monitor, ["customer"])
    noted = [(one.monitor, _changes(one)) for one in changing]
    audit.record_many(actor, AuditAction.MONITOR_UPDATE, noted, now=now)
    for one in changing:
        _follow(actor, one, now)
    schedules.sync_many([one.monitor for one in changing if one.is_rechecked], now)


def remove(actor: Actor, monitors: Sequence[Monitor], *, now: datetime) -> None:
    """Remove monitors, which are held for it, with their schedules, results, channels and windows."""
    channels.tell_removal(actor, monitors, now)
    maintenance_moves.tell_removals(actor, monitors, now)
    for monitor in monitors:
        db.session.delete(monitor)
    audit.record_many(actor, AuditAction.MONITOR_DELETE, [(one, {}) for one in monitors], now=now)


def hold(ids: Sequence[int], *, for_removal: bool) -> list[Monitor]:
    """Those monitors, in one order, with all that a change looks at, until the transaction ends."""
    begin_writing()
    held: list[Monitor] = []
    for some in batches(sorted(ids)):
        query = (
            select(Monitor)
            .where(Monitor.id.in_(some))
            .options(selectinload(Monitor.schedules), selectinload(Monitor.customer))
            .order_by(Monitor.id)
            .with_for_update(key_share=not for_removal, of=Monitor)
            .execution_options(populate_existing=True)
        )
        held += db.session.scalars(query)
    return held


def _set(revision: Revision, now: datetime) -> None:
    monitor = revision.monitor
    for name, value in revision.values.items():
        setattr(monitor, name, value)
    if revision.mailbox is not None:
        monitor.server, monitor.mailbox_key = revision.mailbox
    monitor.updated_at = now


def _follow(actor: Actor, revision: Revision, now: datetime) -> None:
    """What goes with a change of customer or status."""
    monitor, before = revision.monitor, revision.before
    if "customer_id" in before:
        channels.follow_monitor(actor, monitor, now)
        maintenance_moves.follow_monitor(actor, monitor, before["customer_id"], now)
    if "status" in before:
        maintenance_periods.status_changed(monitor, before["status"], now)


def _changes(revision: Revision) -> audit.Changes:
    """For the audit trail: columns as they were and are, and the config key by key."""
    columns = audit.changes_of(*revision.columns())
    if revision.wanted is None:
        return columns
    return columns | audit.config_changes_of(revision.stored or {}, revision.wanted)


def _wanted_config(
    store: ConfigStore, monitor: Monitor, fields: Mapping[str, Any], stored: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The config that is to replace the stored one; None when that is kept."""
    before = stored or {}
    wanted = chosen_config(fields, before)
    if store.mask_all:
        is_moved = any(fields.get(name, now) != now for name, now in _place(monitor).items())
        require_secrets_again(fields, stored, before if wanted is None else wanted, is_moved=is_moved)
    # What cannot be decrypted is kept until something replaces it: the missing key may come back.
    return None if wanted is None or is_same(wanted, before) else wanted


def _place(monitor: Monitor) -> dict[str, Any]:
    return {"hostname": monitor.hostname, "port": monitor.port}


def _flush() -> None:
    """Raises NotFoundError for a customer that was there when it was looked for and is not any more.

    And ConflictError for a public id that somebody has got meanwhile.
    """
    try:
        db.session.flush()
    except IntegrityError as error:
        # Both databases name the column of a unique key, alone or within the name of its index.
        if "public_id" in str(error.orig):
            raise ConflictError(CHANGED_MEANWHILE) from None
        raise NotFoundError(customers.CUSTOMER_NOT_FOUND) from None


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ALIASES}


def _protocol(config: Mapping[str, Any]) -> Protocol:
    return Protocol(config.get("protocol") or Protocol.IMAP)
