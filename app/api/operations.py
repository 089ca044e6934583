"""What operators' tools ask for: is the process alive, is the service ready, how is it doing."""

import hmac

from flask import Blueprint, Response, jsonify, request

from app.api.context import now, settings
from app.errors import UnauthorizedError
from app.metrics import web
from app.metrics.exposition import CONTENT_TYPE, Read, render
from app.services import figures, operations

blp = Blueprint("operations", __name__)


@blp.get("/healthz")
def get_health() -> Response:
    """This process answers."""
    return jsonify({"status": "ok"})


@blp.get("/readyz")
def get_readiness() -> tuple[Response, int]:
    """The database answers, its tables are the code's, and a scheduler that trusts itself keeps up."""
    found = operations.readiness(now(), checks_per_host=settings().checks_per_host)
    body = {"status": "ok" if found.is_ready else "unavailable", "checks": dict(found.checks)}
    return jsonify(body), 200 if found.is_ready else 503


@blp.get("/metrics")
def get_metrics() -> Response:
    """Figures in Prometheus' text format; with METRICS_TOKEN for its bearer only."""
    token = settings().metrics_token
    given = request.headers.get("Authorization", "")
    if token and not hmac.compare_digest(given.encode("latin-1"), f"Bearer {token}".encode()):
        raise UnauthorizedError
    text = render(Read(figures.read(now())), *web.collectors())
    return Response(text, content_type=CONTENT_TYPE)
