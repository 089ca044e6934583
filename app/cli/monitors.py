"""`flask monitors`: many mailboxes at once."""

from flask.cli import AppGroup

from app.cli.monitor_import import import_command

monitors_group = AppGroup("monitors", help="Import many mailboxes at once.")
monitors_group.add_command(import_command)
