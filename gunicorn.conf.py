"""How the web process runs; host, port and number of processes are settings (see README)."""

import atexit
import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from app.config import ROOT, environment, load_settings
from app.errors import SettingError
from app.gunicorn_log import in_format

try:
    _settings = load_settings(environment(), ROOT / "instance")
except SettingError as error:
    sys.exit(f"Pillarbox does not start: {error}")

# What the web processes count, in files that they share. prometheus_client looks at the variable when it is
# imported, which nothing above does. A reload reads this file again and an upgrade inherits the variable, so
# the name says whose it is.
_files = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
if not _files.name.startswith(f"pillarbox-web-{os.getpid()}-"):
    _files = Path(mkdtemp(prefix=f"pillarbox-web-{os.getpid()}-"))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_files)

wsgi_app = "wsgi:app"
bind = (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
workers = _settings.web_concurrency
# Threads, which callers cannot keep by sending or reading slowly.
worker_class = "app.web.Worker"
threads = 8
logger_class = in_format(_settings.log_format)
# A worker's heartbeat, not a limit for requests: a test of a mailbox may take a minute.
timeout = 120
graceful_timeout = 65
# It would be opened below the home directory, which a service's user may not have.
control_socket_disable = True
# TRUSTED_PROXIES says whose word counts; gunicorn would believe anybody on this host.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""


def on_starting(server: Any) -> None:
    if workers > 1 and _settings.redis_url is None:
        server.log.warning(
            "WEB_CONCURRENCY is %s and REDIS_URL is not set: each process counts rate limits for itself",
            workers,
        )


def child_exit(_server: Any, worker: Any) -> None:
    """What a process that ended has counted stays counted."""
    from app.metrics import web  # noqa: PLC0415 - see the variable above

    web.take_over(_files, worker.pid)


def _clear(process: int) -> None:
    # Workers are forks, and end by this too.
    if os.getpid() == process:
        shutil.rmtree(_files, ignore_errors=True)


atexit.register(_clear, os.getpid())
