"""`flask up` and `flask init`, where no process has to be started to see what they do."""

import socket
from collections.abc import Callable

from flask import Flask
from sqlalchemy import func, select

from app.extensions import db
from app.models import Organization, User
from tests.conftest import ENVIRON


def test_a_port_that_is_taken_ends_it_in_one_line(make_app: Callable[..., Flask]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = make_app(PORT=str(port)).test_cli_runner().invoke(args=["up"])

    assert result.exit_code == 1
    assert f"PORT {port} on HOST 127.0.0.1 cannot be used: Address already in use" in result.output
    assert ENVIRON["ADMIN_PASSWORD"] not in result.output


def test_init_twice_makes_one_organization(app: Flask) -> None:
    first, second = (app.test_cli_runner().invoke(args=["init"]) for _ in range(2))

    assert (first.exit_code, second.exit_code, second.output) == (0, 0, "")
    assert "Made the first organization" in first.output
    with app.app_context():
        counts = [
            db.session.scalar(select(func.count()).select_from(table)) for table in (Organization, User)
        ]
    assert counts == [1, 1]
