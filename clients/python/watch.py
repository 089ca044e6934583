"""Watch a mailbox through Pillarbox's API: create, wait, read the history, and tidy up again."""

import os
import time
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from pillarbox_client import AuthenticatedClient, Client
from pillarbox_client.api.api_tokens import create_organization_token, delete_organization_token
from pillarbox_client.api.customers import create_customer, delete_customer
from pillarbox_client.api.monitors import (
    create_imap_pop_monitor,
    delete_imap_pop_monitor,
    get_imap_pop_monitor,
    get_imap_pop_monitor_details,
    list_imap_pop_check_history,
)
from pillarbox_client.api.sessions import log_in
from pillarbox_client.models import (
    CustomerCreate,
    Error,
    ImapPopConfig,
    Login,
    Monitor,
    MonitorCreate,
    MonitorWithCustomer,
    OrganizationTokenCreate,
    Protocol,
    TlsOptions,
)
from pillarbox_client.types import UNSET

URL = os.environ.get("PILLARBOX_URL", "http://127.0.0.1:8000")
EMAIL = os.environ.get("PILLARBOX_EMAIL", "admin@example.com")
HOSTNAME = os.environ.get("MAILBOX_HOSTNAME", "mail.example.com")
PORT = int(os.environ.get("MAILBOX_PORT", "993"))
USER = os.environ.get("MAILBOX_USER", "monitor@example.com")
PASSWORD = os.environ.get("MAILBOX_PASSWORD", "password")
CA = os.environ.get("MAILBOX_CA")
PATIENCE = 60
"""Seconds until the first check has to be there."""

Answer = TypeVar("Answer")


def accepted(answer: Answer | Error | None) -> Answer:
    """The answer, where it is not a failure."""
    if isinstance(answer, Error):
        raise SystemExit(f"{answer.status_code} {answer.status_message}: {answer.message}")
    assert answer is not None
    return answer


def main() -> None:
    tokens = accepted(log_in.sync(client=Client(URL), body=Login(EMAIL, os.environ["PILLARBOX_PASSWORD"])))
    admin = AuthenticatedClient(URL, tokens.access_token)
    # Programs work with an API token: it lives for days, not for minutes as a login does.
    token = accepted(
        create_organization_token.sync(
            client=admin, body=OrganizationTokenCreate("Python example", expires_in_days=1)
        )
    )
    with AuthenticatedClient(URL, token.token) as client:
        customer = accepted(create_customer.sync(client=client, body=CustomerCreate("Python example")))
        try:
            watch(client, customer.public_id)
        finally:
            accepted(delete_customer.sync(str(customer.public_id), client=client))
    accepted(delete_organization_token.sync(str(token.public_id), client=admin))


def watch(client: AuthenticatedClient, customer: UUID) -> None:
    show_refusal(client, customer)
    created = accepted(create_imap_pop_monitor.sync(client=client, body=mailbox(customer, HOSTNAME)))
    try:
        report(client, wait_for_check(client, created))
    finally:
        accepted(delete_imap_pop_monitor.sync(created.public_id, client=client))


def mailbox(customer: UUID, hostname: str) -> MonitorCreate:
    config = ImapPopConfig(
        protocol=Protocol.IMAP,
        user=USER,
        password=PASSWORD,
        tls=True,
        tls_options=TlsOptions(reject_unauthorized=True, ca=CA or UNSET),
    )
    return MonitorCreate(str(customer), "Python example", hostname, port=PORT, imap_pop_config=config)


def show_refusal(client: AuthenticatedClient, customer: UUID) -> None:
    """A mistake, made on purpose: every failure has the same body."""
    answer = create_imap_pop_monitor.sync(client=client, body=mailbox(customer, "https://mail.example.com"))
    assert isinstance(answer, Error)
    print(f"refused: {answer.status_code} {answer.status_message}")
    for field, faults in (answer.errors.additional_properties if answer.errors else {}).items():
        print(f"  {field}: {', '.join(faults)}")


def wait_for_check(client: AuthenticatedClient, created: Monitor) -> MonitorWithCustomer:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        monitor = accepted(get_imap_pop_monitor.sync(created.public_id, client=client))
        if monitor.last_checked_at is not None:
            return monitor
        time.sleep(0.5)
    raise SystemExit(f"not checked within {PATIENCE} s")


def report(client: AuthenticatedClient, monitor: MonitorWithCustomer) -> None:
    print(f"{monitor.customer.name}: {monitor.hostname} is {monitor.health.value}")
    history = accepted(list_imap_pop_check_history.sync(monitor.public_id, client=client))
    for result in history.data:
        age = (datetime.now(UTC) - result.checked_at).total_seconds()
        text = result.error_message or result.warning_message or "works"
        print(f"  {age:.0f} s ago: {result.status.value} in {result.timing_imap_pop} ms: {text}")
        if result.diagnostics.timings:
            for rung, milliseconds in result.diagnostics.timings.additional_properties.items():
                print(f"    {rung}: {milliseconds} ms")
    details = accepted(get_imap_pop_monitor_details.sync(monitor.public_id, client=client))
    print(f"  checks today: {details.uptime_stats_meta.day.checks}, uptime: {details.uptime_stats.day}")


if __name__ == "__main__":
    main()
