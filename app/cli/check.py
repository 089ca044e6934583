"""`flask check`: one check by hand, with the exit codes of monitoring plugins."""

import json
import os
from typing import Any, BinaryIO

import click
from flask import current_app
from flask.cli import with_appcontext

from app import checkers
from app.cli.ladder import ladder, output_encoding
from app.cli.plugin import PluginCommand
from app.cli.plugin_line import plugin_line
from app.config import Settings
from app.domain.enums import CheckStatus, Protocol, Security
from app.domain.hostname import HostnameError, normalise_hostname
from app.domain.outcome import CheckOutcome
from app.domain.target import DEFAULT_CERTIFICATE_WARNING_DAYS, DEFAULT_MAILBOX, CheckTarget, TlsPolicy

EXIT_CODES = {CheckStatus.SUCCESS: 0, CheckStatus.WARNING: 1, CheckStatus.ERROR: 2}
DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_TIMEOUT_SECONDS = 60.0


@click.command("check", cls=PluginCommand)
@click.argument("host")
@click.option("--protocol", type=click.Choice([protocol.value for protocol in Protocol]), default="imap")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: 993 or 143 (IMAP), 995 or 110 (POP3).")
@click.option("--tls", is_flag=True, help="TLS from the first byte.")
@click.option("--starttls", is_flag=True, help="Require the upgrade to TLS on the plain port.")
@click.option("--user", help="Without one, the check ends after greeting and capabilities.")
@click.option(
    "--password-file", type=click.File("rb"), help="File with the password; `-` reads it from stdin."
)
@click.option("--password-env", metavar="NAME", help="Environment variable with the password.")
@click.option("--insecure", is_flag=True, help="Do not verify the certificate.")
@click.option(
    "--ca-file", type=click.File("rb"), help="PEM file to trust instead of the system's authorities."
)
@click.option("--mailbox", default=DEFAULT_MAILBOX, show_default=True, help="IMAP folder to open.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, MAX_TIMEOUT_SECONDS, min_open=True),
    default=DEFAULT_TIMEOUT_SECONDS,
    show_default=True,
    help="Seconds for the whole check.",
)
@click.option(
    "--warning-ms", type=click.IntRange(1, 60_000), metavar="MS", help="Warn when the check takes longer."
)
@click.option(
    "--certificate-days",
    type=click.IntRange(0, 3650),
    default=DEFAULT_CERTIFICATE_WARNING_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Warn when the certificate ends sooner; 0: never.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as the API has it.")
@click.option("--nagios", is_flag=True, help="Print one line with performance data.")
@click.pass_context
@with_appcontext
def check_command(
    ctx: click.Context, /, *, timeout: float, as_json: bool, nagios: bool, **options: Any
) -> None:
    """Check one mailbox at HOST and say how far it went.

    Ends with 0 on success, 1 on a warning, 2 on an error and 3 when it was called the wrong way.

    \b
    Examples:
      flask --app wsgi check mail.example.com --tls
      flask --app wsgi check mail.example.com --tls --user ada --password-file ada.txt
      flask --app wsgi check pop.example.com --protocol pop3 --tls --nagios --warning-ms 2000
    """
    if as_json and nagios:
        raise click.UsageError("--json and --nagios exclude each other.")
    settings: Settings = current_app.config["SETTINGS"]
    target = _target(**options)
    outcome = checkers.run(target, timeout, settings.target_guard)
    if as_json:
        click.echo(_as_json(outcome))
    elif nagios:
        click.echo(plugin_line(target, outcome, timeout))
    else:
        click.echo("\n".join(ladder(target, outcome, output_encoding())))
    ctx.exit(EXIT_CODES[outcome.status])


def _target(
    *,
    host: str,
    protocol: str,
    port: int | None,
    tls: bool,
    starttls: bool,
    user: str | None,
    password_file: BinaryIO | None,
    password_env: str | None,
    insecure: bool,
    ca_file: BinaryIO | None,
    mailbox: str,
    warning_ms: int | None,
    certificate_days: int,
) -> CheckTarget:
    return CheckTarget(
        hostname=_hostname(host),
        protocol=Protocol(protocol),
        port=port,
        security=_security(tls=tls, starttls=starttls),
        tls=TlsPolicy(verify=not insecure, ca=_text(ca_file, "--ca-file") if ca_file else None),
        user=user,
        password=_password(user, password_file, password_env),
        mailbox=mailbox,
        response_time_warning_ms=warning_ms,
        certificate_warning_days=certificate_days,
    )


def _hostname(host: str) -> str:
    try:
        return normalise_hostname(host)
    except HostnameError:
        raise click.UsageError(f"{host!r} is no host name: no scheme, no path, no port.") from None


def _security(*, tls: bool, starttls: bool) -> Security:
    if tls and starttls:
        raise click.UsageError("--tls and --starttls exclude each other.")
    if tls:
        return Security.TLS
    return Security.STARTTLS if starttls else Security.PLAIN


def _password(user: str | None, file: BinaryIO | None, variable: str | None) -> str | None:
    """The password never comes as an argument: every user of the machine can read those."""
    if file and variable:
        raise click.UsageError("--password-file and --password-env exclude each other.")
    if (user is None) != (file is None and variable is None):
        raise click.UsageError("--user needs --password-file or --password-env, and they need --user.")
    if file:
        return _text(file, "--password-file").removesuffix("\n").removesuffix("\r")
    if variable and variable not in os.environ:
        raise click.UsageError(f"The environment has no variable {variable!r}.")
    return os.environ[variable] if variable else None


def _text(file: BinaryIO, option: str) -> str:
    try:
        return file.read().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        # The error would quote what it could not decode.
        raise click.UsageError(f"The file of {option} cannot be read as UTF-8 text.") from None


def _as_json(outcome: CheckOutcome) -> str:
    result = {
        "status": outcome.status.value,
        "errorMessage": outcome.error_message,
        "warningMessage": outcome.warning_message,
        "timingImapPop": outcome.duration_ms,
        "diagnostics": outcome.diagnostics,
    }
    return json.dumps(result, indent=2, ensure_ascii=False)
