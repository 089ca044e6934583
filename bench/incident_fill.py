"""Fills a database that `api_fill` has filled with incidents of one organization, their events and alerts."""

import json
from typing import Any

from sqlalchemy import Engine, text

from bench.api_fill import DIAGNOSTICS

TYPES = ("timeout", "connection_refused", "dns_failure", "tls_failure", "temporarily_unavailable")
RARE_TYPE = "oauth_failed"
"""Of one incident in ten thousand."""

INCIDENTS = """
INSERT INTO incidents (public_id, organization_id, monitor_id, location_id, subject, type, started_at,
 ended_at, opened_at, resolved_at, error_message, evidence)
SELECT {uuid}, organization_id, monitor_id, location_id, {subject},
 CASE WHEN at % 10000 = 7777 THEN :rare ELSE {types} END,
 {started}, {ended}, {started}, {ended}, 'The server said no.', :evidence
FROM (SELECT n.at, m.id AS monitor_id, m.organization_id, (SELECT min(id) FROM locations) AS location_id
 FROM {series} JOIN monitors m ON m.id = :first + n.at % :monitors) AS x ORDER BY at
"""
"""One after the other, a second apart, in turn for each monitor; one in a thousand is open."""
EVENTS = """
INSERT INTO incident_events (incident_id, created_at, kind)
SELECT id, opened_at, 'opened' FROM incidents WHERE organization_id = :organization
"""
ALERTS = """
INSERT INTO alerts (incident_id, monitor_id, channel_type, channel_name, event, message_id, attempt, priority,
 status, created_at, due_at, sent_at)
SELECT id, monitor_id, 'slack', 'Ops', 'alert', {uuid}, 1, 1,
 CASE WHEN id % 10 = 0 THEN 'failed' ELSE 'sent' END, opened_at, opened_at, opened_at
FROM incidents WHERE organization_id = :organization
"""
IN_SQL = {
    "sqlite": {
        "uuid": "lower(hex(randomblob(16)))",
        "instant": "strftime('%Y-%m-%d %H:%M:%f000', 'now', (at - :count + {more}) || ' seconds')",
        "series": "(WITH RECURSIVE n(at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM n WHERE at < :count - 1)"
        " SELECT at FROM n) AS n",
    },
    "postgresql": {
        "uuid": "gen_random_uuid()",
        "instant": "now() + make_interval(secs => at - :count + {more})",
        "series": "generate_series(0, :count - 1) AS n(at)",
    },
}


def fill_incidents(engine: Engine, organization: int, count: int) -> None:
    """So many, of the monitors of the organization but the last tenth, which are quiet."""
    words = IN_SQL[engine.dialect.name]
    types = "CASE at % 5 " + " ".join(f"WHEN {at} THEN '{name}'" for at, name in enumerate(TYPES)) + " END"
    with engine.begin() as connection:
        of = {"organization": organization}
        first, monitors = connection.execute(
            text("SELECT min(id), count(*) FROM monitors WHERE organization_id = :organization"), of
        ).one()
        given: dict[str, Any] = {
            "first": first,
            "monitors": max(monitors * 9 // 10, 1),
            "count": count,
            "rare": RARE_TYPE,
            "evidence": json.dumps({"resultId": None, "locationCode": "local", "diagnostics": DIAGNOSTICS}),
        }
        sql = INCIDENTS.format(
            uuid=words["uuid"],
            types=types,
            # Several open ones of a monitor need different subjects.
            subject="CAST(at AS VARCHAR(32))",
            started=words["instant"].format(more=0),
            ended=f"CASE WHEN at % 1000 = 0 THEN NULL ELSE {words['instant'].format(more=150)} END",
            series=words["series"],
        )
        connection.execute(text(sql), given)
        connection.execute(text(EVENTS), of)
        connection.execute(text(ALERTS.format(uuid=words["uuid"])), of)
