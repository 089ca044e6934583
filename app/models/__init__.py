"""The tables. Importing this package makes all of them known to Alembic."""

from app.models.alert import Alert
from app.models.api_token import ApiToken
from app.models.audit_entry import AuditEntry
from app.models.base import Base
from app.models.check_result import CheckResult
from app.models.check_rollup import CheckRollup
from app.models.customer import Customer
from app.models.incident import Incident, IncidentEvent
from app.models.location import Location
from app.models.maintenance import MaintenancePeriod, MaintenanceTarget, MaintenanceWindow
from app.models.monitor import Monitor
from app.models.monitor_health import HealthTransition, MonitorHealth
from app.models.monitor_schedule import MonitorSchedule
from app.models.notification_channel import NotificationChannel
from app.models.operator_mail import OperatorMail
from app.models.organization import Organization
from app.models.session import Session
from app.models.user import User, UserCustomer

__all__ = [
    "Alert",
    "ApiToken",
    "AuditEntry",
    "Base",
    "CheckResult",
    "CheckRollup",
    "Customer",
    "HealthTransition",
    "Incident",
    "IncidentEvent",
    "Location",
    "MaintenancePeriod",
    "MaintenanceTarget",
    "MaintenanceWindow",
    "Monitor",
    "MonitorHealth",
    "MonitorSchedule",
    "NotificationChannel",
    "OperatorMail",
    "Organization",
    "Session",
    "User",
    "UserCustomer",
]
