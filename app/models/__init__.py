"""The tables. Importing this package makes all of them known to Alembic."""

from app.models.api_token import ApiToken
from app.models.audit_entry import AuditEntry
from app.models.base import Base
from app.models.check_result import CheckResult
from app.models.check_rollup import CheckRollup
from app.models.customer import Customer
from app.models.location import Location
from app.models.monitor import Monitor
from app.models.monitor_schedule import MonitorSchedule
from app.models.organization import Organization
from app.models.session import Session
from app.models.user import User, UserCustomer

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Base",
    "CheckResult",
    "CheckRollup",
    "Customer",
    "Location",
    "Monitor",
    "MonitorSchedule",
    "Organization",
    "Session",
    "User",
    "UserCustomer",
]
