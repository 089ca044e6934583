"""A real scheduler that looks at its references and itself more often than otherwise, and its servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.models import Location
from tests.parts.http_receiver import HttpReceiver
from tests.parts.reference import ReferenceTarget
from tests.parts.smtp_sink import SmtpSink
from tests.worker.command import ForkedScheduler, Run, starting

KEY = "s3cret-key"
OPERATOR = "on-call@example.com"
HURRIED = """
from dataclasses import replace
from app.worker import scheduler

OFTEN = {"look_at_references", "ping", "tell_operator"}
scheduler.JOBS = tuple(
    replace(job, seconds=0.2) if job.name in OFTEN else job for job in scheduler.JOBS
)

from app.worker.__main__ import main

main()
"""


class HurriedScheduler(ForkedScheduler):
    arguments = ("-c", HURRIED)


@pytest.fixture
def run(app: Flask, database_url: str, tmp_path: Path, receiver: HttpReceiver) -> Iterator[Run]:
    """Starts a hurried scheduler that pings the receiver."""
    settings = {"DATABASE_URL": database_url, "HEARTBEAT_URL": f"{receiver.url}/{KEY}"}
    with starting(HurriedScheduler, tmp_path) as build:
        yield lambda **environ: build(**{**settings, **environ}).ready()


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def target() -> Iterator[ReferenceTarget]:
    with ReferenceTarget() as target:
        yield target


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def mailing(sink: SmtpSink) -> dict[str, str]:
    """The settings of whoever sends mail."""
    return {"SMTP_URL": sink.url, "MAIL_FROM": "pillarbox@example.com"}


def is_suspect() -> bool:
    """Whether the one location suspects itself."""
    db.session.rollback()
    return db.session.scalars(select(Location.suspect_since)).one() is not None
