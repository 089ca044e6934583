"""Serves what the scheduler has counted at METRICS_PORT, in threads that keep no process alive."""

import hmac
import socket
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import ProcessCollector
from prometheus_client.registry import Collector

from app.config import Settings
from app.log import get_logger
from app.metrics import database
from app.metrics.exposition import CONTENT_TYPE, render
from app.metrics.scheduler import SchedulerFigures
from app.worker.errors import StartError

log = get_logger(__name__)

PATIENCE_SECONDS = 10
"""How long a caller may say nothing."""
AT_ONCE = 8
"""Callers; more are sent away unheard."""


class Exposition:
    """Listens from the beginning, so that a port that is taken is told at the start; answers once started."""

    def __init__(self, settings: Settings, figures: SchedulerFigures, port: int) -> None:
        """Raises StartError when the port cannot be used."""
        collectors = (figures.registry, database.REGISTRY, ProcessCollector(registry=None))
        try:
            self._server = _Server(settings.host, port)
        except OSError as error:
            raise StartError(
                f"METRICS_PORT {port} on HOST {settings.host} cannot be used: {error.strerror}"
            ) from None
        self._server.set_app(application(collectors, settings.metrics_token))
        self.port = self._server.server_port

    def start(self) -> None:
        serve = self._server.serve_forever
        Thread(target=serve, args=(0.1,), name="metrics", daemon=True).start()
        log.info("metrics_served", port=self.port)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def application(collectors: Iterable[Collector], token: str | None) -> Callable[..., list[bytes]]:
    """The WSGI application: `GET /metrics`, and nothing else."""
    sources = tuple(collectors)
    wanted = f"Bearer {token}".encode() if token else None

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET":
            start("404 Not Found", [])
        elif wanted and not hmac.compare_digest(given, wanted):
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
        else:
            start("200 OK", [("Content-Type", CONTENT_TYPE)])
            return [render(*sources)]
        return []

    return answer


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, *_: Any) -> None:
        """Asked for all the time: no line for each."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self._turns = BoundedSemaphore(AT_ONCE)

    def server_bind(self) -> None:
        """Without the name server, which HTTPServer would ask what this host is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Before anybody is known, so that strangers cannot use up the threads and files of the checks."""
        if self._turns.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, *_: Any) -> None:
        """A caller that went away."""
        log.debug("metrics_not_taken")
