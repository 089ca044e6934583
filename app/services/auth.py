"""Logging in and out. A session is a row, so that ending it holds for every web process."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import contains_eager

from app.errors import UnauthorizedError
from app.extensions import db
from app.models import Session, User
from app.services.access import Actor

ACCESS_TOKEN_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
WRONG_LOGIN = "The e-mail address or the password is wrong."

_hasher = PasswordHasher()
# Verified against when the address is unknown, so that both cases take the same time.
_NOBODY = _hasher.hash("nobody")


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def log_in(*, email: str, password: str, now: datetime) -> Session:
    """Start a session. Raises UnauthorizedError, the same for an unknown address and a wrong password."""
    user = find_by_password(email=email, password=password)
    if user is None:
        raise UnauthorizedError(message=WRONG_LOGIN)
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = hash_password(password)
    session = Session(
        id=uuid4(), user=user, refresh_token_id=uuid4(), created_at=now, expires_at=now + SESSION_LIFE
    )
    db.session.add(session)
    return session


def find_by_password(*, email: str, password: str) -> User | None:
    """The active user who has that address and password. Takes as long for an unknown address."""
    user = db.session.scalar(select(User).where(User.email == email.lower()))
    is_right = _verify(user.password_hash if user else _NOBODY, password)
    return user if user is not None and is_right and user.is_active else None


def authenticate(*, session_id: UUID, now: datetime) -> Actor | None:
    """Who a session belongs to, or None when it has ended or the user may no longer sign in."""
    session = _living_session(session_id, now)
    if session is None:
        return None
    user = session.user
    return Actor(
        user_id=user.id,
        session_id=session.id,
        organization_id=user.organization_id,
        role=user.role,
        customer_ids=None if user.customer_ids is None else frozenset(user.customer_ids),
    )


def rotate(*, session_id: UUID, refresh_token_id: UUID, now: datetime) -> Session | None:
    """Spend a refresh token. None when it cannot be: then the session has ended, as of now if need be.

    A token that was spent before is in two hands, one of them a thief's, so its session ends.
    """
    spent = db.session.execute(
        update(Session)
        .where(Session.id == session_id, Session.refresh_token_id == refresh_token_id)
        .where(Session.revoked_at.is_(None), Session.expires_at > now)
        .values(refresh_token_id=uuid4(), expires_at=now + SESSION_LIFE)
        .returning(Session.id)
    ).first()
    if spent is None:
        log_out(session_id=session_id, now=now)
        return None
    return _living_session(session_id, now)


def log_out(*, session_id: UUID, now: datetime) -> None:
    db.session.execute(
        update(Session).where(Session.id == session_id, Session.revoked_at.is_(None)).values(revoked_at=now)
    )


def forget_ended_sessions(now: datetime) -> None:
    """Drop the rows of sessions whose tokens have all run out by themselves."""
    db.session.execute(delete(Session).where(Session.expires_at < now))


def user_of(actor: Actor) -> User:
    return db.session.get_one(User, actor.user_id)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


def _living_session(session_id: UUID, now: datetime) -> Session | None:
    return db.session.scalar(
        select(Session)
        .join(Session.user)
        .options(contains_eager(Session.user))
        .where(Session.id == session_id, Session.revoked_at.is_(None), Session.expires_at > now)
        .where(User.is_active)
        .execution_options(populate_existing=True)
    )
