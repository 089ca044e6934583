"""`flask keys`: stored secrets come under a new key while people change them and schedulers check."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app.config import ROOT
from app.crypto import key_id_in, key_id_of
from app.domain.enums import Role
from app.extensions import db
from app.models import Monitor, MonitorSchedule
from app.services import channel_config
from app.services.locking import begin_writing
from app.setting_values import credentials_keys
from bench.api_fill import CONFIG, fill
from tests.calling import Caller, caller_of, monitor_path
from tests.conftest import ENVIRON
from tests.factories import IMAP_CONFIG, Factory
from tests.worker.waiting import until

OLD, NEW = ENVIRON["CREDENTIALS_KEYS"], "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="
LOST = "bG9zdGxvc3Rsb3N0bG9zdGxvc3Rsb3N0bG9zdGxvc3Q="
OLD_ID, NEW_ID, LOST_ID = (key_id_of(*credentials_keys(key)) for key in (OLD, NEW, LOST))
BOTH = f"{NEW},{OLD}"
MONITORS = 1_000

MakeApp = Callable[..., Flask]
pytestmark = pytest.mark.usefixtures("context")


def run(app: Flask, *words: str) -> Result:
    with app.app_context():
        return app.test_cli_runner().invoke(args=["keys", *words])


def ids_of_keys(column: Any) -> set[str | None]:
    db.session.rollback()
    return {key_id_in(value) for value in db.session.scalars(select(column)) if value is not None}


def row(monitor: Monitor) -> Monitor:
    db.session.rollback()
    return db.session.get_one(Monitor, monitor.id, populate_existing=True)


class TestNew:
    def test_a_new_key_is_one_that_the_setting_takes(self, app: Flask) -> None:
        first, second = (run(app, "new").output for _ in range(2))

        assert first != second
        assert len(credentials_keys(first.strip())) == 1


class TestList:
    def test_it_tells_which_keys_are_needed(self, make: Factory, make_app: MakeApp) -> None:
        for key in (OLD, OLD, LOST):
            with make_app(CREDENTIALS_KEYS=key).app_context():
                make.monitor()
        make.channel(secrets={"secret": "k"})
        make.channel()

        listed = run(make_app(CREDENTIALS_KEYS=BOTH), "list").output.splitlines()

        assert [line.split() for line in listed] == [
            ["KEY", "ID", "USE", "MONITORS", "CHANNELS"],
            [NEW_ID, "encrypts", "0", "0"],
            [OLD_ID, "decrypts", "2", "1"],
            [LOST_ID, "missing", "1", "0"],
        ]

    def test_what_is_no_encrypted_value_is_told_of(self, app: Flask, make: Factory) -> None:
        make.monitor(config_encrypted="hunter2")

        assert run(app, "list").output.splitlines()[-1].split() == ["unreadable", "missing", "1", "0"]


class TestRotate:
    def test_everything_is_under_the_first_key_then(
        self, make: Factory, make_app: MakeApp, caller: Callable[[Role], Caller]
    ) -> None:
        make.location()
        monitor, channel = make.monitor(), make.channel(secrets={"secret": "k"})
        plain = make.channel()
        seen, planned = row(monitor).updated_at, monitor.schedules[0].next_check_at_ms

        result = run(make_app(CREDENTIALS_KEYS=BOTH), "rotate")

        assert result.exit_code == 0
        said = f"Encrypted under {NEW_ID}: 1 monitors, 1 channels. Cannot be decrypted: 0."
        assert result.output.splitlines()[-1] == said
        store = make_app(CREDENTIALS_KEYS=NEW).config["CONFIG_STORE"]
        kept = row(monitor)
        assert store.read(kept) == IMAP_CONFIG
        assert (kept.updated_at, kept.schedules[0].next_check_at_ms) == (seen, planned)
        db.session.refresh(channel)
        assert channel_config.unseal(store.vault, channel) == {"secret": "k"}
        assert plain.secrets_encrypted is None

    def test_a_second_run_finds_nothing_to_do(self, make: Factory, make_app: MakeApp) -> None:
        monitor, app = make.monitor(), make_app(CREDENTIALS_KEYS=BOTH)
        run(app, "rotate")
        stored = row(monitor).config_encrypted

        assert "0 monitors, 0 channels" in run(app, "rotate").output
        assert row(monitor).config_encrypted == stored

    def test_a_dry_run_changes_nothing(self, make: Factory, make_app: MakeApp) -> None:
        monitor = make.monitor()

        output = run(make_app(CREDENTIALS_KEYS=BOTH), "rotate", "--dry-run").output

        assert output.splitlines()[-1] == f"1 rows would be encrypted under {NEW_ID}."
        assert f"{OLD_ID}  decrypts  1" in output
        assert key_id_in(row(monitor).config_encrypted) == OLD_ID

    def test_what_no_key_decrypts_is_listed_and_kept(self, make: Factory, make_app: MakeApp) -> None:
        with make_app(CREDENTIALS_KEYS=LOST).app_context():
            lost, channel = make.monitor(), make.channel(secrets={"secret": "k"})
        broken = make.monitor(config_encrypted="hunter2")
        fine = make.monitor()

        result = run(make_app(CREDENTIALS_KEYS=BOTH), "rotate")

        assert result.exit_code == 1
        for public_id in (lost.public_id, channel.public_id):
            assert f"{public_id} is kept as it is: no key {LOST_ID}" in result.output
        assert f"{broken.public_id} is kept as it is" in result.output
        assert "1 monitors, 0 channels. Cannot be decrypted: 3." in result.output
        assert [key_id_in(row(one).config_encrypted) for one in (lost, broken, fine)] == [
            LOST_ID,
            None,
            NEW_ID,
        ]

    def test_monitors_of_one_mailbox_go_on_taking_turns(self, make: Factory, make_app: MakeApp) -> None:
        make.location()
        apps = [make_app(CREDENTIALS_KEYS=keys) for keys in (OLD, BOTH, NEW)]
        keys = [app.config["CONFIG_STORE"].mailbox("mail.example.com", None, IMAP_CONFIG)[1] for app in apps]
        assert keys[0] != keys[1] == keys[2]
        for key in keys[:2]:
            make.monitor(mailbox_key=key)

        run(apps[1], "rotate")

        for column in (Monitor.mailbox_key, MonitorSchedule.mailbox_key):
            assert db.session.scalars(select(column)).all() == [keys[2]] * 2


class TestUnderLoad:
    """The rotation that is killed is one as an operator starts it, in a process of its own."""

    @pytest.fixture
    def callers(self, make_app: MakeApp) -> list[Caller]:
        """They have many monitors, and call an application with both keys."""
        app = make_app(CREDENTIALS_KEYS=BOTH)
        with make_app(CREDENTIALS_KEYS=OLD).app_context() as pushed:
            (house,) = fill(db.engine, pushed.app.config["CONFIG_STORE"], (MONITORS, 0))
        return [caller_of(app, house.session) for _ in range(2)]

    @staticmethod
    @contextmanager
    def rotating(url: str) -> Iterator["subprocess.Popen[str]"]:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "keys", "rotate"]
        settings = {**ENVIRON, "DATABASE_URL": url, "CREDENTIALS_KEYS": BOTH}
        with subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def test_nothing_is_lost_and_it_goes_on_where_it_was_killed(
        self, callers: list[Caller], database_url: str, make_app: MakeApp
    ) -> None:
        monitors = db.session.execute(select(Monitor.id, Monitor.public_id).order_by(Monitor.id)).all()
        db.session.rollback()
        ended = Event()
        with ThreadPoolExecutor(len(callers)) as pool:
            try:
                shares = [monitors[at :: len(callers)] for at in range(len(callers))]
                changing = [
                    pool.submit(self.change, *pair, ended) for pair in zip(callers, shares, strict=True)
                ]
                self.kill_midway(database_url)
                second = run(make_app(CREDENTIALS_KEYS=BOTH), "rotate")
                assert (second.exit_code, "Cannot be decrypted: 0." in second.output) == (0, True)
            finally:
                ended.set()
        written = self.written(changing)

        assert len(written) > len(callers)
        assert ids_of_keys(Monitor.config_encrypted) == {NEW_ID}
        store = make_app(CREDENTIALS_KEYS=NEW).config["CONFIG_STORE"]
        for monitor in db.session.scalars(select(Monitor)):
            password = written.get(monitor.id, CONFIG["password"])
            assert store.read(monitor) == {**CONFIG, "password": password}
            assert monitor.mailbox_key == store.mailbox(monitor.hostname, None, CONFIG)[1]

    @staticmethod
    def change(caller: Caller, monitors: Sequence[Any], ended: Event) -> dict[int, str]:
        """Write passwords, from both ends of the list, and read them back, until it is over."""
        written: dict[int, str] = {}
        number = 0
        while not ended.is_set():
            monitor = monitors[(number // 2) * (-1) ** number % len(monitors)]
            number += 1
            config = {**CONFIG, "password": f"new-{number}"}
            answer = caller.patch(monitor_path(monitor), {"imapPopConfig": config})
            assert answer.status_code == 200, answer.get_json()
            written[monitor.id] = config["password"]
            assert caller.get(monitor_path(monitor)).get_json()["config"] == config
        return written

    def kill_midway(self, url: str) -> None:
        """Let a rotation begin, hold it up, and kill it."""
        with self.rotating(url) as first:
            until(lambda: NEW_ID in ids_of_keys(Monitor.config_encrypted), seconds=30)
            begin_writing()
            db.session.execute(select(Monitor.id).order_by(Monitor.id).with_for_update())
            first.kill()
            first.wait()
            db.session.rollback()
        assert OLD_ID in ids_of_keys(Monitor.config_encrypted)

    @staticmethod
    def written(changing: list["Future[dict[int, str]]"]) -> dict[int, str]:
        return {number: text for future in changing for number, text in future.result().items()}
