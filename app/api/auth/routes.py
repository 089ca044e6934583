"""Session endpoints (contract section 2)."""

from typing import Any

from app.api.auth import examples
from app.api.auth.schemas import ChangePasswordSchema, LoginSchema, SuccessSchema, TokensSchema, UserSchema
from app.api.auth.tokens import token_pair
from app.api.base import Blueprint
from app.api.context import current_actor, now, origin, token_ids
from app.errors import UnauthorizedError
from app.extensions import db
from app.services import auth
from app.services.access import Action

blp = Blueprint("Sessions", __name__, url_prefix="/api/auth", description="Log in, stay logged in, log out")


@blp.route("/login", methods=["POST"])
@blp.public()
@blp.arguments(LoginSchema, example=examples.LOGIN)
@blp.response(200, TokensSchema, example=examples.TOKENS)
@blp.fails("401 Unauthorized")
def log_in(body: dict[str, Any]) -> dict[str, Any]:
    """Log in with an e-mail address and a password"""
    session = auth.log_in(email=body["email"], password=body["password"], now=now(), origin=origin())
    db.session.commit()
    return token_pair(session)


@blp.route("/refresh", methods=["POST"])
@blp.doc(security=[{"refreshToken": []}])
@blp.response(200, TokensSchema, example=examples.TOKENS)
@blp.fails("401 Unauthorized")
def refresh() -> dict[str, Any]:
    """Exchange the refresh token, sent as Bearer, for a new pair; the old one is spent"""
    ids = token_ids(is_refresh=True)
    session = ids and auth.rotate(session_id=ids[0], refresh_token_id=ids[1], now=now(), origin=origin())
    # Committed also when it fails: a token spent twice ends its session.
    db.session.commit()
    if not session:
        raise UnauthorizedError
    return token_pair(session)


@blp.route("/logout", methods=["POST"])
@blp.allow(Action.USE_SESSION)
@blp.response(200, SuccessSchema)
def log_out() -> dict[str, bool]:
    """End this session: its tokens are worth nothing from now on"""
    auth.log_out(current_actor(), now=now())
    db.session.commit()
    return {"success": True}


@blp.route("/change-password", methods=["POST"])
@blp.allow(Action.USE_SESSION)
@blp.arguments(ChangePasswordSchema, example=examples.CHANGE_PASSWORD)
@blp.response(200, SuccessSchema)
@blp.fails("404 User not found")
def change_password(body: dict[str, Any]) -> dict[str, bool]:
    """Change your own password; all your other sessions end"""
    auth.change_password(
        current_actor(), current=body["current_password"], new=body["new_password"], now=now()
    )
    db.session.commit()
    return {"success": True}


@blp.route("/me")
@blp.allow(Action.USE_SESSION)
@blp.response(200, UserSchema, example=examples.USER)
def get_me() -> Any:
    """Tell who is logged in"""
    return auth.user_of(current_actor())
