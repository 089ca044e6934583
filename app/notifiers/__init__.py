"""Sends a notice to one destination: a call that needs neither Flask nor a database.

Every host that a user can enter is judged with the TargetGuard, on the address that is dialled; no redirect
is followed and no proxy used. Apprise builds the requests of chat, push and on-call services (services.py,
errand.py); e-mail and the signed webhook are our own (smtp.py, webhook.py, with the reasons).

Apprise is loaded when it is first needed: it takes a tenth of the time in which a command starts, and few
commands need it. What runs for long loads it in the beginning, with the version that is there then.
"""

import time
from collections.abc import Callable
from email.message import EmailMessage

from app.domain.channel_types import EMAIL, SMS, WEBHOOK
from app.domain.enums import ErrorCode
from app.domain.notification import Delivery, Destination, Notice
from app.net.failure import CheckError, place_of
from app.net.limits import Limits
from app.net.text import Cleaner
from app.notifiers import webhook
from app.notifiers.failure import UndeliveredError
from app.notifiers.letter import letter, plain_letter
from app.notifiers.secrets import cleaner_for
from app.notifiers.smtp import hand_in
from app.notifiers.transport import Transport

__all__ = ["SECONDS", "Transport", "load_services", "mail", "send", "suits_service"]

SECONDS = 15.0
"""For one delivery, from name resolution to the last answer; webhooks have their own."""
MAX_ERROR = 500


def load_services() -> None:
    """So that no delivery waits for it."""
    from app.notifiers import services  # noqa: F401, PLC0415 - see the module


def suits_service(url: str) -> bool:
    """Whether a channel of the type `apprise` could ever tell anybody, as far as can be known unasked."""
    from app.notifiers import services  # noqa: PLC0415 - see the module

    return services.suits_service(url)


def send(notice: Notice, destination: Destination, transport: Transport) -> Delivery:
    """Deliver one attempt, within its deadline. Never raises, and no error has a secret in it."""
    return _attempt(
        lambda limits: _deliver(notice, destination, transport, limits),
        _seconds(destination),
        destination,
        transport,
    )


def mail(to: str, subject: str, text: str, transport: Transport) -> Delivery:
    """Send the operator a mail, within the same time. Never raises."""

    def act(limits: Limits) -> None:
        _hand_in(plain_letter(to, subject, text, transport.mail_from), transport, limits)

    return _attempt(act, SECONDS, None, transport)


def _seconds(destination: Destination) -> float:
    if destination.type != WEBHOOK:
        return SECONDS
    wish = destination.config.get("timeoutSeconds")
    return wish if isinstance(wish, int) else webhook.SECONDS


def _deliver(notice: Notice, destination: Destination, transport: Transport, limits: Limits) -> int | None:
    kind, config = destination.type, destination.config
    if kind == EMAIL:
        _hand_in(letter(notice, config["email"], config.get("to"), transport.mail_from), transport, limits)
        return None
    if kind == WEBHOOK:
        return webhook.post(notice, config, transport, limits)
    from app.notifiers import services  # noqa: PLC0415 - see the module

    if kind == SMS:
        return services.text_message(notice, config, transport, limits)
    return services.tell(notice, kind, config, transport, limits)


def _hand_in(message: EmailMessage, transport: Transport, limits: Limits) -> None:
    if transport.smtp_url is None:
        raise UndeliveredError("SMTP_URL is not set, so no e-mail is sent.", is_final=True)
    hand_in(message, transport.smtp_url, limits, transport.tls)


def _attempt(
    act: Callable[[Limits], int | None],
    seconds: float,
    destination: Destination | None,
    transport: Transport,
) -> Delivery:
    limits = Limits(seconds)
    status, failure = None, None
    try:
        clean = cleaner_for(destination, transport)
        try:
            status = act(limits)
        except (CheckError, UndeliveredError) as error:
            failure = _told(error, limits, clean)
    except Exception as error:  # noqa: BLE001 - the edge: an attempt has an outcome whatever happens
        failure = UndeliveredError(f"The delivery itself failed: {place_of(error)}.")
    duration_ms = round((time.monotonic() - limits.started_at) * 1000)
    if failure is None:
        return Delivery(is_sent=True, status_code=status, duration_ms=duration_ms)
    return Delivery(
        is_sent=False,
        error=failure.message,
        is_final=failure.is_final,
        status_code=failure.status_code,
        duration_ms=duration_ms,
    )


def _told(error: CheckError | UndeliveredError, limits: Limits, clean: Cleaner) -> UndeliveredError:
    """The reason as it may be shown."""
    message, is_final, status = error.message, False, None
    if isinstance(error, UndeliveredError):
        is_final, status = error.is_final, error.status_code
    elif limits.is_used_up:
        message = "The target sent far more than an answer needs."
    else:
        is_final = error.code is ErrorCode.TARGET_FORBIDDEN
    return UndeliveredError(clean(message, MAX_ERROR), is_final=is_final, status_code=status)
