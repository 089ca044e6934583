"""`flask up`: everything that a fresh clone needs, in one foreground command."""

import shlex
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from honcho.manager import Manager

from app.cli.setup import found_first
from app.config import ROOT, Settings
from app.extensions import db
from app.services import auth

READY_SECONDS = 60
POLL_SECONDS = 0.2
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to


@click.command("up")
@with_appcontext
def up_command() -> None:
    """Migrate, make the first organization, and run web and scheduler until Ctrl-C.

    \b
    flask --app wsgi up
    """
    settings: Settings = current_app.config["SETTINGS"]
    _require_free_port(settings)
    upgrade()
    found_first()
    login = _login(settings)
    db.engine.dispose()
    manager = Manager()
    for name, command in _processes().items():
        manager.add_process(name, shlex.join(command), cwd=str(ROOT))
    stopped = Event()
    Thread(target=_announce, args=(settings, login, stopped), daemon=True).start()
    manager.loop()
    stopped.set()
    # Ended by Ctrl-C is how it is meant to end.
    sys.exit(0 if manager.returncode in {0, 130} else manager.returncode)


def _processes() -> dict[str, list[str]]:
    gunicorn = Path(sys.executable).with_name("gunicorn")
    return {"web": [str(gunicorn), "wsgi:app"], "scheduler": [sys.executable, "-m", "app.worker"]}


def _require_free_port(settings: Settings) -> None:
    """Whoever has the port would be taken for us, and its address announced with our password."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"PORT {settings.port} on HOST {settings.host} cannot be used: {error.strerror}"
            ) from None


def _login(settings: Settings) -> str:
    """How to log in: with the settings' password as long as it is the admin's."""
    if auth.find_by_password(email=settings.admin_email, password=settings.admin_password) is None:
        return "log in with your own e-mail address and password"
    return f"log in as {settings.admin_email} with the password {settings.admin_password}"


def _announce(settings: Settings, login: str, stopped: Event) -> None:
    """Say where and how to log in, once the service is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while not _is_ready(settings) and time.monotonic() < deadline:
        if stopped.wait(POLL_SECONDS):
            return
    host = WILDCARDS.get(settings.host, settings.host)
    click.echo(f"\nPillarbox is at http://{host}:{settings.port}/docs - {login}\n")


def _is_ready(settings: Settings) -> bool:
    connection = HTTPConnection(WILDCARDS.get(settings.host, settings.host), settings.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
