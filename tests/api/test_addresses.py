"""What the audit trail and the log tell of a caller's address, however a proxy writes it."""

import logging
from typing import Any

import pytest
from sqlalchemy import select

from app.extensions import db
from app.models import AuditEntry
from tests.calling import CUSTOMERS, Caller

REQUESTS = "app.api.requests"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7:1234", "192.0.2.7"),
        ("[2001:db8::7]:1234", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%" + "x" * 500, "fe80::1%" + "x" * 56),
        ("unknown:1234", "unknown:1234"),
        ("x" * 500, "x" * 64),
    ],
)
def test_an_address_is_told_without_the_port(
    admin: Caller, make_app: Any, caplog: pytest.LogCaptureFixture, forwarded: str, address: str
) -> None:
    behind = admin.on(make_app(TRUSTED_PROXIES="1"))

    with caplog.at_level(logging.INFO, REQUESTS):
        behind.post(CUSTOMERS, {"name": "x"}, headers={"X-Forwarded-For": forwarded})

    assert db.session.scalars(select(AuditEntry.address)).all() == [address]
    assert f" address={address.replace('%', '%25')}" in caplog.text
