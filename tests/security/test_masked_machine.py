"""With MASK_SECRETS=true no sequence of requests moves a stored secret, nor reads it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from app.domain.enums import Role
from app.domain.oauth import oauth_from_config
from app.domain.target import target_from_config
from app.extensions import db
from app.models import AuditEntry, Customer, Monitor, Organization
from app.services import audit, monitor_changes, monitor_config
from tests.calling import MONITORS, Caller, monitor_path
from tests.factories import Factory
from tests.parts.certificates import authority
from tests.security.tricks import CONFIG, MARK, MASK, MASKED, configs, tricks

HOSTNAMES = ["mail.example.com", "MAIL.example.com", "evil.example", "127.0.0.1"]
PORTS = [None, 993, 143, 995, 110, 1143]
OAUTH = {
    "tokenUrl": "https://login.example.com/token",
    "clientId": "pillarbox",
    "clientSecret": f"{MARK} of a client",
    "refreshToken": f"{MARK} of a refresh",
}
KEPT_OAUTH = {**OAUTH, "clientSecret": MASK, "refreshToken": MASK}
EVIL_OAUTHS = [
    {**KEPT_OAUTH, "tokenUrl": "https://evil.example/token"},
    {**KEPT_OAUTH, "tokenUrl": "https://login.example.com/token?next=evil"},
    {**KEPT_OAUTH, "ca": authority().pem},
    {**KEPT_OAUTH, "preset": "google", "tokenUrl": None},
    {key: value for key, value in KEPT_OAUTH.items() if key != "tokenUrl"}
    | {"preset": "microsoft365", "tenant": "evil.example"},
]
STARTS: list[dict[str, Any]] = [
    CONFIG,
    {**CONFIG, "tls": True},
    {**CONFIG, "startTls": True},
    {**CONFIG, "protocol": "pop3", "tlsOptions": {"rejectUnauthorized": False}},
    {"user": "a", "password": CONFIG["password"]},
    {"user": "a", "authMethod": "xoauth2", "oauth2": OAUTH, "tls": True},
]

WITH_STARTTLS = [config for config in STARTS if "startTls" in config]
WITH_TOKENS = [config for config in STARTS if "oauth2" in config]

masks = st.sampled_from(
    [MASK, MASK, [MASK], {"password": MASK}, {"secret": [MASK]}, None, "mine", [{"key": MASK}]]
)
tls_options = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "rejectUnauthorized": st.booleans(),
            "servername": st.sampled_from(["evil.example", "mail.example.com"]),
            "minVersion": st.sampled_from(["TLSv1.2", "TLSv1.3"]),
            "ca": st.just(authority().pem),
            "keyFile": masks,
        },
    ),
)
keys: dict[str, st.SearchStrategy[Any]] = {
    "protocol": st.sampled_from(["imap", "pop3"]),
    "user": st.sampled_from(["a", "monitor@example.com", MASK]),
    "password": masks,
    "tls": st.booleans(),
    "startTls": st.booleans(),
    "tlsOptions": tls_options,
    "authMethod": st.sampled_from(["password", "xoauth2"]),
    "mailbox": st.sampled_from(["INBOX", MASK]),
    "backupPassword": masks,
    "accounts": st.sampled_from([MASKED["accounts"], [{"token": MASK}], [[{"token": MASK}]], MASK, [MASK]]),
    "deep": st.sampled_from([MASKED["deep"], {"er": MASK}, {"er": [{"secret": MASK}]}, MASK]),
    "secrets": masks,
    "Password": masks,
    "oauth2": st.sampled_from([None, KEPT_OAUTH, *EVIL_OAUTHS]),
}


def some_of(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A few at a time: of many wrong keys at once none gets through."""
    pairs = [st.tuples(st.just(key), strategy) for key, strategy in strategies.items()]
    return st.lists(st.one_of(pairs), min_size=1, max_size=2).map(dict)


changes = some_of(keys)
omissions = st.sets(st.sampled_from(sorted(MASKED)), min_size=1, max_size=3)
sent_configs = st.one_of(
    changes, changes.map(lambda change: {**MASKED, **change}), st.sampled_from(configs())
)
bodies = some_of(
    {
        "hostname": st.sampled_from(HOSTNAMES),
        "port": st.sampled_from(PORTS),
        "config": sent_configs,
        "imapPopConfig": sent_configs,
        "status": st.sampled_from(["active", "disabled"]),
    }
)


class Attack(RuleBasedStateMachine):
    """An admin who never learns the password, and what became of it."""

    def __init__(
        self, admin: Caller, make: Factory, customers: list[Customer], starts: list[dict[str, Any]]
    ) -> None:
        super().__init__()
        self.admin, self.make, self.customers, self.starts = admin, make, customers, starts
        self.store = admin.client.application.config["CONFIG_STORE"]

    def teardown(self) -> None:
        for monitor in self.monitors():
            db.session.delete(monitor)
        # Or what one sequence let out would be found by the next.
        db.session.execute(delete(AuditEntry))
        db.session.commit()

    @initialize(number=st.integers(0, len(STARTS) - 1), port=st.sampled_from([None, 993, 1143]))
    def store_secret(self, number: int, port: int | None) -> None:
        config = self.starts[number % len(self.starts)]
        self.monitor = self.make.monitor(self.customers[0], config, port=port)
        self.path = monitor_path(self.monitor)
        self.place = self.place_of(self.monitor, config)

    @rule(body=bodies)
    def change(self, body: dict[str, Any]) -> None:
        self.look_at(self.admin.patch(self.path, body))

    @rule(key=st.sampled_from(["config", "imapPopConfig"]), change=changes, body=st.just({}) | bodies)
    def send_back_what_was_read(self, key: str, change: dict[str, Any], body: dict[str, Any]) -> None:
        self.look_at(self.admin.patch(self.path, {**body, key: {**self.shown(), **change}}))

    @rule(key=st.sampled_from(["config", "imapPopConfig"]), oauth2=st.sampled_from(EVIL_OAUTHS))
    def have_tokens_fetched_elsewhere(self, key: str, oauth2: dict[str, Any]) -> None:
        self.look_at(self.admin.patch(self.path, {key: {**self.shown(), "oauth2": oauth2}}))

    @rule(key=st.sampled_from(["config", "imapPopConfig"]), left_out=omissions)
    def send_back_less(self, key: str, left_out: set[str]) -> None:
        rest = {name: value for name, value in self.shown().items() if name not in left_out}
        self.look_at(self.admin.patch(self.path, {key: rest}))

    @rule(customer=st.integers(0, 1), body=bodies)
    def give_to_another_customer(self, customer: int, body: dict[str, Any]) -> None:
        self.look_at(self.admin.patch(self.path, {**body, "customerId": self.customers[customer].id}))

    @rule(body=bodies)
    def create(self, body: dict[str, Any]) -> None:
        self.look_at(self.admin.post(MONITORS, self.complete(body)))

    @rule(body=bodies)
    def test_without_saving(self, body: dict[str, Any]) -> None:
        # That address is never dialled.
        self.look_at(self.admin.post(f"{MONITORS}/test", self.complete(body) | {"hostname": "127.0.0.1"}))

    @rule(body=bodies)
    def delete_and_create_again(self, body: dict[str, Any]) -> None:
        if len(self.monitors()) > 1:
            self.look_at(self.admin.delete(self.path))
            self.look_at(self.admin.post(MONITORS, self.complete(body)))
            self.path = monitor_path(self.monitors()[-1])

    @rule()
    def read(self) -> None:
        for page in (MONITORS, "/api/audit-log"):
            self.look_at(self.admin.get(page))

    @invariant()
    def secrets_stay_where_they_were(self) -> None:
        for monitor in self.monitors():
            config = self.store.read(monitor)
            if MARK in json.dumps(config):
                assert self.place_of(monitor, config) == self.place

    def shown(self) -> dict[str, Any]:
        answer = self.admin.get(self.path)
        self.look_at(answer)
        config: dict[str, Any] = answer.get_json()["config"]
        return config

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"name": "x", "hostname": "evil.example", "customerId": self.customers[0].id, **body}

    def look_at(self, answer: TestResponse) -> None:
        assert answer.status_code < 500
        assert MARK.lower() not in answer.get_data(as_text=True).lower()
        assert MARK.lower() not in str(answer.headers).lower()

    @staticmethod
    def monitors() -> list[Monitor]:
        db.session.rollback()
        return list(db.session.scalars(select(Monitor).execution_options(populate_existing=True)))

    @staticmethod
    def place_of(monitor: Monitor, config: dict[str, Any]) -> tuple[Any, ...]:
        """Where a check would send the secrets, and how they would be protected on the way."""
        target = target_from_config(monitor.hostname, monitor.port, config)
        return (
            target.hostname,
            target.effective_port,
            target.protocol,
            target.security,
            target.tls,
            target.tls_servername,
            *token_place_of(config.get("oauth2") or {}),
        )


def token_place_of(oauth2: dict[str, Any]) -> tuple[Any, ...]:
    settings = oauth_from_config(oauth2)
    return settings.token_url, settings.ca


@pytest.fixture
def masked(make_app: Callable[..., Flask], admin: Caller) -> Caller:
    return admin.on(make_app(MASK_SECRETS="true"))


@pytest.fixture
def attack(masked: Caller, make: Factory, house: Organization) -> Callable[..., None]:
    """Runs the machine."""
    customers = [make.customer(house), make.customer(house)]

    def run(examples: int, starts: list[dict[str, Any]] = STARTS, **options: Any) -> None:
        run_state_machine_as_test(
            lambda: Attack(masked, make, customers, starts),
            settings=settings(max_examples=examples, stateful_step_count=12, **options),
        )

    return run


# What is decided is decided in Python: another database would not change it.
@pytest.mark.only_on("sqlite")
def test_no_sequence_of_requests_moves_a_secret(attack: Callable[..., None]) -> None:
    attack(20)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("module", "name", "broken", "starts"),
    [
        (monitor_changes, "require_secrets_again", lambda *_, **__: None, STARTS),
        (monitor_config, "kept_secrets", lambda *_: iter(()), STARTS),
        (monitor_config, "TLS_KEYS", ("tls", "protocol", "tlsOptions"), WITH_STARTTLS),
        (monitor_config, "OAUTH_KEYS", ("preset", "tenant", "ca"), WITH_TOKENS),
        (audit, "harmless", lambda value, _: value, STARTS),
    ],
)
def test_the_machine_finds_a_hole(
    *,
    attack: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    broken: Any,
    starts: list[dict[str, Any]],
) -> None:
    """From a config that has it: chance alone would be long in choosing that first."""
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(AssertionError):
        attack(80, starts, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("role", [Role.READONLY, Role.GLOBAL_SUPPORTER])
def test_readers_move_nothing(
    caller: Callable[[Role], Caller], make: Factory, house: Organization, role: Role
) -> None:
    monitor = make.monitor(make.customer(house), CONFIG)
    reader = caller(role)
    for body in [*tricks(1143), {"status": "active", "port": 1143}, {"status": "active", "config": MASKED}]:
        answer = reader.patch(monitor_path(monitor), body)
        assert answer.status_code == 403
        assert MARK not in answer.get_data(as_text=True)
    for body in configs():
        new = {"name": "x", "hostname": "evil.example", "customerId": monitor.customer_id, "config": body}
        assert {reader.post(f"{MONITORS}{end}", new).status_code for end in ("", "/test")} == {403}
    db.session.refresh(monitor)
    assert (monitor.hostname, monitor.port) == ("mail.example.com", None)
