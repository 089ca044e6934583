"""`flask monitors`: many mailboxes at once."""

from flask.cli import AppGroup

from app.cli.monitor_apply import apply_command, export_command, schema_command
from app.cli.monitor_import import import_command

monitors_group = AppGroup("monitors", help="Many mailboxes at once: as a CSV file, or as code.")
for _command in (import_command, export_command, apply_command, schema_command):
    monitors_group.add_command(_command)
