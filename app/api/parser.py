"""Reads request bodies and query strings; what is wrong with them becomes one InvalidError."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from app.documents.faults import flat_faults, sentence
from app.errors import INVALID_BODY, INVALID_CUSTOMER, INVALID_HOSTNAME, INVALID_QUERY, InvalidError

UNREADABLE = "The body could not be read to its end."
NOT_JSON = "The body is not valid JSON."
MAX_BODY_BYTES = 64 * 1024


class Parser(FlaskParser):
    """JSON with 400 for every fault, and 415 instead of reading another media type as nothing."""

    DEFAULT_VALIDATION_STATUS = 400

    def load_json(self, req: Request, schema: Schema) -> Any:
        data = read_body(req, getattr(schema, "MAX_BYTES", MAX_BODY_BYTES))
        if not data and getattr(schema, "MAY_BE_LEFT_OUT", False):
            return {}
        if not is_json_request(req) and (data or req.content_type):
            raise UnsupportedMediaType("The body must be application/json.")
        return parse_json(data)

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: Any) -> NoReturn:
        location, faults = next(iter(error.messages_dict.items()))
        paths = dict(flat_faults(faults))
        if location != "json":
            raise InvalidError(INVALID_QUERY, sentence(paths), faults=paths) from None
        title, message = _headline(paths)
        raise InvalidError(title, message, faults=paths) from None


def read_body(req: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """All of the body. Raises RequestEntityTooLarge, or InvalidError for one that does not come through."""
    # One more than may come, so that a body of unknown length shows that it is too long.
    req.max_content_length = limit + 1
    try:
        data = req.get_data(cache=True)
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - a bad chunk, a caller that left: each web server has errors of its own
        raise InvalidError(INVALID_BODY, UNREADABLE) from None
    if len(data) > limit:
        # One without Content-Length was cut off there, not refused.
        raise RequestEntityTooLarge
    return data


def parse_json(data: bytes) -> Any:
    """RFC 8259 and nothing else: no NaN, no infinity, nothing nested beyond what can be read.

    Raises InvalidError.
    """
    try:
        # Decoded here, because the decoder would take UTF-16 and UTF-32 for JSON too.
        return json.loads(data.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # From None: the decoder's error carries the whole body, passwords included.
        raise InvalidError(INVALID_BODY, NOT_JSON) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _headline(paths: Mapping[str, list[str]]) -> tuple[str, str]:
    """Which fault gives the answer its text: the host name first, then the customer, then any."""
    for name, title in (("hostname", INVALID_HOSTNAME), ("customerId", INVALID_CUSTOMER)):
        if name in paths:
            return title, sentence({name: paths[name]})
    return INVALID_BODY, sentence(paths)
