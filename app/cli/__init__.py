"""The commands under `flask --app wsgi`."""

from flask import Flask

from app.cli.check import check_command
from app.cli.setup import init_command
from app.cli.up import up_command
from app.cli.users import users_group


def init_app(app: Flask) -> None:
    for command in (check_command, init_command, up_command, users_group):
        app.cli.add_command(command)
