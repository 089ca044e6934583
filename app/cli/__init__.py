"""The commands under `flask --app wsgi`."""

from flask import Flask

from app.cli.check import check_command
from app.cli.customers import customers_group
from app.cli.keys import keys_group
from app.cli.organizations import organizations_group
from app.cli.setup import init_command
from app.cli.tokens import tokens_group
from app.cli.up import up_command
from app.cli.users import users_group


def init_app(app: Flask) -> None:
    commands = (check_command, init_command, up_command)
    groups = (organizations_group, users_group, customers_group, tokens_group, keys_group)
    for command in (*commands, *groups):
        app.cli.add_command(command)
