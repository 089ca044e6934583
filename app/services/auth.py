"""Sessions and passwords. A session is a row, so that ending it holds for every web process."""

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import ColumnElement, Table, bindparam, delete, select, update
from sqlalchemy.orm import contains_eager

from app.domain.enums import ActorKind, AuditAction
from app.errors import InvalidError, NotFoundError, UnauthorizedError
from app.extensions import db, reading
from app.log import get_logger
from app.models import Session, User, UserCustomer
from app.services import access, audit
from app.services.access import Actor, Origin
from app.services.locking import locked

log = get_logger(__name__)

ACCESS_TOKEN_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
WRONG_LOGIN = "The e-mail address or the password is wrong."

_SESSIONS = cast(Table, Session.__table__).c
_USERS = cast(Table, User.__table__).c
# Asked with every request, so put together once, and of columns: objects would take three times as long.
_WHO = (
    select(_USERS.id, _USERS.email, _USERS.organization_id, _USERS.role, _USERS.is_restricted)
    .where(_USERS.id == _SESSIONS.user_id, _USERS.is_active)
    .where(_SESSIONS.id == bindparam("session_id"), _SESSIONS.revoked_at.is_(None))
    .where(_SESSIONS.expires_at > bindparam("now"))
)
_WHOSE = select(UserCustomer.customer_id).where(UserCustomer.user_id == bindparam("user_id"))

_hasher = PasswordHasher()
# Verified against when the address is unknown, so that both cases take the same time. Of a random password
# that nobody has kept; hashing one anew would cost each process a third of a second at its start.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$Wf9YGLtLT1jjH01WW52XlQ$ynOA3qtNyllMk5Gz6MQ/ItP6kgMsMiSj9g/nOhKSUBk"


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def log_in(*, email: str, password: str, now: datetime, origin: Origin) -> Session:
    """Start a session. Raises UnauthorizedError, the same for an unknown address and a wrong password."""
    user = find_by_password(email=email, password=password)
    if user is None:
        known = db.session.scalar(select(User.id).where(User.email == email.lower()))
        log.warning("login_refused", user=known or "-", address=origin.address)
        raise UnauthorizedError(message=WRONG_LOGIN)
    verified = user.password_hash or ""
    renewed = hash_password(password) if _hasher.check_needs_rehash(verified) else verified
    # Held from here on: whoever sets another password meanwhile ends the sessions that are there by then.
    if not _is_still(user, verified):
        raise UnauthorizedError(message=WRONG_LOGIN)
    user.password_hash = renewed
    session = Session(
        id=uuid4(), user=user, refresh_token_id=uuid4(), created_at=now, expires_at=now + SESSION_LIFE
    )
    db.session.add(session)
    audit.record(actor_of(session, origin), AuditAction.SESSION_START, user, now=now)
    return session


def find_by_password(*, email: str, password: str) -> User | None:
    """The active user who has that address and password. Takes as long for an unknown address."""
    user = db.session.scalar(select(User).where(User.email == email.lower()))
    is_right = _verify((user and user.password_hash) or NOBODY, password)
    return user if user is not None and is_right and user.is_active else None


def authenticate(*, session_id: UUID, now: datetime, origin: Origin) -> Actor | None:
    """Who a session belongs to, or None when it has ended or the user may no longer sign in."""
    with reading() as connection:
        row = connection.execute(_WHO, {"session_id": session_id, "now": now}).one_or_none()
        if row is None:
            return None
        customer_ids = connection.scalars(_WHOSE, {"user_id": row.id}).all() if row.is_restricted else None
    return Actor(
        kind=ActorKind.USER,
        id=row.id,
        name=row.email,
        organization_id=row.organization_id,
        role=row.role,
        customer_ids=None if customer_ids is None else frozenset(customer_ids),
        session_id=session_id,
        origin=origin,
    )


def actor_of(session: Session, origin: Origin) -> Actor:
    user = session.user
    return Actor(
        kind=ActorKind.USER,
        id=user.id,
        name=user.email,
        organization_id=user.organization_id,
        role=user.role,
        customer_ids=None if user.customer_ids is None else frozenset(user.customer_ids),
        session_id=session.id,
        origin=origin,
    )


def rotate(*, session_id: UUID, refresh_token_id: UUID, now: datetime, origin: Origin) -> Session | None:
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
    session = _living_session(session_id, now)
    if spent is None and session is not None:
        _end(Session.id == session_id, now=now)
        audit.record(actor_of(session, origin), AuditAction.SESSION_REUSE, session.user, now=now)
    return session if spent else None


def log_out(actor: Actor, *, now: datetime) -> None:
    """End the session that the actor came with."""
    audit.record(actor, AuditAction.SESSION_END, user_of(actor), now=now)
    _end(Session.id == actor.session_id, now=now)


def change_password(actor: Actor, *, current: str, new: str, now: datetime) -> None:
    """Set the actor's own password and end all other sessions of that user. Raises InvalidError."""
    user = user_of(actor)
    verified = user.password_hash or NOBODY
    if not _verify(verified, current):
        raise _wrong_password()
    if new == current:
        raise InvalidError(faults={"newPassword": ["is the old one"]}, message="newPassword is the old one")
    # Hashed before the row is held: it takes as long as all the rest together.
    new_hash = hash_password(new)
    if not _is_still(user, verified):
        raise _wrong_password()
    access.require_standing(actor, now)
    set_password(user, new_hash, now=now, kept_session=actor.session_id)
    user.updated_at = now
    audit.record(actor, AuditAction.USER_CHANGE_PASSWORD, user, now=now)


def _is_still(user: User, password_hash: str) -> bool:
    """Hold the user's row; whether that password is still the one, and the user still may log in."""
    try:
        locked(user, "User not found")
    except NotFoundError:
        return False
    return user.is_active and user.password_hash == password_hash


def _wrong_password() -> InvalidError:
    return InvalidError(faults={"currentPassword": ["is wrong"]}, message="currentPassword is wrong")


def set_password(user: User, password_hash: str, *, now: datetime, kept_session: UUID | None = None) -> None:
    """Give a user another password, and end every session but one: whoever knew the old one is out."""
    user.password_hash = password_hash
    end_sessions(user, now=now, kept_session=kept_session)


def end_sessions(user: User, *, now: datetime, kept_session: UUID | None = None) -> None:
    _end(Session.user_id == user.id, Session.id.is_distinct_from(kept_session), now=now)


def forget_ended_sessions(now: datetime) -> None:
    """Drop the rows of sessions whose tokens have all run out by themselves."""
    db.session.execute(delete(Session).where(Session.expires_at < now))


def user_of(actor: Actor) -> User:
    """Raises NotFoundError for a user who was removed a moment ago."""
    user = db.session.get(User, actor.id)
    if user is None:
        raise NotFoundError("User not found")
    return user


def _end(*which: ColumnElement[bool], now: datetime) -> None:
    db.session.execute(update(Session).where(Session.revoked_at.is_(None), *which).values(revoked_at=now))


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
