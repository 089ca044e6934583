"""Monitors created, changed, read and deleted in any order, against a model of what the contract says."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import make_url

from app.domain.enums import Role
from tests.calling import MONITORS, assert_failure, caller_of
from tests.conftest import empty
from tests.factories import Factory

MASK = "********"
RUNS = {"sqlite": 8, "postgresql": 4}
LONGER = 40
"""So many times as many for whoever goes looking for new ones."""
STEPS = 20

WORD = st.text("abcäß 1", min_size=1, max_size=6).filter(str.strip)
HOSTNAMES = st.sampled_from(
    [("mail.example.com", "mail.example.com"), ("MAIL.Example.com.", "mail.example.com"),
     ("bücher.example", "xn--bcher-kva.example"), ("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1")]
)  # fmt: skip
STATUSES = st.sampled_from(
    [("active", "active"), ("maintenance", "maintenance"), ("disabled", "disabled"), ("paused", "disabled"),
     ("inactive", "disabled")]
)  # fmt: skip
COUNTRIES = st.sampled_from(
    [(None, None), ([], None), (["de"], ["DE"]), (["DE", "at", "de", "AT"], ["DE", "AT"])]
)


def same(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """What is sent and what is stored: the same."""
    return values.map(lambda value: (value, value))


FIELDS = {
    "name": WORD.map(lambda word: (word, word.strip())),
    "hostname": HOSTNAMES,
    "port": same(st.none() | st.integers(1, 65535)),
    "status": STATUSES,
    "checkInterval": same(st.sampled_from([0.5, 1, 30, 1440])),
    "timeoutSeconds": same(st.integers(1, 60)),
    "notificationEmail": same(st.sampled_from([None, "a@example.com"])),
    "notificationPhoneNumber": same(st.sampled_from([None, "+4915112345678"])),
    "allowedCheckCountryCodes": COUNTRIES,
}
"""Each field: strategies of pairs, what is sent and what is stored then."""
DEFAULTS = {
    **dict.fromkeys(("port", "notificationEmail", "notificationPhoneNumber", "allowedCheckCountryCodes")),
    "status": "active",
    "checkInterval": 5,
    "timeoutSeconds": 30,
}
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "protocol": st.sampled_from(["imap", "pop3"]),
        "tls": st.booleans(),
        "extra": st.integers(0, 2),
    },
) | st.fixed_dictionaries(
    {"user": st.sampled_from(["a", "b"]), "password": st.sampled_from(["one", "two"])},
    optional={"apiKey": st.sampled_from(["k1", "k2"])},
)
SENT_CONFIG = st.none() | CONFIGS
READ_ONLY = {"id": 1, "publicId": "x", "createdAt": "yesterday", "health": None, "customerName": 5}
WRONG: dict[str, list[Any]] = {
    "name": ["", "  ", None, 5],
    "hostname": ["http://a.example", "a b", "a:1", None],
    "port": [0, 65536, "993", True, 1.5],
    "status": ["off", None],
    "checkInterval": [0.4, 1441, "5", None],
    "timeoutSeconds": [0, 61, 1.5, None],
    "notificationEmail": ["a", 5],
    "allowedCheckCountryCodes": ["DE", ["D1"], [None]],
    "customerId": ["acme", None, 1.5],
    "config": [
        [],
        {"tls": True, "startTls": True},
        {"user": "a"},
        {"more": 2**63},
    ],
    "unknown": [1],
}
WRONG_PAIR = st.sampled_from([(name, value) for name, values in WRONG.items() for value in values])


class MonitorMachine(RuleBasedStateMachine):
    """`stored` is the model: what each monitor is to be, by its public id."""

    app: Flask
    monitors = Bundle("monitors")

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, dict[str, Any]] = {}
        with self.app.app_context():
            make = Factory()
            house = make.organization()
            customers = [make.customer(house) for _ in range(2)]
            self.customers = [(row.id, str(row.public_id)) for row in customers]
            self.caller = caller_of(self.app, make.session(make.user(house, Role.ADMIN)))

    def teardown(self) -> None:
        empty(self.app)

    def _reference(self, index: int, form: int) -> Any:
        """A customer as its number, as that in a string, or as its UUID in any case."""
        number, public_id = self.customers[index]
        return (number, str(number), public_id, public_id.upper())[form]

    @rule(
        target=monitors,
        fields=st.fixed_dictionaries(
            {name: FIELDS[name] for name in ("name", "hostname")},
            optional={name: value for name, value in FIELDS.items() if name not in {"name", "hostname"}},
        ),
        customer=st.integers(0, 1),
        form=st.integers(0, 3),
        config=st.dictionaries(st.sampled_from(["config", "imapPopConfig"]), SENT_CONFIG, max_size=1),
    )
    def create(self, fields: dict[str, Any], customer: int, form: int, config: dict[str, Any]) -> str:
        sent = {name: pair[0] for name, pair in fields.items()}
        answer = self.caller.post(
            MONITORS, {**READ_ONLY, **sent, **config, "customerId": self._reference(customer, form)}
        )

        assert answer.status_code == 201, answer.get_json()
        body = answer.get_json()
        kept = next(iter(config.values()), None) or {}
        wanted = {**DEFAULTS, **{name: pair[1] for name, pair in fields.items()}}
        wanted |= {"customerId": self.customers[customer][0], "config": kept, "imapPopConfig": kept}
        self.stored[body["publicId"]] = {**body, **wanted}
        assert body == self.stored[body["publicId"]]
        assert answer.headers["Location"] == f"{MONITORS}/{body['publicId']}"
        return str(body["publicId"])

    @rule(
        monitor=monitors,
        fields=st.fixed_dictionaries({}, optional=FIELDS),
        customer=st.none() | st.tuples(st.integers(0, 1), st.integers(0, 3)),
    )
    def change_fields(self, monitor: str, fields: dict[str, Any], customer: tuple[int, int] | None) -> None:
        """What is missing is kept, null clears, and what may only be read is ignored."""
        sent = {**READ_ONLY, **{name: pair[0] for name, pair in fields.items()}}
        wanted = {name: pair[1] for name, pair in fields.items()}
        if customer:
            sent["customerId"] = self._reference(*customer)
            wanted["customerId"], wanted["customerPublicId"] = self.customers[customer[0]]
        self._change(monitor, sent, wanted)

    @rule(monitor=monitors, name=st.sampled_from(["config", "imapPopConfig"]), config=SENT_CONFIG)
    def replace_config(self, monitor: str, name: str, config: dict[str, Any] | None) -> None:
        """It is not merged: what it does not say is gone."""
        kept = config or {}
        self._change(monitor, {name: config}, {"config": kept, "imapPopConfig": kept})

    @rule(monitor=monitors, one=CONFIGS, other=CONFIGS)
    def send_both_configs(self, monitor: str, one: dict[str, Any], other: dict[str, Any]) -> None:
        """The one that differs from the stored value wins; if both do, they must be equal."""
        stored = self.stored[monitor]["config"]
        sent = {"config": one, "imapPopConfig": other}
        new = [config for config in (one, other) if config != stored]
        if len(new) == 2 and one != other:
            assert_failure(self.caller.patch(self._path(monitor), sent), 400, "Invalid request body")
        else:
            kept = (new or [one])[0]
            self._change(monitor, sent, {"config": kept, "imapPopConfig": kept})

    @rule(monitor=monitors, name=st.sampled_from(["config", "imapPopConfig"]))
    def send_masks_back(self, monitor: str, name: str) -> None:
        """A mask stands for the secret that is stored, and is refused where none is."""
        config = self.stored[monitor]["config"]
        masked = {key: MASK if key in {"password", "apiKey"} else value for key, value in config.items()}
        self._change(monitor, {name: masked}, {})
        if "password" not in config:
            answer = self.caller.patch(self._path(monitor), {name: {**config, "user": "a", "password": MASK}})
            assert_failure(answer, 400, "Invalid request body")

    @rule(monitor=monitors)
    def send_back_what_was_read(self, monitor: str) -> None:
        self._change(monitor, self.caller.get(self._path(monitor)).get_json(), {})

    @rule(monitor=monitors, wrong=WRONG_PAIR, name=WORD)
    def change_wrongly(self, monitor: str, wrong: tuple[str, Any], name: str) -> None:
        """All of a body or nothing: what is right beside the fault does not count."""
        assert_failure(self.caller.patch(self._path(monitor), {"name": name, wrong[0]: wrong[1]}), 400)

    @rule(wrong=WRONG_PAIR)
    def create_wrongly(self, wrong: tuple[str, Any]) -> None:
        good = {"name": "a", "hostname": "a.example", "customerId": self.customers[0][0]}
        assert_failure(self.caller.post(MONITORS, {**good, wrong[0]: wrong[1]}), 400)

    @rule(missing=st.sampled_from(["name", "hostname", "customerId"]))
    def create_without(self, missing: str) -> None:
        good = {"name": "a", "hostname": "a.example", "customerId": self.customers[0][0]}
        del good[missing]
        assert_failure(self.caller.post(MONITORS, good), 400)

    @rule(monitor=consumes(monitors))
    def delete(self, monitor: str) -> None:
        assert self.caller.delete(self._path(monitor)).get_json() == {"success": True}
        del self.stored[monitor]
        assert_failure(self.caller.get(self._path(monitor)), 404, "IMAP/POP monitor not found")
        assert_failure(self.caller.delete(self._path(monitor)), 404, "IMAP/POP monitor not found")

    @invariant()
    def the_list_is_the_model(self) -> None:
        page = self.caller.get(MONITORS).get_json()
        items = {item["publicId"]: item for item in page["items"]}
        assert page["total"] == len(items) == len(self.stored)
        assert {key: _settled(item) for key, item in items.items()} == {
            key: _settled(item) for key, item in self.stored.items()
        }

    def _path(self, monitor: str) -> str:
        return f"{MONITORS}/{monitor}"

    def _change(self, monitor: str, sent: dict[str, Any], wanted: dict[str, Any]) -> None:
        before = self.stored[monitor]
        answer = self.caller.patch(self._path(monitor), sent)

        assert answer.status_code == 200, answer.get_json()
        body = answer.get_json()
        after = {**before, **wanted}
        assert _settled({**body, "updatedAt": None}) == _settled({**after, "updatedAt": None})
        is_changed = _settled(after) != _settled(before)
        assert (body["updatedAt"] > before["updatedAt"]) == is_changed
        self.stored[monitor] = body


def _settled(monitor: dict[str, Any]) -> dict[str, Any]:
    """Without what checks and schedules say, and what only lists have."""
    return {key: value for key, value in monitor.items() if key not in {"nextCheckAt", "customerName"}}


@pytest.fixture
def runs(database_url: str) -> int:
    count = RUNS[make_url(database_url).get_backend_name()]
    return count if settings.default.derandomize else count * LONGER


def test_monitors_are_what_the_contract_says(
    make_app: Callable[..., Flask], runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MonitorMachine, "app", make_app(), raising=False)

    run_state_machine_as_test(
        MonitorMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
