"""Requests of all web processes, counted in one Redis."""

from typing import Any

from flask_limiter import Limiter
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE: dict[str, Any] = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry": Retry(NoBackoff(), retries=0),
}
"""A Redis that says nothing must not keep the web server's threads. REDIS_URL may say otherwise."""


class RedisLimiter(Limiter):
    """Falls back for each request that finds Redis away; Flask-Limiter does for the first one only.

    The others waited with it, and their errors would be answers of 500.
    """

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        try:
            self._count(callable_name, in_middleware)
        except RedisError:
            self._storage_dead = True
            self.context.seen_limits.clear()
            self._check_request_limit(callable_name, in_middleware)

    def _count(self, callable_name: str | None, in_middleware: bool) -> None:
        try:
            super()._check_request_limit(callable_name, in_middleware)
        finally:
            if self.current_limit:
                # Looked up here and kept: the headers ask for it when nobody can fall back any more.
                self.current_limit.window  # noqa: B018
