"""The audit trail: who changed what."""

from app.api.audit_log.routes import blp

__all__ = ["blp"]
