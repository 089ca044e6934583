"""How the web process runs, and why so; host, port and number of processes are settings (docs/settings.md).

The guide to stopping, reloading and new versions is docs/deployment.md.
"""

import atexit
import contextlib
import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any


def _forget_ours() -> None:
    """Have our modules read anew. The master would keep those that it loads itself, and after a reload
    processes would run them together with newer ones.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


_forget_ours()

from app.config import ROOT, environment, load_settings  # noqa: E402 - see above
from app.errors import SettingError  # noqa: E402
from app.gunicorn_log import in_format  # noqa: E402

try:
    _settings = load_settings(environment(), ROOT / "instance")
except SettingError as error:
    sys.exit(f"Pillarbox does not start: {error}")

# What the web processes count, in files that they share. prometheus_client looks at the variable when it is
# imported, which nothing above does. A reload reads this file again and an upgrade inherits the variable, so
# the name says whose it is.
#
# In memory, where there is such a folder: writing to a mapped file on a full disk kills the process, and a
# heartbeat must not look like a hang because a disk does.
_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - made by mkdtemp and mkstemp
_files = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
if not _files.name.startswith(f"pillarbox-web-{os.getpid()}-"):
    _files = Path(mkdtemp(prefix=f"pillarbox-web-{os.getpid()}-", dir=_memory))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_files)

wsgi_app = "wsgi:app"
# Under systemd's socket unit this is not used: the port is there before us and stays when we end.
bind = (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
workers = _settings.web_concurrency
# Threads, which callers cannot keep by sending or reading slowly.
worker_class = "app.web.Worker"
# Most of a request is waiting for the database; more threads than this wait for the interpreter instead.
threads = 8
logger_class = in_format(_settings.log_format)
# Each process loads the application itself: a reload gets the code that is there then, and no connection
# to the database is shared by two of them.
preload_app = False
# A worker's heartbeat, not a limit for requests: a test of a mailbox may take a minute.
timeout = 120
# The longest request, a test of a mailbox with its 60 s, is answered before its process ends.
graceful_timeout = 65
# No longer than a stopping process goes on listening to a connection that is kept: so nobody who sends on one
# within that time is cut off. Proxies had better open a connection for each request (deploy/).
keepalive = 2
# Processes are never ended for their age (max_requests stays 0): that would cut connections off.
# A heartbeat is a file there.
worker_tmp_dir = _memory
# It would be opened below the home directory, which a service's user may not have.
control_socket_disable = True
# TRUSTED_PROXIES says whose word counts; gunicorn would believe anybody on this host.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""


_ended: set[int] = set()
"""Processes whose files are still theirs."""


def on_starting(server: Any) -> None:
    _remove_left_over()
    if workers > 1 and _settings.redis_url is None:
        server.log.warning(
            "WEB_CONCURRENCY is %s and REDIS_URL is not set: each process counts rate limits for itself",
            workers,
        )


def post_worker_init(_worker: Any) -> None:
    """What commands load only when they need it."""
    from app import notifiers  # noqa: PLC0415 - see _forget_ours

    notifiers.load_services()


def child_exit(server: Any, worker: Any) -> None:
    """What a process that ended has counted stays counted. Whatever is wrong with that, the others go on."""
    from app.metrics import shared  # noqa: PLC0415 - see the variable above

    _ended.add(worker.pid)
    try:
        shared.take_over(_files, _ended)
        _ended.clear()
    except BlockingIOError:
        pass  # somebody reads them; when the next one ends, then
    except Exception:
        server.log.exception("metrics_not_taken_over")


def _remove_left_over() -> None:
    """The folders of masters that were killed."""
    for folder in _files.parent.glob("pillarbox-web-*-*"):
        process = folder.name.split("-")[2]
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not Path("/proc", process).exists():
                shutil.rmtree(folder)


def _clear(process: int) -> None:
    # Workers are forks, and end by this too.
    if os.getpid() == process:
        shutil.rmtree(_files, ignore_errors=True)


atexit.register(_clear, os.getpid())
