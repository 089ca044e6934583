"""Notification channels: where alerts go."""

from app.api.notification_channels.routes import blp

__all__ = ["blp"]
