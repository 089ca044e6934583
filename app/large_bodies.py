"""The one route that takes more than a small body: what the API and the web process have to know of it."""

from collections.abc import Callable
from contextvars import ContextVar

PATH = "/api/imap-pop-monitors/apply"
MAX_BYTES = 10 * 1024 * 1024

BYTES_PER_SECOND = 64 * 1024
"""The slowest line that is waited for; 10 MiB take 160 s on it."""
READERS = 2
"""In one web process, which has 8 threads: each may keep one waiting as long as that."""

more_patience: ContextVar[Callable[[], None] | None] = ContextVar("more_patience", default=None)
"""Called by the application once it has let a caller send a large body: from then on bytes earn time.

None where the web server knows no patience, as in tests.
"""
