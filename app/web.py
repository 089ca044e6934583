"""gunicorn's threaded worker, made firm against slow callers and answering its own errors as the API does.

gunicorn's master loads this module and keeps it over a reload, so it imports little of ours.
"""

import json
from functools import partial
from selectors import EVENT_READ
from ssl import SSLError
from time import monotonic
from typing import Any
from uuid import uuid4

from gunicorn import util
from gunicorn.http import errors as faults
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug import exceptions
from werkzeug.exceptions import HTTPException

from app import large_bodies
from app.headers import REQUEST_ID, SECURITY_HEADERS
from app.log import get_logger

log = get_logger(__name__)

FIRST_BYTE_SECONDS = 5.0
"""How long a new connection may say nothing. It holds no thread, but a stopping worker waits for it."""

PATIENCE_SECONDS = 10.0
"""How long a caller may keep a thread waiting: for a whole request, and for a piece of an answer to go out.

A body has 64 KiB at most (MAX_BODY_BYTES), which the slowest of lines carries within that.
Where the application lets more come (app/large_bodies.py), what comes earns more time, and never more than
this at once.
"""

LINGER_SECONDS = 1.0
"""How long a caller may take to read the last answer of a connection and to close it.

And before that, to send the rest of a body that nobody reads, so that the connection can be kept.
"""

# Of two that fit, the first one counts.
_ANSWERS: tuple[tuple[type[Exception], type[HTTPException]], ...] = (
    (faults.InvalidResponseHeader, exceptions.InternalServerError),
    (faults.InvalidResponseHeaderName, exceptions.InternalServerError),
    (faults.ConfigurationProblem, exceptions.InternalServerError),
    (faults.LimitRequestLine, exceptions.RequestURITooLarge),
    (faults.LimitRequestHeaders, exceptions.RequestHeaderFieldsTooLarge),
    (faults.ExpectationFailed, exceptions.ExpectationFailed),
    (faults.ForbiddenProxyRequest, exceptions.Forbidden),
    (faults.UnsupportedTransferCoding, exceptions.NotImplemented),
    (faults.ParseException, exceptions.BadRequest),
    (SSLError, exceptions.BadRequest),
)


class ImpatientReader(SocketUnreader):  # type: ignore[misc] # gunicorn ships no types
    """Waits for a caller no longer than its budget, however the bytes are spread over time.

    Only waiting counts, so an answer may take as long as it likes to compute.
    """

    left = PATIENCE_SECONDS
    earns = False
    """Whether what comes in brings more time."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        bound, start = self.sock.gettimeout(), monotonic()
        if self.left <= 0:
            raise _too_slow()
        try:
            self.sock.settimeout(min(bound, self.left))
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise _too_slow() from None
        finally:
            self.left -= monotonic() - start
            self.sock.settimeout(bound)
        if self.earns:
            self.left = min(self.left + len(data) / large_bodies.BYTES_PER_SECOND, PATIENCE_SECONDS)
        return data


class BodyReader:
    """Turns what is wrong with a body, such as a bad chunk, into an answer for the application to give."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._reader.read(size)
        except faults.ParseException as fault:
            raise _answer_to(fault) from None
        return data


class Connection(TConn):  # type: ignore[misc] # gunicorn ships no types
    """A caller's connection, which gets new patience with each request."""

    def init(self) -> None:
        """Called before each request, in its thread."""
        super().init()
        if type(self.parser) is RequestParser:
            if not isinstance(self.parser.unreader, ImpatientReader):
                self.parser.unreader = ImpatientReader(self.sock)
            self.parser.unreader.left = PATIENCE_SECONDS
            self.parser.unreader.earns = False
        self.sock.settimeout(PATIENCE_SECONDS)

    def be_patient(self) -> None:
        """From now on, until the next request, what comes in earns more time."""
        self.parser.unreader.earns = True

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 # gunicorn's signature
        """The polite part happened in the request's thread: here it would hold up every other caller."""
        util.close(self.sock)


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """Gives a thread to callers who have begun to talk, and for a limited time."""

    def enqueue_req(self, conn: TConn) -> None:
        """Silent connections wait where waiting is cheap; gunicorn would give each a thread at once."""
        if isinstance(conn, Connection):
            super().enqueue_req(conn)
            return
        fresh = Connection(conn.cfg, conn.sock, conn.client, conn.server)
        fresh.timeout = monotonic() + FIRST_BYTE_SECONDS
        self.pending_conns.append(fresh)
        self.poller.register(fresh.sock, EVENT_READ, partial(self.on_pending_socket_readable, fresh))

    def handle(self, conn: Connection) -> Any:
        is_kept = super().handle(conn)
        if not is_kept:
            # Lets the caller read the answer first, also where it has sent more than was read.
            util.close_graceful(conn.sock, timeout=LINGER_SECONDS)
        return is_kept

    def handle_request(self, req: Any, conn: Connection) -> bool:
        req.body.reader = BodyReader(req.body.reader)
        told = large_bodies.more_patience.set(conn.be_patient)
        try:
            is_kept: bool = super().handle_request(req, conn)
        except TimeoutError:
            log.info("answer_not_taken", address=_address(conn.client))
            return False
        finally:
            large_bodies.more_patience.reset(told)
        return is_kept

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:  # gunicorn's signature
        """The unread rest of a request keeps its thread for LINGER_SECONDS at most, not for gunicorn's 5 s.

        What is wrong with that rest must not become a second answer.
        """
        try:
            return keepalive and bool(conn.parser.finish_body(deadline=monotonic() + LINGER_SECONDS))
        except HTTPException:
            return False

    def handle_error(self, _request: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what never reached the application in the one body of contract section 1.

        The log names the fault alone: what the caller sent may be a secret in the wrong place.
        """
        answer, request_id = _answer_to(exc), uuid4().hex
        if answer.code == 500:
            answer.description = f"The log has more under the request id {request_id}."
            log.error("request_crashed", request_id=request_id, exc_info=exc)
        else:
            log.info(
                "request_refused",
                request_id=request_id,
                address=_address(addr),
                status=answer.code,
                fault=type(exc).__name__,
            )
        try:
            util.write_nonblock(client, _as_bytes(answer, request_id))
        except OSError:
            log.debug("refusal_not_taken", request_id=request_id)


def _too_slow() -> HTTPException:
    return exceptions.RequestTimeout(f"The request was not complete after {PATIENCE_SECONDS:g} s of waiting.")


def _address(addr: Any) -> str:
    """On a Unix socket callers have none."""
    return str(addr[0]) if addr else "-"


def _answer_to(fault: Exception) -> HTTPException:
    if isinstance(fault, HTTPException):
        return fault
    kinds = (answer for kind, answer in _ANSWERS if isinstance(fault, kind))
    return next(kinds, exceptions.InternalServerError)()


def _as_bytes(answer: HTTPException, request_id: str) -> bytes:
    content = {"statusCode": answer.code, "statusMessage": answer.name, "message": answer.description}
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {answer.code} {answer.name}",
        f"Date: {util.http_date()}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{REQUEST_ID}: {request_id}",
        "Cache-Control: no-store",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
    )
    return "\r\n".join((*head, "", "")).encode() + body
