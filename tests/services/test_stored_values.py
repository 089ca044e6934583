"""What the columns do to what is stored in them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from app.extensions import db
from app.models import Customer
from tests.factories import Factory

NOON = datetime(2026, 2, 26, 12, tzinfo=UTC)


def test_an_instant_comes_back_aware_in_utc(make: Factory) -> None:
    in_berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    customer = make.customer(created_at=in_berlin)
    db.session.expire_all()

    assert customer.created_at == NOON
    assert customer.created_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(make: Factory) -> None:
    customer = make.customer()
    customer.updated_at = NOON.replace(tzinfo=None)

    with pytest.raises(StatementError, match="time zone"):
        db.session.flush()


def test_null_in_a_json_column_is_null_in_the_database(make: Factory) -> None:
    make.customer(custom_fields=None)

    assert db.session.query(Customer).where(Customer.custom_fields.is_(None)).count() == 1


def test_a_repr_names_a_row_and_nothing_in_it(make: Factory) -> None:
    user = make.user(email="ada@example.com")

    assert repr(user) == f"<User {user.id}>"
