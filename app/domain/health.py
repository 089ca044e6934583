"""What a monitor's latest result says about its mailbox."""

from app.domain.enums import CheckStatus, Health

HEALTH_OF_STATUS = {
    None: Health.PENDING,
    CheckStatus.SUCCESS: Health.UP,
    CheckStatus.WARNING: Health.DEGRADED,
    CheckStatus.ERROR: Health.DOWN,
}


def health_of(last_status: CheckStatus | None, is_overdue: bool) -> Health:
    """Follow the latest result alone; results that should be there and are not win over it."""
    return Health.NO_DATA if is_overdue else HEALTH_OF_STATUS[last_status]
