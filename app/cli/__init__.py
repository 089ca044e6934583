"""The commands under `flask --app wsgi`."""

from flask import Flask

from app.cli.setup import init_command


def init_app(app: Flask) -> None:
    app.cli.add_command(init_command)
