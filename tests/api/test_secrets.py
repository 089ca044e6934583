"""Mailbox secrets: encrypted at rest, masked for readers, kept by the mask, and never told by accident."""

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import make_url, select, text, update

from app.crypto import DecryptionError
from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Monitor
from app.services import monitors
from tests.calling import MONITORS, Caller, assert_failure, monitor_path
from tests.conftest import ENVIRON
from tests.factories import Factory

MASK = "********"
PASSWORD = "Tr0ub4dor&3-unmistakable"
CONFIG: dict[str, Any] = {
    "protocol": "imap",
    "user": "monitor@example.com",
    "password": PASSWORD,
    "tls": True,
    "tlsOptions": {"rejectUnauthorized": True, "keyFile": "inner-secret"},
    "apiToken": "token-secret",
    "list": [{"secretAnswer": "list-secret", "plain": "shown"}, "shown too"],
    "PASSPHRASE": 12345,
    "emptyPassword": None,
    "note": "shown",
}
MASKED: dict[str, Any] = {
    **CONFIG,
    "password": MASK,
    "tlsOptions": {"rejectUnauthorized": True, "keyFile": MASK},
    "apiToken": MASK,
    "list": [{"secretAnswer": MASK, "plain": "shown"}, "shown too"],
    "PASSPHRASE": MASK,
}
NEW = {"name": "x", "hostname": "a.example"}
SECRETS = (PASSWORD, "inner-secret", "token-secret", "list-secret", "12345")
OLD_KEY, NEW_KEY = ENVIRON["CREDENTIALS_KEYS"], "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer, CONFIG, port=993)


@pytest.fixture
def masked(make_app: Callable[..., Flask], admin: Caller) -> Caller:
    """An admin of an installation that shows secrets to nobody."""
    return admin.on(make_app(MASK_SECRETS="true"))


def stored(monitor: Monitor) -> dict[str, Any]:
    """The config as a checker would get it."""
    db.session.refresh(monitor)
    return current_app.config["CONFIG_STORE"].unseal(monitor.public_id, monitor.config_encrypted)


class TestAtRest:
    def test_the_row_holds_no_secret(self, monitor: Monitor) -> None:
        row = db.session.execute(text("SELECT * FROM monitors")).mappings().one()

        assert row["config_encrypted"].startswith("v1:")
        for value in row.values():
            assert not any(secret in str(value) for secret in (PASSWORD, "monitor@example.com"))

    # PostgreSQL keeps its files to itself.
    @pytest.mark.only_on("sqlite")
    def test_the_database_file_holds_no_secret(
        self, admin: Caller, monitor: Monitor, database_url: str
    ) -> None:
        admin.patch(monitor_path(monitor), {"imapPopConfig": {**CONFIG, "password": "another-pw"}})
        path = Path(str(make_url(database_url).database))

        for file in path.parent.glob(f"{path.name}*"):
            # In a process of its own: closing the file in this one would drop SQLite's locks on it.
            content = subprocess.run(["cat", file], capture_output=True, check=True).stdout
            assert not any(secret.encode() in content for secret in (*SECRETS[:4], "another-pw"))

    def test_a_value_copied_to_another_row_does_not_decrypt(
        self, make: Factory, customer: Customer, monitor: Monitor
    ) -> None:
        other = make.monitor(customer, {})
        db.session.execute(
            update(Monitor).where(Monitor.id == other.id).values(config_encrypted=monitor.config_encrypted)
        )
        db.session.commit()

        with pytest.raises(DecryptionError):
            stored(other)

    def test_the_first_key_encrypts_and_every_key_decrypts(
        self, make_app: Callable[..., Flask], admin: Caller, monitor: Monitor
    ) -> None:
        rotating = admin.on(make_app(CREDENTIALS_KEYS=f"{NEW_KEY},{OLD_KEY}"))
        assert rotating.get(monitor_path(monitor)).get_json()["config"] == CONFIG

        rotating.patch(monitor_path(monitor), {"imapPopConfig": {"note": "new"}})

        done = admin.on(make_app(CREDENTIALS_KEYS=NEW_KEY))
        assert done.get(monitor_path(monitor)).get_json()["config"] == {"note": "new"}


class TestMasking:
    @pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.GLOBAL_ADMIN])
    def test_who_may_update_reads_secrets(
        self, caller: Callable[[Role], Caller], monitor: Monitor, role: Role
    ) -> None:
        answer = caller(role).get(monitor_path(monitor)).get_json()

        assert answer["config"] == answer["imapPopConfig"] == CONFIG

    @pytest.mark.parametrize("role", [Role.READONLY, Role.GLOBAL_SUPPORTER])
    def test_readers_see_masks_everywhere(
        self, caller: Callable[[Role], Caller], monitor: Monitor, role: Role
    ) -> None:
        reader = caller(role)
        answers = [reader.get(monitor_path(monitor)), reader.get(MONITORS)]
        if role is Role.READONLY:
            answers.append(reader.patch(monitor_path(monitor), {"status": "disabled"}))

        assert answers[0].get_json()["config"] == answers[0].get_json()["imapPopConfig"] == MASKED
        for answer in answers:
            assert not any(secret in answer.get_data(as_text=True) for secret in SECRETS)

    def test_with_mask_secrets_nobody_reads_them(self, masked: Caller, monitor: Monitor) -> None:
        assert masked.get(monitor_path(monitor)).get_json()["config"] == MASKED
        for answer in (
            masked.get(MONITORS),
            masked.patch(monitor_path(monitor), {"name": "New"}),
            masked.post(MONITORS, {**NEW, "customerId": monitor.customer_id, "config": CONFIG}),
        ):
            assert answer.status_code < 300
            assert not any(secret in answer.get_data(as_text=True) for secret in SECRETS)


class TestMaskSentBack:
    @pytest.mark.parametrize("key", ["config", "imapPopConfig"])
    def test_a_mask_keeps_each_secret(self, admin: Caller, monitor: Monitor, key: str) -> None:
        assert admin.patch(monitor_path(monitor), {key: {**MASKED, "note": "new"}}).status_code == 200

        assert stored(monitor) == {**CONFIG, "note": "new"}

    def test_what_a_masked_caller_read_can_be_sent_back_unchanged(
        self, masked: Caller, monitor: Monitor
    ) -> None:
        before = masked.get(monitor_path(monitor)).get_json()

        assert masked.patch(monitor_path(monitor), before).status_code == 200

        assert masked.get(monitor_path(monitor)).get_json() == before
        assert stored(monitor) == CONFIG

    @pytest.mark.parametrize(
        ("config", "path"),
        [
            ({"password": MASK}, "imapPopConfig.password"),
            ({"tlsOptions": {"key": MASK}}, "imapPopConfig.tlsOptions.key"),
            ({"list": [{"token": MASK}]}, "imapPopConfig.list.0.token"),
        ],
    )
    def test_a_mask_where_nothing_is_stored_is_400(
        self, admin: Caller, make: Factory, customer: Customer, config: dict[str, Any], path: str
    ) -> None:
        empty = make.monitor(customer, {})
        body = assert_failure(admin.patch(monitor_path(empty), {"imapPopConfig": config}), 400)
        assert list(body["errors"]) == [path]

        new = {**NEW, "customerId": customer.id, "imapPopConfig": config}
        assert_failure(admin.post(MONITORS, new), 400, "Invalid request body")

    def test_a_mask_moved_to_another_place_of_a_list_is_400(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        monitor = make.monitor(customer, {"list": [{"token": "a"}]})
        moved = {"list": [{"plain": 1}, {"token": MASK}]}

        assert_failure(admin.patch(monitor_path(monitor), {"config": moved}), 400)

    def test_a_mask_that_is_no_secret_is_a_text_like_any_other(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        monitor = make.monitor(customer, {})

        assert admin.patch(monitor_path(monitor), {"config": {"note": MASK}}).get_json()["config"] == {
            "note": MASK
        }


MOVES = [
    {"hostname": "evil.example"},
    {"port": 1143},
    {"port": None},
    *(
        {"imapPopConfig": {**MASKED, **change}}
        for change in (
            {"tls": False},
            {"tls": False, "startTls": True},
            {"tlsOptions": {"rejectUnauthorized": False, "keyFile": MASK}},
            {"tlsOptions": {"rejectUnauthorized": True}},
            {"tlsOptions": None},
            {"protocol": "pop3"},
        )
    ),
    {"imapPopConfig": {key: value for key, value in MASKED.items() if key != "tls"}},
]


class TestMovingASecret:
    """With MASK_SECRETS=true nobody may point a stored secret at another server."""

    @pytest.mark.parametrize("move", MOVES, ids=str)
    def test_every_way_of_moving_it_is_400(
        self, masked: Caller, monitor: Monitor, move: dict[str, Any]
    ) -> None:
        config = move.get("imapPopConfig", MASKED)
        place = {key: value for key, value in move.items() if key != "imapPopConfig"}
        attempts = [
            {**place, "imapPopConfig": config},
            {**place, "config": config},
            {**place, "config": config, "imapPopConfig": config},
            {**place, "config": config, "imapPopConfig": MASKED},
            {**place, "config": MASKED, "imapPopConfig": config},
        ]
        if place:
            attempts.append(place)

        for attempt in attempts:
            assert_failure(masked.patch(monitor_path(monitor), attempt), 400, "Invalid request body")
        assert stored(monitor) == CONFIG
        assert (monitor.hostname, monitor.port) == ("mail.example.com", 993)

    @pytest.mark.parametrize("place", [{"hostname": "new.example"}, {"port": 1143}, {}])
    def test_one_mask_among_secrets_sent_again_is_enough_to_refuse(
        self, masked: Caller, monitor: Monitor, place: dict[str, Any]
    ) -> None:
        for kept in ("password", "apiToken", "PASSPHRASE"):
            config = {**CONFIG, "tls": bool(place), kept: MASK}
            response = masked.patch(monitor_path(monitor), {**place, "config": config})
            assert_failure(response, 400)

    def test_a_new_secret_beside_a_mask_of_the_old_one_does_not_help(
        self, masked: Caller, monitor: Monitor
    ) -> None:
        attempt = {"hostname": "b.example", "config": {**CONFIG, "note": "x"}, "imapPopConfig": MASKED}

        assert_failure(masked.patch(monitor_path(monitor), attempt), 400)

    @pytest.mark.parametrize("move", MOVES, ids=str)
    def test_with_the_secrets_sent_again_it_moves(
        self, masked: Caller, monitor: Monitor, move: dict[str, Any]
    ) -> None:
        sent = move.get("imapPopConfig", {}).items()
        config = {**CONFIG, **{key: value for key, value in sent if MASK not in str(value)}}

        assert masked.patch(monitor_path(monitor), {**move, "imapPopConfig": config}).status_code == 200

    def test_giving_the_secrets_up_lets_it_move(self, masked: Caller, monitor: Monitor) -> None:
        for key in ("config", "imapPopConfig"):
            assert masked.patch(monitor_path(monitor), {"hostname": "b.example", key: {}}).status_code == 200
        assert stored(monitor) == {}

    def test_a_monitor_without_secrets_moves(self, masked: Caller, make: Factory, customer: Customer) -> None:
        monitor = make.monitor(customer, {"protocol": "imap"})

        assert masked.patch(monitor_path(monitor), {"hostname": "b.example", "port": 1}).status_code == 200

    def test_what_moves_nothing_needs_no_secret(self, masked: Caller, monitor: Monitor) -> None:
        for change in (
            {"name": "New"},
            {"hostname": "MAIL.example.com", "port": 993},
            {"checkInterval": 1, "status": "disabled"},
            {"config": {**MASKED, "user": "other@example.com", "mailbox": "Sent"}},
        ):
            assert masked.patch(monitor_path(monitor), change).status_code == 200

    def test_who_can_read_the_secret_may_move_it(self, admin: Caller, monitor: Monitor) -> None:
        assert admin.patch(monitor_path(monitor), {"hostname": "b.example", "port": 1}).status_code == 200


class TestLostKey:
    """The key of a stored config is gone, and may come back."""

    @pytest.fixture
    def without_key(self, make_app: Callable[..., Flask], admin: Caller) -> Caller:
        return admin.on(make_app(CREDENTIALS_KEYS=NEW_KEY))

    @pytest.fixture
    def masked_without_key(self, make_app: Callable[..., Flask], admin: Caller) -> Caller:
        return admin.on(make_app(CREDENTIALS_KEYS=NEW_KEY, MASK_SECRETS="true"))

    def test_the_list_still_answers(self, without_key: Caller, monitor: Monitor) -> None:
        answer = without_key.get(MONITORS)
        assert (answer.status_code, answer.get_json()["items"][0]["config"]) == (200, {})

    @pytest.mark.parametrize("body", [{"name": "x"}, {"config": {}}, {"imapPopConfig": None}])
    def test_what_is_stored_is_kept_for_the_key_s_return(
        self, without_key: Caller, admin: Caller, monitor: Monitor, body: dict[str, Any]
    ) -> None:
        assert without_key.patch(monitor_path(monitor), body).status_code == 200
        assert admin.get(monitor_path(monitor)).get_json()["config"] == CONFIG

    def test_a_new_config_heals_it(self, without_key: Caller, monitor: Monitor) -> None:
        new = {"protocol": "pop3", "user": "u", "password": "p"}
        answer = without_key.patch(monitor_path(monitor), {"imapPopConfig": new})
        assert (answer.status_code, answer.get_json()["config"]) == (200, new)

    @pytest.mark.parametrize("more", [{}, {"config": {}}, {"imapPopConfig": None}])
    def test_a_secret_that_may_be_in_it_is_not_moved(
        self, masked_without_key: Caller, monitor: Monitor, more: dict[str, Any]
    ) -> None:
        answer = masked_without_key.patch(monitor_path(monitor), {"hostname": "evil.example", **more})
        assert_failure(answer, 400, "Invalid request body")

    def test_a_config_that_replaces_it_lets_it_move(
        self, masked_without_key: Caller, monitor: Monitor
    ) -> None:
        body = {"hostname": "new.example", "imapPopConfig": {"user": "u", "password": "p"}}
        assert masked_without_key.patch(monitor_path(monitor), body).status_code == 200


class TestNothingTells:
    def test_no_log_line_holds_a_secret(
        self, admin: Caller, monitor: Monitor, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            admin.patch(monitor_path(monitor), {"config": {**CONFIG, "note": "x"}})
            admin.get(MONITORS)
            admin.patch(monitor_path(monitor), {"config": {**CONFIG, "port": "\x00"}})
            admin.post("/api/auth/login", {"email": "a@b.example", "password": PASSWORD})

        assert not any(secret in caplog.text for secret in SECRETS[:4])

    def test_a_crash_tells_no_secret(
        self,
        admin: Caller,
        monitor: Monitor,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def crash(*_: object, **kept: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(monitors, "update", crash)
        response = admin.patch(monitor_path(monitor), {"config": CONFIG})

        assert_failure(response, 500)
        for told in (response.get_data(as_text=True), caplog.text):
            assert not any(secret in told for secret in SECRETS[:4])

    @pytest.mark.parametrize(
        "change",
        [{"tls": "yes"}, {"startTls": True}, {"password": PASSWORD + "\x00"}, {"oauth2": PASSWORD},
         {"tlsOptions": {"ca": PASSWORD}}, {"user": 5}, {"protocol": PASSWORD}, {"password": [PASSWORD]}],
        ids=str,
    )  # fmt: skip
    def test_a_refusal_repeats_no_secret(
        self, admin: Caller, monitor: Monitor, change: dict[str, Any]
    ) -> None:
        response = admin.patch(monitor_path(monitor), {"config": {**CONFIG, **change}})

        assert_failure(response, 400)
        assert PASSWORD not in response.get_data(as_text=True)

    def test_a_body_that_is_no_json_is_not_repeated(
        self, admin: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = b'{"imapPopConfig": {"password": "' + PASSWORD.encode() + b'"}, }'
        response = admin.post(MONITORS, data=data, content_type="application/json")

        assert_failure(response, 400)
        assert PASSWORD not in response.get_data(as_text=True) + caplog.text

    def test_no_repr_holds_a_secret(self, app: Flask, monitor: Monitor) -> None:
        settings, store = app.config["SETTINGS"], app.config["CONFIG_STORE"]
        told = repr([settings, store, store.vault, monitor, db.session.scalars(select(Monitor)).all()])

        for value in (OLD_KEY, ENVIRON["JWT_SECRET_KEY"], ENVIRON["ADMIN_PASSWORD"], *SECRETS, "v1:"):
            assert value not in told
        assert "0123456789012345" not in told
