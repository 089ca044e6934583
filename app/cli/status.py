"""`flask status`: what is down now, in words or as JSON, with the exit codes of monitoring plugins."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.actor import command_actor, one_line_errors, organization_option
from app.cli.parameters import Reference
from app.cli.plugin import UNKNOWN, PluginCommand
from app.cli.table import table
from app.clock import to_iso, utcnow
from app.config import Settings
from app.domain.enums import Health
from app.services import customers, operations, overview
from app.services.operations import Readiness
from app.services.overview import Overview, Trouble

SHOWN = 200
EVERYTHING = 1_000_000
HEADER = ("HEALTH", "SINCE", "NAME", "MAILBOX", "CUSTOMER", "WHY", "NOTE")
OK, DEGRADED, DOWN = 0, 1, 2
COUNTED = (Health.UP, Health.DEGRADED, Health.DOWN, Health.NO_DATA, Health.PENDING)


@click.command("status", cls=PluginCommand)
@organization_option
@click.option("--all", "is_all", is_flag=True, help="Of every organization.")
@click.option("--customer", type=Reference(), help="Of this customer (number or UUID) alone.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with every monitor in trouble.")
@click.pass_context
@with_appcontext
def status_command(
    ctx: click.Context,
    /,
    *,
    organization: int | None,
    is_all: bool,
    customer: int | UUID | None,
    as_json: bool,
) -> None:
    """List what is down, degraded or without data, and say whether Pillarbox is well.

    Ends with 0 when all is well, 1 when some are degraded, 2 when some are down, and 3 when that is not
    known: no data, no scheduler, no database. What is in maintenance does not count for that.

    \b
    Examples:
      flask --app wsgi status
      flask --app wsgi status --all --json
      flask --app wsgi status --organization 2 --customer 10
    """
    if is_all and (organization or customer):
        raise click.UsageError("--all excludes --organization and --customer.")
    settings: Settings = current_app.config["SETTINGS"]
    now = utcnow()
    readiness = operations.readiness(now, checks_per_host=settings.checks_per_host)
    if readiness.checks.get("migrations") != "ok":
        click.echo(json.dumps(_readiness_document(readiness)) if as_json else _service(readiness))
        ctx.exit(UNKNOWN)
    seen = _look(now, organization, customer, is_all=is_all, limit=EVERYTHING if as_json else SHOWN)
    click.echo(_document(seen, readiness) if as_json else "\n".join(_lines(seen, readiness)))
    ctx.exit(_exit_code(seen, readiness))


def _look(
    now: datetime, organization: int | None, customer: int | UUID | None, *, is_all: bool, limit: int
) -> Overview:
    if is_all:
        with one_line_errors():
            return overview.overview(now, limit=limit)
    actor = command_actor(organization)
    with one_line_errors():
        number = None if customer is None else customers.find(actor, customer, actor.organization_id).id
        return overview.overview(now, limit=limit, organization_id=actor.organization_id, customer_id=number)


def _exit_code(seen: Overview, readiness: Readiness) -> int:
    counted = {health: seen.counts[health] - seen.silenced[health] for health in Health}
    if not readiness.is_ready:
        return UNKNOWN
    if counted[Health.DOWN]:
        return DOWN
    if counted[Health.NO_DATA]:
        return UNKNOWN
    return DEGRADED if counted[Health.DEGRADED] else OK


def _lines(seen: Overview, readiness: Readiness) -> Iterator[str]:
    if seen.troubles:
        yield from table(HEADER, [_row(trouble) for trouble in seen.troubles])
        in_trouble = sum(seen.counts[health] for health in overview.TROUBLES)
        if in_trouble > len(seen.troubles):
            yield f"... and {in_trouble - len(seen.troubles)} more; --json has them all"
        yield ""
    counts = [f"{seen.counts[health]} {health.replace('_', ' ')}" for health in COUNTED]
    silenced = sum(seen.silenced.values())
    yield ", ".join([*counts, f"{seen.disabled} disabled"]) + (
        f"; {silenced} of them in maintenance" if silenced else ""
    )
    yield _service(readiness)


def _row(trouble: Trouble) -> tuple[Any, ...]:
    note = f"acknowledged by {trouble.acknowledged_by}" if trouble.acknowledged_by else None
    return (
        trouble.health,
        trouble.since and to_iso(trouble.since),
        trouble.name,
        trouble.server,
        trouble.customer,
        ", ".join(trouble.codes) or None,
        "in maintenance" if trouble.is_in_maintenance else note,
    )


def _service(readiness: Readiness) -> str:
    wrong = [f"{name}: {text}" for name, text in readiness.checks.items() if text != "ok"]
    return "Pillarbox itself: " + ("; ".join(wrong) or "ready")


def _readiness_document(readiness: Readiness) -> dict[str, Any]:
    return {"ready": readiness.is_ready, "checks": dict(readiness.checks)}


def _document(seen: Overview, readiness: Readiness) -> str:
    document = {
        **_readiness_document(readiness),
        "counts": {health.value: seen.counts[health] for health in COUNTED} | {"disabled": seen.disabled},
        "inMaintenance": sum(seen.silenced.values()),
        "monitors": [_trouble_document(trouble) for trouble in seen.troubles],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _trouble_document(trouble: Trouble) -> dict[str, Any]:
    return {
        "publicId": str(trouble.public_id),
        "name": trouble.name,
        "organizationId": trouble.organization_id,
        "customerName": trouble.customer,
        "server": trouble.server,
        "health": trouble.health.value,
        "since": trouble.since and to_iso(trouble.since),
        "types": list(trouble.codes),
        "acknowledgedBy": trouble.acknowledged_by,
        "inMaintenance": trouble.is_in_maintenance,
    }
