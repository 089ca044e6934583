"""Bringing stored secrets under the first of CREDENTIALS_KEYS, and telling which keys are still needed.

A rotation goes through each table by id, in slices of a transaction each. What it has done already it
passes by, so that it can be ended anywhere and run again. A row is read, decrypted and written while it is
held: whoever changes it at the same time comes before or after.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, inspect, select, update

from app.crypto import DecryptionError, key_id_in
from app.extensions import db
from app.models import Monitor, MonitorSchedule, NotificationChannel
from app.services import channel_config
from app.services.locking import begin_writing
from app.services.monitor_config import ConfigStore

SLICE = 200
UNREADABLE = "unreadable"
"""In the place of a key's id, for what is no encrypted value."""


class Holder(StrEnum):
    """The tables that hold secrets, by the name of what is in them."""

    MONITORS = "monitors"
    CHANNELS = "channels"


COLUMNS = {
    Holder.MONITORS: Monitor.__table__.c.config_encrypted,
    Holder.CHANNELS: NotificationChannel.__table__.c.secrets_encrypted,
}


@dataclass(frozen=True)
class Slice:
    """What came of some rows. `lost` has the ids and reasons of those that no key decrypts; they are kept."""

    last_id: int
    looked_at: int
    rotated: int
    lost: Mapping[str, str] = field(default_factory=dict)


def count(connection: Connection | None = None) -> dict[Holder, Counter[str]]:
    """How many rows each key encrypts, by its id. Also in a database that lacks migrations."""
    connection = connection or db.session.connection()
    return {holder: _count(connection, holder) for holder, column in COLUMNS.items()}


def _count(connection: Connection, holder: Holder) -> Counter[str]:
    column = COLUMNS[holder]
    if not inspect(connection).has_table(column.table.name):
        return Counter()
    # As far as the id goes, so that one row for each key comes back and not all there are.
    start = func.substr(column, 1, len("v1:") + 9)
    rows = connection.execute(select(start, func.count()).where(column.is_not(None)).group_by(start))
    counted: Counter[str] = Counter()
    for text, number in rows:
        counted[key_id_in(f"{text}AA==") or UNREADABLE] += number
    return counted


def rotate_some(holder: Holder, store: ConfigStore, after: int) -> Slice | None:
    """Bring the next rows behind this id under the first key; None when there are none.

    To be called with the `last_id` of the slice before, each time in a transaction of its own.
    """
    return _ROTATIONS[holder](store, after)


def _rotate_monitors(store: ConfigStore, after: int) -> Slice | None:
    """Also the keys of mailboxes, which depend on the first key: those of one mailbox change at once.

    Or two monitors of it would not take turns.
    """
    rows = db.session.execute(_MONITORS.where(Monitor.id > after).limit(SLICE)).all()
    if not rows:
        return None
    lost: dict[str, str] = {}
    stale = [row for row in rows if _renewed_monitor(row, store, lost)]
    if not stale:
        return Slice(rows[-1].id, len(rows), 0, lost)
    begin_writing()
    mates = select(MonitorSchedule.monitor_id).where(
        MonitorSchedule.mailbox_key.in_({row.mailbox_key for row in stale})
    )
    ids = {row.id for row in stale} | set(db.session.scalars(mates))
    held = db.session.execute(_MONITORS.where(Monitor.id.in_(ids)).with_for_update(key_share=True)).all()
    renewed = [values for row in held if (values := _renewed_monitor(row, store, {}))]
    _write(Monitor, renewed)
    _write_mailbox_keys({values["id"]: values["mailbox_key"] for values in renewed})
    return Slice(rows[-1].id, len(rows), len(renewed), lost)


def _renewed_monitor(row: Any, store: ConfigStore, lost: dict[str, str]) -> dict[str, Any] | None:
    """The columns that have to change; None when none has, or when the row is noted in `lost`."""
    try:
        config = store.unseal(row.public_id, row.config_encrypted)
    except DecryptionError as error:
        lost[str(row.public_id)] = str(error)
        return None
    _, mailbox_key = store.mailbox(row.hostname, row.port, config)
    if key_id_in(row.config_encrypted) == store.vault.key_id and row.mailbox_key == mailbox_key:
        return None
    sealed = store.seal(row.public_id, config)
    return {"id": row.id, "config_encrypted": sealed, "mailbox_key": mailbox_key}


def _write_mailbox_keys(keys: Mapping[int, str]) -> None:
    schedules = select(MonitorSchedule.id, MonitorSchedule.monitor_id)
    # In the order in which those take them who write results.
    held = schedules.where(MonitorSchedule.monitor_id.in_(keys)).order_by(MonitorSchedule.id)
    rows = db.session.execute(held.with_for_update()).all()
    _write(MonitorSchedule, [{"id": row.id, "mailbox_key": keys[row.monitor_id]} for row in rows])


def _rotate_channels(store: ConfigStore, after: int) -> Slice | None:
    rows = db.session.execute(_CHANNELS.where(NotificationChannel.id > after).limit(SLICE)).all()
    if not rows:
        return None
    lost: dict[str, str] = {}
    stale = {row.id for row in rows if _renewed_channel(row, store, lost)}
    if not stale:
        return Slice(rows[-1].id, len(rows), 0, lost)
    begin_writing()
    held = _CHANNELS.where(NotificationChannel.id.in_(stale)).with_for_update(key_share=True)
    renewed = [values for row in db.session.execute(held) if (values := _renewed_channel(row, store, {}))]
    _write(NotificationChannel, renewed)
    return Slice(rows[-1].id, len(rows), len(renewed), lost)


def _renewed_channel(row: Any, store: ConfigStore, lost: dict[str, str]) -> dict[str, Any] | None:
    try:
        secrets = channel_config.unseal(store.vault, row)
    except DecryptionError as error:
        lost[str(row.public_id)] = str(error)
        return None
    if not secrets or key_id_in(row.secrets_encrypted) == store.vault.key_id:
        return None
    return {"id": row.id, "secrets_encrypted": channel_config.seal(store.vault, row.public_id, secrets)}


def _write(model: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        db.session.execute(update(model), rows)


_MONITORS = select(
    Monitor.id,
    Monitor.public_id,
    Monitor.hostname,
    Monitor.port,
    Monitor.mailbox_key,
    Monitor.config_encrypted,
).order_by(Monitor.id)
_CHANNELS = (
    select(NotificationChannel.id, NotificationChannel.public_id, NotificationChannel.secrets_encrypted)
    .where(NotificationChannel.secrets_encrypted.is_not(None))
    .order_by(NotificationChannel.id)
)
_ROTATIONS: Mapping[Holder, Callable[[ConfigStore, int], Slice | None]] = {
    Holder.MONITORS: _rotate_monitors,
    Holder.CHANNELS: _rotate_channels,
}
