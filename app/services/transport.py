"""What messages are sent with, as the settings have it."""

from app.config import Settings
from app.notifiers import Transport


def transport_of(settings: Settings) -> Transport:
    return Transport(
        smtp_url=settings.smtp_url,
        mail_from=settings.mail_from,
        sms_url=settings.sms_url,
        guard=settings.target_guard,
    )
