"""Fills a database that `api_fill` has filled with what uptime and charts of an organization are made of."""

from typing import Any

from sqlalchemy import Engine, text

CHECKS_PER_HOUR = 12
CHANGE_HOURS = 7
"""Between two changes of what a location sees."""

ROLLUPS = """
INSERT INTO check_rollups (monitor_id, period, started_at, location_id, checks, duration_ms, dns_ms, login_ms,
 within_100_ms, within_300_ms)
SELECT id, :period, {instant}, (SELECT min(id) FROM locations), :checks, 90 * :checks, 3 * :checks,
 31 * :checks, :checks - 1, 1
FROM monitors, {series} WHERE organization_id = :organization
"""
TRANSITIONS = """
INSERT INTO health_transitions (monitor_id, location_id, started_at, health)
SELECT id, (SELECT min(id) FROM locations), {instant}, CASE WHEN at % 2 = 0 THEN 'up' ELSE 'down' END
FROM monitors, {series} WHERE organization_id = :organization
"""
IN_SQL = {
    "sqlite": {
        "hour": "strftime('%Y-%m-%d %H:00:00.000000', 'now', (-at * :step) || ' hours')",
        "day": "strftime('%Y-%m-%d 00:00:00.000000', 'now', (-at * :step) || ' hours')",
        "series": "(WITH RECURSIVE n(at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM n WHERE at < :last)"
        " SELECT at FROM n)",
    },
    "postgresql": {
        "hour": "date_trunc('hour', now()) - make_interval(hours => at * :step)",
        "day": "date_trunc('day', now(), 'UTC') - make_interval(hours => at * :step)",
        "series": "generate_series(0, :last) AS n(at)",
    },
}


def fill_figures(engine: Engine, organization: int, days: int) -> None:
    """Roll-ups by hour and day, and changes, of each of its monitors, over so many days until now."""
    words = IN_SQL[engine.dialect.name]
    with engine.begin() as connection:
        for period, step in (("hour", 1), ("day", 24)):
            given: dict[str, Any] = {"period": period, "checks": CHECKS_PER_HOUR * step, "step": step}
            given |= {"organization": organization, "last": days * 24 // step}
            sql = ROLLUPS.format(instant=words[period], series=words["series"])
            connection.execute(text(sql), given)
        given = {"organization": organization, "step": CHANGE_HOURS, "last": days * 24 // CHANGE_HOURS}
        connection.execute(text(TRANSITIONS.format(instant=words["hour"], series=words["series"])), given)
