"""Swagger UI at /docs, all of its files served by us: it works without internet and under a strict CSP."""

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, redirect, send_from_directory
from werkzeug.wrappers import Response as Redirection

BUNDLE = Path(flask_swagger_ui.__file__).parent / "dist"
OWN = Path(__file__).parent

blp = Blueprint("docs", __name__)


@blp.get("/")
def lead_to_docs() -> Redirection:
    """Whoever types nothing but host and port wants this page."""
    return redirect("/docs")


@blp.get("/docs", strict_slashes=False)
def show_docs() -> Response:
    return send_from_directory(OWN, "index.html")


@blp.get("/docs/start.js")
def get_start_script() -> Response:
    return send_from_directory(OWN, "start.js")


@blp.get("/docs/bundle/<path:name>")
def get_bundle_file(name: str) -> Response:
    return send_from_directory(BUNDLE, name, max_age=86_400)
