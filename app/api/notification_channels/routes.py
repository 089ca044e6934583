"""Notification channel endpoints (contract section 4)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema
from app.api.base import Blueprint
from app.api.context import config_store, current_actor, now, settings
from app.api.notification_channels import examples
from app.api.notification_channels.schemas import (
    ChannelCreateSchema,
    ChannelPageSchema,
    ChannelPatchSchema,
    ChannelQueryArgsSchema,
    ChannelSchema,
    channel_document,
)
from app.api.notification_channels.test_schemas import (
    ChannelTestResultSchema,
    ChannelTestSchema,
    test_document,
)
from app.documents.fields import REFERENCE_PATTERN
from app.domain.notification import Delivery
from app.errors import UnavailableError
from app.extensions import db
from app.services import channel_tests, monitors, notification_channels, transport
from app.services.access import Action
from app.turns import Turns

CHANNEL_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The channel's public UUID, or its numeric id.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = (f"400 {notification_channels.INVALID_CHANNEL}", f"404 {notification_channels.NOT_FOUND}")
UNKNOWN_OWNER = (
    "400 Invalid Customer identifier",
    "404 Organization not found",
    "404 Customer not found",
    f"404 {monitors.NOT_FOUND}",
)
TESTS_AT_ONCE = 2
TEST_RETRY_SECONDS = 5
TOO_MANY_TESTS = "Too many tests at once"


def _busy() -> UnavailableError:
    message = "Too many tests are under way. Try again soon."
    return UnavailableError(TOO_MANY_TESTS, message, retry_after=TEST_RETRY_SECONDS)


_turns = Turns(TESTS_AT_ONCE, _busy)

blp = Blueprint(
    "Notification channels",
    __name__,
    url_prefix="/api/notification-channels",
    description="Where alerts go",
)


@blp.route("")
@blp.allow(Action.MANAGE_CHANNELS)
@blp.arguments(ChannelQueryArgsSchema, location="query")
@blp.response(200, ChannelPageSchema, example=examples.PAGE)
@blp.fails(*UNKNOWN_OWNER[1:])
def list_notification_channels(query: dict[str, Any]) -> Any:
    """List notification channels"""
    page = notification_channels.list_page(current_actor(), **query)
    items = [channel_document(channel) for channel in page.items]
    return {"items": items, "total": page.total, "page": page.page, "per_page": page.per_page}


@blp.route("", methods=["POST"])
@blp.allow(Action.MANAGE_CHANNELS)
@blp.arguments(ChannelCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, ChannelSchema, example=examples.CHANNEL)
@blp.fails(*UNKNOWN_OWNER, f"409 {notification_channels.TOO_MANY}")
def create_notification_channel(body: dict[str, Any]) -> Any:
    """Add a notification channel to a monitor, a customer or the organization"""
    channel = notification_channels.create(current_actor(), config_store().vault, now=now(), **body)
    db.session.commit()
    return channel_document(channel), {"Location": f"{blp.url_prefix}/{channel.public_id}"}


@blp.route("/<string:id>", **CHANNEL_PATH)
@blp.allow(Action.MANAGE_CHANNELS)
@blp.response(200, ChannelSchema, example=examples.CHANNEL)
@blp.fails(*UNKNOWN)
def get_notification_channel(id: str) -> Any:  # noqa: A002 - the contract's name
    """Show a notification channel; its secrets read null"""
    return channel_document(notification_channels.get(current_actor(), id))


@blp.route("/<string:id>", methods=["PATCH"], **CHANNEL_PATH)
@blp.allow(Action.MANAGE_CHANNELS)
@blp.arguments(ChannelPatchSchema, example={"delaySeconds": 300})
@blp.response(200, ChannelSchema, example=examples.CHANNEL)
@blp.fails(*UNKNOWN, *UNKNOWN_OWNER)
def update_notification_channel(body: dict[str, Any], id: str) -> Any:  # noqa: A002 - the contract's name
    """Change the keys that are sent; secrets that are not sent are kept"""
    channel = notification_channels.update(current_actor(), config_store().vault, id, now=now(), **body)
    db.session.commit()
    return channel_document(channel)


@blp.route("/<string:id>", methods=["DELETE"], **CHANNEL_PATH)
@blp.allow(Action.MANAGE_CHANNELS)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN)
def delete_notification_channel(id: str) -> Any:  # noqa: A002 - the contract's name
    """Remove a notification channel"""
    notification_channels.delete(current_actor(), id, now=now())
    db.session.commit()
    return {"success": True}


@blp.route("/test", methods=["POST"])
@blp.allow(Action.TEST_CHANNEL)
@blp.arguments(ChannelTestSchema, example=examples.TEST_REQUEST)
@blp.response(200, ChannelTestResultSchema, example=examples.TEST_RESULT)
@blp.fails(*UNKNOWN_OWNER, f"404 {notification_channels.NOT_FOUND}", f"503 {TOO_MANY_TESTS}")
def test_notification_channel(body: dict[str, Any]) -> Any:
    """Send a test message and tell what the target said; with dryRun only look at the config"""
    is_dry_run = body.pop("dry_run")
    trial = channel_tests.prepare(current_actor(), config_store().vault, now=now(), **body)
    # Sending may take half a minute, and no connection to the database is held meanwhile.
    db.session.remove()
    return test_document(trial.destination, None if is_dry_run else _send(trial))


def _send(trial: channel_tests.Trial) -> Delivery:
    with _turns.turn():
        return channel_tests.send(trial, transport.transport_of(settings()))
