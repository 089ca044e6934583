"""Who hears of a monitor, and where a message to them goes."""

import re
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, insert, inspect, select, text

from app.clock import utcnow
from app.crypto import DecryptionError, Vault
from app.domain.channel_conditions import Recipient
from app.domain.enums import AuditAction
from app.extensions import db
from app.models import AuditEntry, Customer, Monitor, NotificationChannel, Organization
from app.services import channels, customers, monitors
from app.services.monitor_config import ConfigStore
from app.services.operators import operator
from tests.factories import Factory


@pytest.fixture
def vault(app: Flask) -> Vault:
    store: ConfigStore = app.config["CONFIG_STORE"]
    return store.vault


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house)


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer)


def told(monitor: Monitor) -> list[Any]:
    return [recipient.channel_id or recipient.address for recipient in channels.recipients(monitor)]


def test_channels_of_all_levels_count(make: Factory, house: Organization, monitor: Monitor) -> None:
    other = make.monitor(make.customer(house))
    beside = make.monitor(monitor.customer)
    wanted = [make.channel(owner).id for owner in (house, monitor.customer, monitor)]
    for owner in (other, other.customer, beside, make.organization(), make.monitor()):
        make.channel(owner)
    make.channel(house, is_active=False)

    assert told(monitor) == wanted


def test_the_most_urgent_come_first(make: Factory, house: Organization, monitor: Monitor) -> None:
    last, first, second = (make.channel(house, priority=number) for number in (3, 1, 2))
    assert told(monitor) == [first.id, second.id, last.id]


def test_recipient_has_what_decides_when_it_is_told(
    make: Factory, house: Organization, monitor: Monitor
) -> None:
    conditions = {"events": ["alert"], "minIncidentDuration": 60}
    channel = make.channel(house, name="Ops", priority=7, delay_seconds=30, conditions=conditions)
    assert channels.recipients(monitor) == [Recipient(channel.id, "email", "Ops", None, 7, 30, conditions)]


def test_addresses_of_monitor_and_customer_are_told_once(make: Factory, house: Organization) -> None:
    customer = make.customer(
        house, notification_email="a@example.com", notification_phone_number="+4915100000001"
    )
    monitor = make.monitor(
        customer, notification_email="A@example.com", notification_phone_number="+4915100000002"
    )
    assert channels.recipients(monitor) == [
        Recipient(None, "email", "A@example.com", "A@example.com"),
        Recipient(None, "sms", "+4915100000002", "+4915100000002"),
        Recipient(None, "sms", "+4915100000001", "+4915100000001"),
    ]


def test_address_that_a_channel_tells_as_soon_is_not_told_twice(
    make: Factory, house: Organization, monitor: Monitor
) -> None:
    monitor.notification_email = "a@example.com"
    at_once = make.channel(house, config={"email": "A@example.com"})
    assert told(monitor) == [at_once.id]

    at_once.delay_seconds = 60
    assert told(monitor) == ["a@example.com", at_once.id]
    at_once.delay_seconds, at_once.conditions = 0, {"events": ["recovery"]}
    assert told(monitor) == ["a@example.com", at_once.id]


def test_nobody_to_tell_is_an_empty_list(monitor: Monitor) -> None:
    assert channels.recipients(monitor) == []


def test_two_queries_find_all_of_many(make: Factory, house: Organization, monitor: Monitor) -> None:
    make.channel(house)
    make.channel(monitor)
    other = make.monitor()
    _ = [(one.id, one.customer_id, one.organization_id) for one in (monitor, other)]
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        found = channels.recipients_of([monitor, other])
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(statements) == 2
    assert [len(found[one.id]) for one in (monitor, other)] == [2, 0]


def test_destination_has_the_whole_config(make: Factory, house: Organization, vault: Vault) -> None:
    channel = make.channel(house, "webhook", {"url": "https://a.example/"}, {"secret": "s3cret"}, name="Hook")
    found = channels.destination(channel.id, "webhook", "Old name", None, vault)
    assert found is not None
    assert (found.type, found.name) == ("webhook", "Hook")
    assert found.config == {"url": "https://a.example/", "secret": "s3cret"}
    assert "s3cret" not in repr(found)


def test_destination_of_an_address_is_that_address(context: None, vault: Vault) -> None:
    mail = channels.destination(None, "email", "a@example.com", "a@example.com", vault)
    text = channels.destination(None, "sms", "+4915100000001", "+4915100000001", vault)
    assert mail is not None
    assert text is not None
    assert (dict(mail.config), dict(text.config)) == (
        {"email": "a@example.com"},
        {"phoneNumber": "+4915100000001"},
    )


def test_destination_of_what_is_gone_is_none(make: Factory, house: Organization, vault: Vault) -> None:
    off = make.channel(house, is_active=False)
    assert channels.destination(off.id, "email", "x", None, vault) is None
    assert channels.destination(off.id + 1, "email", "x", None, vault) is None
    assert channels.destination(None, "email", "x", None, vault) is None


def test_destination_whose_secrets_cannot_be_decrypted_is_not_gone(
    make: Factory, house: Organization, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    """Rather than a webhook that is not signed."""
    config, secrets = {"url": "https://a.example/"}, {"secret": "s3cret"}
    channel, other = (make.channel(house, "webhook", config, secrets) for _ in range(2))
    channel.secrets_encrypted = other.secrets_encrypted
    with pytest.raises(DecryptionError):
        channels.destination(channel.id, "webhook", "x", None, vault)
    assert f"channel_undecryptable channel={channel.public_id}" in caplog.text


def test_channels_move_with_their_monitor(
    app: Flask, make: Factory, house: Organization, monitor: Monitor
) -> None:
    old, new = monitor.customer_id, make.customer(house)
    moved, stays = make.channel(monitor), make.channel(monitor.customer)
    monitors.update(
        operator(house.id),
        app.config["CONFIG_STORE"],
        str(monitor.public_id),
        now=utcnow(),
        customer_id=new.id,
    )
    db.session.commit()

    assert (moved.customer_id, stays.customer_id) == (new.id, old)
    assert told(monitor) == [moved.id]
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == AuditAction.CHANNEL_UPDATE)
    ).one()
    assert (entry.target_public_id, entry.customer_id) == (moved.public_id, new.id)
    assert entry.changes == {"customerId": {"before": old, "after": new.id}}


@pytest.mark.parametrize("is_customer", [False, True])
def test_channels_go_with_their_owner_and_the_trail_tells(
    make: Factory, house: Organization, customer: Customer, is_customer: bool
) -> None:
    owner: Any = customer if is_customer else make.monitor(customer)
    stays, goes = make.channel(house), make.channel(owner)
    public_id = goes.public_id
    delete = customers.delete if is_customer else monitors.delete
    delete(operator(house.id), str(owner.public_id), now=utcnow())
    db.session.commit()

    assert db.session.scalars(select(NotificationChannel.id)).all() == [stays.id]
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == AuditAction.CHANNEL_DELETE)
    ).one()
    assert entry.target_public_id == public_id


def test_what_others_have_is_not_read(make: Factory, customer: Customer, monitor: Monitor) -> None:
    """Thousands of monitors, each with a channel of its own, may fail at once."""
    others = [make.monitor(customer).id for _ in range(5)]
    like = make.channel(monitor)
    columns = {column.key: getattr(like, column.key) for column in inspect(like).mapper.columns}
    rows = [
        columns | {"id": like.id + number, "public_id": uuid4(), "monitor_id": others[number % 5]}
        for number in range(1, 2000)
    ]
    db.session.execute(insert(NotificationChannel), rows)
    db.session.execute(text("ANALYZE notification_channels"))
    db.session.commit()
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        statements.append((statement, given))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert told(monitor) == [like.id]
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    with db.engine.connect() as connection:
        plan = [
            str(step)
            for statement, given in statements
            for step in connection.exec_driver_sql(f"{explain} {statement}", given)
            if "notification_channels" in str(step)
        ]
    assert plan
    assert not [step for step in plan if re.search("SCAN|Seq Scan", step)]
