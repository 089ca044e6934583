"""`flask keys`: the keys that encrypt stored secrets: made, looked at, and exchanged for new ones."""

from collections import Counter
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.actor import committing, config_store, one_line_errors
from app.cli.table import table
from app.config import new_credentials_key
from app.services import key_rotation
from app.services.key_rotation import Holder
from app.services.monitor_config import ConfigStore

HEADER = ("KEY ID", "USE", *(holder.upper() for holder in Holder))
ENCRYPTS, DECRYPTS, MISSING = "encrypts", "decrypts", "missing"

keys_group = AppGroup("keys", help="Make, list and rotate the keys that encrypt stored secrets.")


@keys_group.command("new")
def new_command() -> None:
    """Print a new key, for CREDENTIALS_KEYS. It is kept nowhere.

    \b
    flask --app wsgi keys new
    """
    click.echo(new_credentials_key())


@keys_group.command("list")
def list_command() -> None:
    """List the ids of all keys, and how many rows each encrypts.

    A key that encrypts no row may be removed. One that is missing is needed by rows, and is not among
    CREDENTIALS_KEYS: they cannot be used until it is back.

    \b
    flask --app wsgi keys list
    """
    for line in table(HEADER, _rows()):
        click.echo(line)


@keys_group.command("rotate")
@click.option("--dry-run", is_flag=True, help="Say how many rows are under which key, and change nothing.")
def rotate_command(dry_run: bool) -> None:
    """Encrypt everything under the first of CREDENTIALS_KEYS.

    Every process must have that key first already; docs/backup.md has the order. It may run while
    Pillarbox is at work, and be ended and run again. Rows that no key decrypts are listed and kept; the
    exit code is 1 then.

    \b
    flask --app wsgi keys rotate --dry-run
    flask --app wsgi keys rotate
    """
    store = config_store()
    if dry_run:
        for line in table(HEADER, _rows()):
            click.echo(line)
        click.echo(f"{_behind(store)} rows would be encrypted under {store.vault.key_id}.")
        return
    done, lost = _rotate(store)
    for holder, reasons in lost.items():
        for public_id, reason in reasons.items():
            click.echo(f"{holder}: {public_id} is kept as it is: {reason}", err=True)
    counts = ", ".join(f"{done[holder]} {holder}" for holder in Holder)
    unreadable = sum(map(len, lost.values()))
    click.echo(f"Encrypted under {store.vault.key_id}: {counts}. Cannot be decrypted: {unreadable}.")
    if unreadable:
        click.get_current_context().exit(1)


def _rotate(store: ConfigStore) -> tuple[Counter[str], dict[str, dict[str, str]]]:
    done: Counter[str] = Counter()
    lost: dict[str, dict[str, str]] = {holder: {} for holder in Holder}
    with one_line_errors():
        totals = {holder: counter.total() for holder, counter in key_rotation.count().items()}
    for holder in Holder:
        after = 0
        with click.progressbar(length=totals[holder], label=holder.title()) as bar:
            while True:
                with committing():
                    some = key_rotation.rotate_some(holder, store, after)
                if some is None:
                    break
                after = some.last_id
                done[holder] += some.rotated
                lost[holder].update(some.lost)
                bar.update(some.looked_at)
    return done, lost


def _behind(store: ConfigStore) -> int:
    with one_line_errors():
        counts = key_rotation.count()
    return sum(counter.total() - counter[store.vault.key_id] for counter in counts.values())


def _rows() -> list[tuple[Any, ...]]:
    """A line for each key that we have, then for each that only rows name."""
    with one_line_errors():
        counts = key_rotation.count()
    vault = config_store().vault
    known = vault.key_ids
    named = sorted({key_id for counter in counts.values() for key_id in counter} - set(known))
    uses = {key_id: ENCRYPTS if key_id == vault.key_id else DECRYPTS for key_id in known}
    return [
        (key_id, uses.get(key_id, MISSING), *(counts[holder][key_id] for holder in Holder))
        for key_id in (*known, *named)
    ]
