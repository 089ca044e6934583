"""What has to be true, and made true, before the first check."""

from pathlib import Path

from flask import Flask
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.clock import utcnow
from app.config import Settings
from app.extensions import db
from app.log import get_logger
from app.services import key_rotation, locations, migrations, partitions, schedules
from app.services.scheduler_lock import DatabaseLock
from app.worker.errors import StartError
from app.worker.outage import reason

log = get_logger(__name__)

NOT_MIGRATED = "the database {url} is not migrated; run: flask --app wsgi db upgrade"


def require_database(app: Flask) -> None:
    """Raises StartError when the database cannot be reached or lacks migrations."""
    with app.app_context():
        # Without its query, which may hold the password too.
        url = db.engine.url.set(query={}).render_as_string(hide_password=True)
        try:
            is_behind = migrations.is_behind()
        except SQLAlchemyError as error:
            raise StartError(f"cannot reach the database {url}: {reason(error)}") from None
    if is_behind:
        raise StartError(NOT_MIGRATED.format(url=url))


def lock_database(app: Flask) -> DatabaseLock | None:
    """Keep other schedulers off a SQLite file. Raises LockError when there is one."""
    with app.app_context():
        url = db.engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    lock = DatabaseLock(Path(url.database))
    lock.take()
    return lock


def tell_of_missing_keys(app: Flask) -> None:
    """Log which keys stored secrets need that are not among CREDENTIALS_KEYS.

    A file of keys that is lost is made anew in silence, and no stored password can be read from then on.
    """
    vault = app.config["CONFIG_STORE"].vault
    with app.app_context():
        for holder, rows in key_rotation.count().items():
            for key_id in sorted(rows.keys() - set(vault.key_ids)):
                log.error("credentials_key_missing", key=key_id, holder=holder.value, rows=rows[key_id])


def open_location(app: Flask) -> int:
    """Register the location and prepare its schedule. Returns its id.

    Raises StartError when the database fails.
    """
    with app.app_context():
        try:
            return _open_location(app.config["SETTINGS"])
        except IntegrityError:
            # Another scheduler of the same location was starting, and made the same rows first.
            db.session.rollback()
            return _open_location(app.config["SETTINGS"])
        except SQLAlchemyError as error:
            raise StartError(f"cannot prepare the schedule: {reason(error)}") from None


def _open_location(settings: Settings) -> int:
    now = utcnow()
    location = locations.register(
        code=settings.location_code,
        name=settings.location_name,
        country=settings.location_country,
        has_references=bool(settings.reference_targets),
        now=now,
    )
    # From here on whoever makes a monitor makes its row at this location too.
    db.session.commit()
    schedules.sync_location(location, now)
    schedules.spread_overdue(location.id, now)
    db.session.commit()
    while partitions.is_used() and partitions.make_day(now, with_past=False):
        db.session.commit()
    return location.id
