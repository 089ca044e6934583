"""The two tokens of a session. Both name it, so that both end with it."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from flask_jwt_extended import create_access_token, create_refresh_token

from app.services.auth import ACCESS_TOKEN_LIFE, SESSION_LIFE

JWT_CONFIG = {
    "JWT_TOKEN_LOCATION": ["headers"],
    "JWT_ACCESS_TOKEN_EXPIRES": ACCESS_TOKEN_LIFE,
    "JWT_REFRESH_TOKEN_EXPIRES": SESSION_LIFE,
}


class SessionLike(Protocol):
    id: UUID
    refresh_token_id: UUID
    expires_at: datetime
    user: Any


def token_pair(session: SessionLike) -> dict[str, Any]:
    """The answer to a login or a refresh (contract section 2)."""
    return {
        "access_token": access_token(session),
        "refresh_token": refresh_token(session),
        "token_type": "Bearer",
        "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        "user": session.user,
    }


def access_token(session: SessionLike) -> str:
    token: str = create_access_token(_subject(session), additional_claims={"sid": str(session.id)})
    return token


def refresh_token(session: SessionLike) -> str:
    claims = {"sid": str(session.id), "jti": str(session.refresh_token_id)}
    token: str = create_refresh_token(_subject(session), additional_claims=claims)
    return token


def _subject(session: SessionLike) -> str:
    return str(session.user.public_id)
