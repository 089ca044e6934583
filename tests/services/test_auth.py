"""Sessions below the API: two processes at once, and times that pass."""

from datetime import timedelta
from uuid import uuid4

import pytest

from app.clock import utcnow
from app.domain.enums import Role
from app.errors import UnauthorizedError
from app.extensions import db
from app.services import auth
from app.services.access import Origin
from tests.factories import PASSWORD, Factory

HERE = Origin(address="192.0.2.1", request_id="r1")


def test_a_session_lasts_for_its_life_and_not_a_moment_longer(make: Factory) -> None:
    session = make.session()
    end = session.expires_at

    assert auth.authenticate(session_id=session.id, now=end - timedelta(seconds=1), origin=HERE)
    assert auth.authenticate(session_id=session.id, now=end, origin=HERE) is None
    spent = {"session_id": session.id, "refresh_token_id": session.refresh_token_id}
    assert auth.rotate(**spent, now=end, origin=HERE) is None


def test_an_actor_carries_what_access_rules_ask_for(make: Factory) -> None:
    organization = make.organization()
    customer = make.customer(organization)
    session = make.session(make.user(organization, Role.EDITOR, customers=[customer]))

    actor = auth.authenticate(session_id=session.id, now=utcnow(), origin=HERE)

    assert actor is not None
    assert (actor.organization_id, actor.role, actor.session_id) == (organization.id, Role.EDITOR, session.id)
    assert actor.customer_ids == {customer.id}
    assert not actor.is_global


def test_a_refresh_token_is_spent_once(make: Factory) -> None:
    session = make.session()
    spent = {"session_id": session.id, "refresh_token_id": session.refresh_token_id}

    assert auth.rotate(**spent, now=utcnow(), origin=HERE)
    assert auth.rotate(**spent, now=utcnow(), origin=HERE) is None
    db.session.commit()
    assert auth.authenticate(session_id=session.id, now=utcnow(), origin=HERE) is None


@pytest.mark.parametrize("is_known", [True, False])
def test_a_refresh_token_of_no_session_is_worth_nothing(make: Factory, is_known: bool) -> None:
    session_id = make.session().id if is_known else uuid4()

    assert auth.rotate(session_id=session_id, refresh_token_id=uuid4(), now=utcnow(), origin=HERE) is None


def test_a_logout_is_dated_once(make: Factory) -> None:
    session, now = make.session(), utcnow()
    actor = auth.actor_of(session, HERE)
    for later in (0, 5):
        auth.log_out(actor, now=now + timedelta(seconds=later))

    db.session.refresh(session)
    assert session.revoked_at == now


def test_a_wrong_password_starts_no_session(make: Factory) -> None:
    with pytest.raises(UnauthorizedError, match=auth.WRONG_LOGIN):
        auth.log_in(email=make.user().email, password=f"{PASSWORD} ", now=utcnow(), origin=HERE)


def test_a_hash_is_argon2id_and_never_the_same_twice() -> None:
    hashes = {auth.hash_password(PASSWORD) for _ in range(2)}

    assert len(hashes) == 2
    assert all(value.startswith("$argon2id$") for value in hashes)
