"""Sessions: logging in, refreshing, logging out, and every token that is worth nothing."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask, g
from sqlalchemy import select

from app.api.auth.tokens import access_token, refresh_token
from app.api.context import token_ids
from app.clock import utcnow
from app.domain.enums import Role
from app.extensions import db
from app.models import Session, User
from app.services import auth
from tests.calling import Caller, assert_failure
from tests.conftest import ENVIRON
from tests.factories import PASSWORD, Factory

LOGIN, REFRESH, LOGOUT, ME = (f"/api/auth/{name}" for name in ("login", "refresh", "logout", "me"))
KEY = ENVIRON["JWT_SECRET_KEY"]


@pytest.fixture
def user(make: Factory) -> User:
    return make.user(email="ada@example.com", first_name="Ada")


@pytest.fixture
def session(make: Factory, user: User) -> Session:
    return make.session(user)


@pytest.fixture
def tokens(nobody: Caller, user: User) -> dict[str, Any]:
    """What a login answers."""
    return nobody.post(LOGIN, {"email": user.email, "password": PASSWORD}).get_json()


@pytest.fixture
def bearer(app: Flask) -> Callable[[str], Caller]:
    return lambda token: Caller(app, token)


def claims_of(session: Session, **changes: Any) -> dict[str, Any]:
    """What a genuine access token says."""
    now = datetime.now(UTC)
    claims = {
        "fresh": False,
        "iat": now,
        "jti": str(uuid4()),
        "type": "access",
        "sub": str(session.user.public_id),
        "nbf": now,
        "exp": now + timedelta(minutes=5),
        "sid": str(session.id),
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def test_a_login_answers_tokens_and_the_user(tokens: dict[str, Any], user: User) -> None:
    assert tokens.keys() == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
    assert tokens["tokenType"] == "Bearer"
    assert tokens["expiresIn"] == 15 * 60
    assert tokens["user"]["publicId"] == str(user.public_id)


def test_me_is_the_user_of_the_token(
    tokens: dict[str, Any], bearer: Callable[[str], Caller], user: User
) -> None:
    me = bearer(tokens["accessToken"]).get(ME).get_json()

    assert me == tokens["user"]
    assert (me["email"], me["firstName"], me["lastName"]) == ("ada@example.com", "Ada", None)
    assert (me["role"], me["customerIds"], me["isActive"]) == ("admin", None, True)
    assert me["organizationId"] == user.organization_id


def test_no_answer_tells_the_password_or_its_hash(tokens: dict[str, Any]) -> None:
    text = json.dumps(tokens)

    assert PASSWORD not in text
    assert "argon2" not in text
    assert "password" not in text.lower()


def test_me_lists_the_customers_a_user_is_restricted_to(
    make: Factory, login: Callable[[User], Caller]
) -> None:
    organization = make.organization()
    customers = [make.customer(organization) for _ in range(2)]
    restricted = login(make.user(organization, Role.EDITOR, customers=customers))

    assert restricted.get(ME).get_json()["customerIds"] == sorted(customer.id for customer in customers)


@pytest.mark.parametrize("email", ["ADA@EXAMPLE.COM", " Ada@Example.com ", "ada@example.com"])
def test_capitals_and_spaces_around_an_address_do_not_matter(nobody: Caller, user: User, email: str) -> None:
    assert nobody.post(LOGIN, {"email": email, "password": PASSWORD}).status_code == 200


def test_an_unknown_address_and_a_wrong_password_answer_the_same(nobody: Caller, user: User) -> None:
    answers = [
        assert_failure(nobody.post(LOGIN, {"email": email, "password": password}), 401, "Unauthorized")
        for email, password in [(user.email, "wrong"), ("eve@example.com", PASSWORD), ("nonsense", "x")]
    ]

    assert answers[0] == answers[1] == answers[2]


def test_what_it_is_verified_against_costs_what_a_password_of_today_costs() -> None:
    assert not PasswordHasher().check_needs_rehash(auth.NOBODY)
    assert extract_parameters(auth.NOBODY) == extract_parameters(auth.hash_password(PASSWORD))


def test_an_unknown_address_costs_one_verification_too(
    nobody: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    monkeypatch.setattr(auth, "_verify", lambda hashed, _password: bool(verified.append(hashed)))

    nobody.post(LOGIN, {"email": user.email, "password": "wrong"})
    nobody.post(LOGIN, {"email": "eve@example.com", "password": "wrong"})

    assert [hashed.split("$")[1] for hashed in verified] == ["argon2id", "argon2id"]


def test_a_disabled_user_cannot_log_in_and_is_told_no_more_than_anybody(
    nobody: Caller, make: Factory
) -> None:
    gone = make.user(is_active=False)
    body = assert_failure(nobody.post(LOGIN, {"email": gone.email, "password": PASSWORD}), 401)

    assert body["message"] == auth.WRONG_LOGIN


@pytest.mark.parametrize(
    "body",
    [
        {"email": "ada@example.com"},
        {"password": PASSWORD},
        {"email": 5, "password": PASSWORD},
        {"email": "ada@example.com", "password": None},
        {"email": "ada@example.com", "password": "x" * 1025},
        {"email": "ada@example.com", "password": "a\x00b"},
        {"email": "ada@example.com", "password": "\ud800"},
        {"email": "ada@example.com", "password": PASSWORD, "remember": True},
    ],
)
def test_a_login_that_lacks_its_form_is_400(nobody: Caller, user: User, body: dict[str, Any]) -> None:
    response = nobody.post(LOGIN, body)

    assert_failure(response, 400, "Invalid request body")
    assert PASSWORD not in response.get_data(as_text=True)


def test_a_login_renews_a_hash_that_has_become_too_weak(nobody: Caller, user: User) -> None:
    weak = user.password_hash
    for _ in range(2):
        assert nobody.post(LOGIN, {"email": user.email, "password": PASSWORD}).status_code == 200

    db.session.refresh(user)
    assert user.password_hash != weak


def test_a_refresh_answers_a_new_pair(tokens: dict[str, Any], bearer: Callable[[str], Caller]) -> None:
    renewed = bearer(tokens["refreshToken"]).post(REFRESH).get_json()

    assert renewed.keys() == tokens.keys()
    assert renewed["refreshToken"] != tokens["refreshToken"]
    assert bearer(renewed["accessToken"]).get(ME).status_code == 200
    assert bearer(renewed["refreshToken"]).post(REFRESH).status_code == 200


def test_a_refresh_token_spent_twice_ends_its_session(
    tokens: dict[str, Any], bearer: Callable[[str], Caller]
) -> None:
    renewed = bearer(tokens["refreshToken"]).post(REFRESH).get_json()
    assert_failure(bearer(tokens["refreshToken"]).post(REFRESH), 401, "Unauthorized")

    assert_failure(bearer(renewed["refreshToken"]).post(REFRESH), 401)
    assert_failure(bearer(renewed["accessToken"]).get(ME), 401)


def test_a_refresh_token_spent_twice_leaves_other_sessions_alone(
    tokens: dict[str, Any], bearer: Callable[[str], Caller], login: Callable[[User], Caller], user: User
) -> None:
    other = login(user)
    for _ in range(2):
        bearer(tokens["refreshToken"]).post(REFRESH)

    assert other.get(ME).status_code == 200


def test_a_refresh_prolongs_the_session(
    app: Flask, bearer: Callable[[str], Caller], session: Session
) -> None:
    session.expires_at = utcnow() + timedelta(minutes=1)
    db.session.commit()

    assert bearer(refresh_token(session)).post(REFRESH).status_code == 200

    db.session.refresh(session)
    assert session.expires_at > utcnow() + timedelta(days=29)


def test_a_logout_kills_both_tokens_at_once(tokens: dict[str, Any], bearer: Callable[[str], Caller]) -> None:
    assert bearer(tokens["accessToken"]).post(LOGOUT).get_json() == {"success": True}

    assert_failure(bearer(tokens["accessToken"]).get(ME), 401)
    assert_failure(bearer(tokens["accessToken"]).post(LOGOUT), 401)
    assert_failure(bearer(tokens["refreshToken"]).post(REFRESH), 401)


def test_a_logout_ends_this_session_only(
    tokens: dict[str, Any], bearer: Callable[[str], Caller], login: Callable[[User], Caller], user: User
) -> None:
    other = login(user)
    bearer(tokens["accessToken"]).post(LOGOUT)

    assert other.get(ME).status_code == 200


@pytest.mark.parametrize(
    "columns",
    [
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"revoked_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
    ids=["expired", "revoked"],
)
def test_tokens_of_a_session_that_has_ended_are_worth_nothing(
    make: Factory, user: User, bearer: Callable[[str], Caller], columns: dict[str, Any]
) -> None:
    ended = make.session(user, **columns)

    assert_failure(bearer(access_token(ended)).get(ME), 401)
    assert_failure(bearer(refresh_token(ended)).post(REFRESH), 401)


def test_disabling_a_user_takes_effect_at_once(
    bearer: Callable[[str], Caller], session: Session, user: User
) -> None:
    tokens = access_token(session), refresh_token(session)
    user.is_active = False
    db.session.commit()

    assert_failure(bearer(tokens[0]).get(ME), 401)
    assert_failure(bearer(tokens[1]).post(REFRESH), 401)


def test_a_new_role_takes_effect_at_once(
    bearer: Callable[[str], Caller], session: Session, user: User
) -> None:
    somebody = bearer(access_token(session))
    user.role = Role.READONLY
    db.session.commit()

    assert_failure(somebody.post("/api/customers", {"name": "New"}), 403)


def test_neither_token_does_the_others_work(bearer: Callable[[str], Caller], session: Session) -> None:
    assert_failure(bearer(refresh_token(session)).get(ME), 401)
    assert_failure(bearer(access_token(session)).post(REFRESH), 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"nbf": datetime(2100, 1, 1, tzinfo=UTC)},
        {"sid": None},
        {"sid": "nonsense"},
        {"sid": "22222222-2222-4222-8222-222222222222"},
        {"sid": 5},
        {"jti": None},
        {"jti": "nonsense"},
        {"sub": None},
        {"sub": 5},
        {"type": "refresh"},
        {"exp": "never"},
    ],
    ids=str,
)
def test_a_token_with_wrong_claims_is_401(
    bearer: Callable[[str], Caller], session: Session, changes: dict[str, Any]
) -> None:
    assert bearer(jwt.encode(claims_of(session), KEY)).get(ME).status_code == 200

    # Unchecked by the encoder, because a forger's would not check either.
    token = jwt.api_jws.encode(
        json.dumps(claims_of(session, **changes), default=lambda at: int(at.timestamp())).encode(), KEY
    )
    assert_failure(bearer(token).get(ME), 401, "Unauthorized")


def _unsigned(session: Session) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims_of(session))
    texts = (json.dumps(part, default=lambda at: int(at.timestamp())).encode() for part in parts)
    return ".".join(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in texts) + "."


def test_a_token_that_we_did_not_sign_is_401(bearer: Callable[[str], Caller], session: Session) -> None:
    claims = claims_of(session)

    assert_failure(bearer(jwt.encode(claims, "another key, as long as ours is and wrong")).get(ME), 401)
    assert_failure(bearer(_unsigned(session)).get(ME), 401)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer a.b.c", "Bearer a b", "Basic YTpi", "Bearer ..", "bearer", "Bearer é",
     "Bearer null", "Bearer " + "x" * 5000, "Bearer a.b.c, Bearer d", "\tBearer", "Bearer eyJ9.eyJ9.eyJ9"],
)  # fmt: skip
def test_a_malformed_authorization_is_401(nobody: Caller, header: str) -> None:
    for method, path in (("GET", ME), ("POST", REFRESH), ("POST", LOGOUT)):
        response = nobody.send(method, path, headers={"Authorization": header})
        assert_failure(response, 401, "Unauthorized")
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("at", range(3))
def test_a_token_changed_anywhere_is_401(bearer: Callable[[str], Caller], session: Session, at: int) -> None:
    parts = access_token(session).split(".")
    parts[at] = parts[at][:-4] + ("AAAA" if parts[at][-4:] != "AAAA" else "BBBB")

    assert_failure(bearer(".".join(parts)).get(ME), 401)


def test_sessions_that_have_ended_are_forgotten(make: Factory, user: User, session: Session) -> None:
    make.session(user, expires_at=utcnow() - timedelta(seconds=1))

    auth.forget_ended_sessions(utcnow())

    assert db.session.scalars(select(Session.id)).all() == [session.id]


def test_a_token_that_was_good_a_moment_ago_expires(app: Flask, session: Session) -> None:
    sent = {"Authorization": f"Bearer {access_token(session)}"}
    with app.test_request_context(headers=sent):
        assert token_ids(is_refresh=False)

    with app.test_request_context(headers=sent):
        g.now = utcnow() + auth.ACCESS_TOKEN_LIFE
        assert token_ids(is_refresh=False) is None
