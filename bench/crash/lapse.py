"""Time lapse: triggers in the database divide intervals and leases, so that a run need not take hours.

The API allows no interval below half a minute, and a lease is 15 s longer than its check's timeout. The rows
of the schedule say less than that here; the product itself is as it is.
"""

from sqlalchemy import Engine

from app.services.schedules import LEASE_MARGIN_MS

INTERVAL_FACTOR, LEASE_FACTOR = 20, 4
SHORTEST_MS = 30_000
"""The shortest interval of the API: below it are those that were divided. Callers have none of 10 minutes."""

NUMBERS = {
    "interval": INTERVAL_FACTOR,
    "lease": LEASE_FACTOR,
    "margin": LEASE_MARGIN_MS,
    "shortest": SHORTEST_MS,
}
# The claim adds the margin to the timeout: (margin + timeout) / factor has to come out. So what was divided
# is negative, and a row that is written again may carry one new value and one that was divided before.
SQLITE = [
    """CREATE TRIGGER lapse AFTER UPDATE OF interval_ms, timeout_ms ON monitor_schedules
    WHEN NEW.interval_ms >= {shortest} OR NEW.timeout_ms > 0 BEGIN UPDATE monitor_schedules SET
    interval_ms = iif(NEW.interval_ms >= {shortest}, NEW.interval_ms / {interval}, NEW.interval_ms),
    timeout_ms = iif(NEW.timeout_ms > 0, (NEW.timeout_ms + {margin}) / {lease} - {margin}, NEW.timeout_ms)
    WHERE id = NEW.id; END""",
    """CREATE TRIGGER lapse_of_new AFTER INSERT ON monitor_schedules
    BEGIN UPDATE monitor_schedules SET interval_ms = interval_ms WHERE id = NEW.id; END""",
]
POSTGRESQL = [
    """CREATE FUNCTION lapse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.interval_ms >= {shortest} THEN NEW.interval_ms := NEW.interval_ms / {interval}; END IF;
    IF NEW.timeout_ms > 0 THEN NEW.timeout_ms := (NEW.timeout_ms + {margin}) / {lease} - {margin}; END IF;
    RETURN NEW; END $$""",
    """CREATE TRIGGER lapse BEFORE INSERT OR UPDATE ON monitor_schedules
    FOR EACH ROW EXECUTE FUNCTION lapse()""",
]


def lease_seconds(timeout_seconds: int) -> float:
    return (LEASE_MARGIN_MS / 1000 + timeout_seconds) / LEASE_FACTOR


def install(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL:
            connection.exec_driver_sql(statement.format(**NUMBERS))
