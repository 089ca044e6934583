"""User endpoints (contract section 4)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema, UserSchema
from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.users import examples
from app.api.users.schemas import (
    UserCreateSchema,
    UserPageSchema,
    UserPatchSchema,
    UserQueryArgsSchema,
)
from app.documents.fields import REFERENCE_PATTERN
from app.extensions import db
from app.services import users
from app.services.access import Action

USER_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The user's number, or its public UUID.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = ("400 Invalid User identifier", "404 User not found")
TAKEN = "409 E-mail address is taken"
LAST_ADMIN = "409 Last admin of the organization"

blp = Blueprint("Users", __name__, url_prefix="/api/users", description="Who signs in, and as what")


@blp.route("")
@blp.allow(Action.MANAGE_USERS)
@blp.arguments(UserQueryArgsSchema, location="query")
@blp.response(200, UserPageSchema, example=examples.PAGE)
@blp.fails("404 Organization not found")
def list_users(query: dict[str, Any]) -> Any:
    """List users"""
    return users.list_page(current_actor(), **query)


@blp.route("", methods=["POST"])
@blp.allow(Action.MANAGE_USERS)
@blp.arguments(UserCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, UserSchema, example=examples.USER)
@blp.fails("404 Organization not found", "404 Customer not found", TAKEN)
def create_user(body: dict[str, Any]) -> Any:
    """Add a user"""
    user = users.create(current_actor(), now=now(), **body)
    db.session.commit()
    return user, {"Location": f"/api/users/{user.id}"}


@blp.route("/<string:id>", **USER_PATH)
@blp.allow(Action.MANAGE_USERS)
@blp.response(200, UserSchema, example=examples.USER)
@blp.fails(*UNKNOWN)
def get_user(id: str) -> Any:  # noqa: A002 - the contract's name
    """Show a user"""
    return users.get(current_actor(), id)


@blp.route("/<string:id>", methods=["PATCH"], **USER_PATH)
@blp.allow(Action.MANAGE_USERS)
@blp.arguments(UserPatchSchema, example={"role": "readonly", "customerIds": [10]})
@blp.response(200, UserSchema, example=examples.USER)
@blp.fails(*UNKNOWN, "404 Customer not found", TAKEN, LAST_ADMIN)
def update_user(body: dict[str, Any], id: str) -> Any:  # noqa: A002 - the contract's name
    """Change the keys that are sent"""
    user = users.update(current_actor(), id, now=now(), **body)
    db.session.commit()
    return user


@blp.route("/<string:id>", methods=["DELETE"], **USER_PATH)
@blp.allow(Action.MANAGE_USERS)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN, LAST_ADMIN)
def delete_user(id: str) -> Any:  # noqa: A002 - the contract's name
    """Remove a user; all sessions of it end"""
    users.delete(current_actor(), id, now=now())
    db.session.commit()
    return {"success": True}
