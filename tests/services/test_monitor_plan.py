"""A plan that is carried out later than it was made."""

from datetime import timedelta
from uuid import uuid4

import pytest
from flask import current_app

from app.clock import utcnow
from app.domain.enums import MonitorStatus
from app.errors import ConflictError
from app.extensions import db
from app.models import Monitor
from app.services import monitor_plan, operators
from app.services.monitor_changes import CHANGED_MEANWHILE
from app.services.monitor_plan import Wanted
from tests.factories import Factory


def test_a_public_id_that_somebody_got_meanwhile_is_a_conflict(make: Factory) -> None:
    customer, public_id = make.customer(name="Acme"), uuid4()
    actor, now = operators.actor_for(None), utcnow()
    fields = {"name": "New", "hostname": "mail.example.com", "status": MonitorStatus.ACTIVE}
    whole = {**fields, "check_interval": 5.0, "timeout_seconds": 30, "imap_pop_config": {}}
    wanted = [Wanted(path="monitors.0", customer="Acme", public_id=public_id, fields=whole)]
    plan = monitor_plan.make(actor, current_app.config["CONFIG_STORE"], wanted, now=now)
    other = make.customer(make.organization())
    make.monitor(other).public_id = public_id
    db.session.commit()
    assert other.organization_id != customer.organization_id

    with pytest.raises(ConflictError, match=CHANGED_MEANWHILE):
        monitor_plan.carry_out(actor, plan, now=now)
    db.session.rollback()


def test_nothing_is_done_when_a_monitor_was_changed_meanwhile(make: Factory) -> None:
    monitor = make.monitor(make.customer(name="Acme"), {})
    actor, now = operators.actor_for(None), utcnow()
    fields = {"name": "New", "hostname": "mail.example.com", "status": monitor.status}
    whole = {**fields, "check_interval": 5.0, "timeout_seconds": 30, "imap_pop_config": {}}
    wanted = [Wanted(path="monitors.0", customer="Acme", public_id=None, fields=whole)]
    plan = monitor_plan.make(actor, current_app.config["CONFIG_STORE"], wanted, now=now)
    monitor.updated_at = now + timedelta(seconds=1)
    db.session.commit()

    with pytest.raises(ConflictError):
        monitor_plan.carry_out(actor, plan, now=now)
    db.session.rollback()
    assert db.session.query(Monitor).count() == 1
