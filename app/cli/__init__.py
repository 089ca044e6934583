"""The commands under `flask --app wsgi`."""

from flask import Flask

from app.cli.check import check_command
from app.cli.customers import customers_group
from app.cli.database import database_group
from app.cli.keys import keys_group
from app.cli.monitors import monitors_group
from app.cli.organizations import organizations_group
from app.cli.setup import init_command
from app.cli.status import status_command
from app.cli.tokens import tokens_group
from app.cli.up import up_command
from app.cli.users import users_group
from app.cli.version import version_command

COMMANDS = (
    check_command,
    customers_group,
    database_group,
    init_command,
    keys_group,
    monitors_group,
    organizations_group,
    status_command,
    tokens_group,
    up_command,
    users_group,
    version_command,
)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
