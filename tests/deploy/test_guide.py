"""What docs/deployment.md has one type that no shell block runs: the preparation of PostgreSQL."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from app import create_app
from app.config import ROOT
from app.extensions import db
from tests.conftest import ENVIRON
from tests.parts import postgres, require

GUIDE = (ROOT / "docs" / "deployment.md").read_text()


@pytest.fixture
def prepared() -> Iterator[str]:
    """The URL of a database made by the guide's statements, under other names."""
    require(postgres.is_reachable(), "PostgreSQL", postgres.REMEDY)
    name, password = f"pillarbox_test_{uuid4().hex}", uuid4().hex
    (statements,) = re.findall(r"^```sql\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    statements = statements.replace("'the password'", f"'{password}'")
    statements = re.sub(r"\bpillarbox\b", name, statements)
    engine = create_engine(postgres.server_url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        try:
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(text(statement))
            url = postgres.server_url().set(username=name, password=password, database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE IF EXISTS {name}"))
    engine.dispose()


def test_role_of_the_guide_may_do_all_that_is_needed(prepared: str) -> None:
    app = create_app({**ENVIRON, "DATABASE_URL": prepared})
    with app.app_context():
        upgrade()
        ended = app.test_cli_runner().invoke(args=["init"])
        readable = app.test_client().get("/readyz").json
        is_super = db.session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
        db.session.remove()
        db.engine.dispose()

    assert ended.exit_code == 0
    assert readable is not None
    assert (readable["checks"]["database"], readable["checks"]["migrations"]) == ("ok", "ok")
    assert is_super is False
