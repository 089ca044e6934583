"""Every failure in the one body of contract section 1, whoever raises it."""

from collections.abc import Mapping
from threading import RLock
from typing import Any

from apispec import APISpec
from flask import Flask, g, jsonify
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.wrappers import Response

from app.documents.fields import HOSTNAME_FAULT
from app.errors import RequestError, UnavailableError
from app.extensions import DATABASE_AWAY, db
from app.log import get_logger

log = get_logger(__name__)

OUTAGE_RETRY_SECONDS = 5


class ErrorSchema(Schema):
    """What every answer from status 400 up carries."""

    status_code = fields.Integer(data_key="statusCode", required=True, metadata={"examples": [400]})
    status_message = fields.String(
        data_key="statusMessage", required=True, metadata={"examples": ["Invalid hostname"]}
    )
    message = fields.String(required=True, metadata={"examples": [f"hostname {HOSTNAME_FAULT}"]})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Field path → what is wrong with it.",
            "examples": [{"hostname": [HOSTNAME_FAULT]}],
        },
    )


class Api(SmorestApi):  # type: ignore[misc] # flask-smorest ships no types
    """flask-smorest's Api with our error body; its document is made when somebody asks for it.

    Most processes are never asked, and to make it is most of what an application costs to build.
    """

    ERROR_SCHEMA = ErrorSchema

    def __init__(self, app: Flask) -> None:
        self._undescribed: list[Blueprint] = []
        # The same thread again, because flask-smorest asks for it while it is made.
        self._describing = RLock()
        super().__init__(app)

    @property
    def spec(self) -> APISpec:
        with self._describing:
            blueprints, self._undescribed = self._undescribed, []
            for blp in blueprints:
                blp.register_views_in_doc(self, self._app, self._spec, name=blp.name, parameters=None)
                self._spec.tag({"name": blp.name, "description": blp.description})
        return self._spec

    @spec.setter
    def spec(self, spec: APISpec) -> None:
        self._spec = spec

    def register_blueprint(self, blp: Blueprint) -> None:
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp)
        self._undescribed.append(blp)

    def handle_http_exception(self, error: HTTPException) -> Response:
        if isinstance(error, TooManyRequests):
            return error_response(429, error.name, f"The limit is {error.description}.")
        status = error.code or 500
        response = error_response(status, error.name, error.description)
        # A router's answer may carry headers that the method needs, such as Allow.
        for name, value in error.get_headers():
            if name.lower() not in {"content-type", "content-length"}:
                response.headers.setdefault(name, value)
        return response


def init_app(app: Flask) -> None:
    app.register_error_handler(RequestError, _handle_request_error)
    app.register_error_handler(Exception, _handle_crash)
    for outage in DATABASE_AWAY:
        app.register_error_handler(outage, _handle_outage)


def error_response(
    status: int, title: str, message: str | None, faults: Mapping[str, Any] | None = None
) -> Response:
    body: dict[str, Any] = {"statusCode": status, "statusMessage": title, "message": message or title}
    if faults:
        body["errors"] = {path: list(texts) for path, texts in faults.items()}
    response: Response = jsonify(body)
    response.status_code = status
    return response


def _handle_request_error(error: RequestError) -> Response:
    db.session.rollback()
    response = error_response(error.status, error.title, error.message, error.faults)
    g.retry_after = error.retry_after
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _handle_outage(error: Exception) -> Response:
    """One line instead of a traceback for each request, as long as the database is away."""
    log.error("database_away", error=type(error).__name__)
    away = UnavailableError(message="The database does not answer.", retry_after=OUTAGE_RETRY_SECONDS)
    return _handle_request_error(away)


def _handle_crash(error: Exception) -> Response:
    """The traceback goes to the log under the request's id; the caller gets the id alone."""
    db.session.rollback()
    log.error("request_crashed", exc_info=error)
    return error_response(
        500,
        "Internal Server Error",
        f"Something went wrong on our side. The log has more under the request id {g.get('request_id')}.",
    )
