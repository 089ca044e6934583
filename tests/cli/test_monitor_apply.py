"""`flask monitors export` and `flask monitors apply`: files make monitors, and monitors make files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from flask import Flask, current_app
from jsonschema import Draft202012Validator
from sqlalchemy import func, select

from app.clock import to_ms, utcnow
from app.config import ROOT
from app.documents.monitors_schema import json_schema
from app.domain.enums import MonitorStatus
from app.extensions import db
from app.models import AuditEntry, Customer, MaintenanceWindow, Monitor, MonitorSchedule, Organization
from tests.factories import Factory

Apply = Callable[..., Result]
ENTRY = {
    "customer": "Acme",
    "name": "Info",
    "hostname": "mail.example.com",
    "imapPopConfig": {"user": "info@example.com", "password": {"env": "INFO_PASSWORD"}, "tls": True},
}


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house, name="Acme")


@pytest.fixture
def apply(app: Flask, customer: Customer, tmp_path: Path) -> Apply:
    """Applies a document, or a text, as the house, which is the first organization."""

    def run(document: Any, *options: str, **environment: str) -> Result:
        file = tmp_path / "monitors.yaml"
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        result = app.test_cli_runner(env=environment).invoke(args=["monitors", "apply", str(file), *options])
        db.session.expire_all()
        return result

    return run


@pytest.fixture
def export(app: Flask) -> Callable[..., str]:
    def run(*options: str) -> str:
        result = app.test_cli_runner().invoke(args=["monitors", "export", *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def document(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": 1, **more, "monitors": list(entries)}


def names() -> list[str]:
    return list(db.session.scalars(select(Monitor.name).order_by(Monitor.id)))


def config_of(monitor: Monitor) -> Any:
    return current_app.config["CONFIG_STORE"].read(monitor)


def count_audit(action: str) -> int:
    return db.session.scalar(select(func.count()).where(AuditEntry.action == action)) or 0


def test_a_file_makes_monitors_once(apply: Apply, make: Factory) -> None:
    make.location()
    shown = apply(document(ENTRY), "--dry-run", INFO_PASSWORD="hush")
    assert (shown.exit_code, names()) == (2, [])

    done = apply(document(ENTRY), INFO_PASSWORD="hush")
    assert (done.exit_code, names()) == (0, ["Info"]), done.output
    assert "hush" not in shown.output + done.output
    assert "imapPopConfig.password: (secret)" in shown.output

    monitor = db.session.scalars(select(Monitor)).one()
    assert config_of(monitor)["password"] == "hush"
    updated_at = monitor.updated_at
    planned = db.session.scalars(select(MonitorSchedule.next_check_at_ms)).one()
    assert planned is not None
    assert planned > to_ms(monitor.created_at), "at its own slot"
    assert count_audit("monitor.create") == 1

    again = apply(document(ENTRY), INFO_PASSWORD="hush")
    assert (again.exit_code, again.output) == (0, "Nothing to do: 1 monitors are as the file says.\n")
    assert apply(document(ENTRY), "--dry-run", INFO_PASSWORD="hush").exit_code == 0
    assert db.session.scalars(select(Monitor)).one().updated_at == updated_at
    assert count_audit("monitor.update") == 0


@pytest.mark.parametrize("words", [["--no-such"], [], ["no-such-file.yaml", "--dry-run"]])
def test_wrong_usage_is_no_verdict(app: Flask, words: list[str]) -> None:
    """2 is what --dry-run says when there is something to do."""
    done = app.test_cli_runner().invoke(args=["monitors", "apply", *words])
    assert done.exit_code == 1, done.output
    assert "Error: " in done.output


def test_what_is_left_out_has_its_default_and_secrets_are_told_as_changed(
    apply: Apply, make: Factory
) -> None:
    apply(document(ENTRY | {"port": 1993, "status": "disabled"}), INFO_PASSWORD="hush")

    done = apply(document(ENTRY), INFO_PASSWORD="other")

    assert done.exit_code == 0
    lines = [line.strip() for line in done.output.splitlines()[1:-1]]
    assert lines == [
        "port: 1993 → null",
        'status: "disabled" → "active"',
        "imapPopConfig.password: (secret) changed",
    ]
    assert count_audit("monitor.update") == 1


def test_all_faults_are_told_with_their_lines_and_nothing_is_done(apply: Apply) -> None:
    text = """\
version: 1
unknown: 1
monitors:
  - {customer: Acme, name: Good, hostname: mail.example.com}
  - customer: Nobody
    name: Bad
    hostname: https://x
    port: "993"
    imapPopConfig:
      user: a
      token: {env: MISSING}
"""
    done = apply(text)

    assert (done.exit_code, names()) == (1, [])
    found = [line.partition("monitors.yaml:")[2].split(" ")[0:2] for line in done.output.splitlines()[:-1]]
    assert found == [
        ["2:", "unknown"],
        ["7:", "monitors.1.hostname"],
        ["8:", "monitors.1.port"],
        ["9:", "monitors.1.imapPopConfig.password"],
        ["11:", "monitors.1.imapPopConfig.token"],
    ]
    assert done.output.endswith("Error: Nothing was changed.\n")


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([{"customer": "Nobody"}], "3: monitors.0.customer names no customer of this organization"),
        ([{"customer": "Twins"}], "monitors.0.customer is the name of several customers: "),
        ([{}, {}], "monitors.0.name stands there more than once for Acme"),
        ([{"name": "Double"}], "monitors.0.name is the name of several monitors: "),
        ([{"publicId": "99999999-9999-4999-8999-999999999999"}, {"publicId": "{double}"}], ""),
        ([{"publicId": "{foreign}"}], "monitors.0.publicId names no monitor of this organization"),
        (
            [{"publicId": "99999999-9999-4999-8999-999999999999", "name": "Single"}],
            "monitors.0.publicId is unknown, and the customer has a monitor of that name: ",
        ),
        ([{"publicId": "{double}"}, {"publicId": "{double}"}], "monitors.1.publicId stands there more"),
        ([{"imapPopConfig": {"user": "a", "password": "********"}}], "is the mask of a secret"),
        (
            [{"imapPopConfig": {"user": "a", "password": {"env": "NO_SUCH", "else": "keep"}}}],
            "none is stored: the environment has no variable NO_SUCH",
        ),
    ],
)
def test_who_a_monitor_is(
    apply: Apply, make: Factory, customer: Customer, entries: list[dict[str, Any]], sentence: str
) -> None:
    house = db.session.get_one(Organization, customer.organization_id)
    for _ in range(2):
        make.customer(house, name="Twins")
        double = make.monitor(customer, name="Double")
    make.monitor(customer, name="Single")
    ids = {"{double}": str(double.public_id), "{foreign}": str(make.monitor().public_id)}
    base = {"customer": "Acme", "name": "New", "hostname": "mail.example.com"}
    given = [{key: ids.get(str(value), value) for key, value in (base | one).items()} for one in entries]

    done = apply(document(*given), "--dry-run")

    assert done.exit_code == (1 if sentence else 2), done.output
    assert sentence in done.output


def test_a_file_of_one_installation_brings_up_another(
    apply: Apply, export: Callable[..., str], make: Factory, customer: Customer, tmp_path: Path
) -> None:
    """Without the environment it changes nothing where it came from; with it, it makes all anew."""
    secrets = {"user": "a", "password": "hush", "x-api-key": "s3cret", "tls": True}
    monitor = make.monitor(customer, secrets, name="Info", port=1993, check_interval=0.5)
    make.monitor(customer, {}, name="Bare", status=MonitorStatus.MAINTENANCE)

    text = export()

    assert "hush" not in text
    assert "s3cret" not in text
    Draft202012Validator(json_schema()).validate(yaml.safe_load(text))
    assert apply(text, "--prune").output.startswith("Nothing to do: 2")
    public_id = monitor.public_id
    db.session.delete(monitor)
    db.session.commit()
    refused = apply(text)
    assert refused.exit_code == 1
    assert "none is stored: the environment has no variable MAILBOX_INFO_" in refused.output
    stem = f"MAILBOX_INFO_{str(public_id)[:8].upper()}"
    assert apply(text, **{f"{stem}_PASSWORD": "hush", f"{stem}_X_API_KEY": "s3cret"}).exit_code == 0
    again = db.session.scalars(select(Monitor).where(Monitor.public_id == public_id)).one()
    assert config_of(again) == secrets
    assert sorted(export()) == sorted(text), "in the order in which they were made"


def test_prune_removes_within_the_customers_that_the_file_is_about(
    apply: Apply, export: Callable[..., str], make: Factory, house: Organization, customer: Customer
) -> None:
    other = make.monitor(make.customer(house, name="Other"), name="Other's")
    kept, gone = (make.monitor(customer, {}, name=name) for name in ("Kept", "Gone"))
    make.channel(gone)
    make.window(customer, [gone])
    both = make.window(customer, [gone, kept])
    entry = {"customer": "Acme", "name": "Kept", "hostname": "mail.example.com"}

    assert apply(document(entry)).output.startswith("Nothing to do")
    assert apply(document(entry), "--prune", "--dry-run").exit_code == 2
    done = apply(document(entry), "--prune")

    assert (done.exit_code, names()) == (0, ["Other's", "Kept"]), done.output
    assert db.session.scalars(select(MaintenanceWindow.id)).all() == [both.id]
    assert count_audit("monitor.delete") == count_audit("channel.delete") == 1
    refused = apply(document(customers="all"), "--prune")
    assert refused.exit_code == 1
    assert "say `allowEmpty: true` if that is meant" in refused.output
    assert apply(document(customers=["Acme"], allowEmpty=True), "--prune").exit_code == 0
    assert names() == [other.name]
    assert yaml.safe_load(export("--customer", str(customer.id)))["customers"] == ["Acme"]


def test_a_monitor_may_be_renamed_and_moved_by_its_id(
    apply: Apply, make: Factory, house: Organization, customer: Customer
) -> None:
    monitor = make.monitor(customer, {}, name="Old")
    make.window(customer, [monitor])
    make.customer(house, name="Other")
    entry = {"publicId": str(monitor.public_id), "customer": "Other", "name": "New"}

    done = apply(document(entry | {"hostname": "mail.example.com"}))

    assert done.exit_code == 0, done.output
    assert 'name: "Old" → "New"' in done.output
    assert 'customer: "Acme" → "Other"' in done.output
    moved = db.session.scalars(select(Monitor)).one()
    assert (moved.name, moved.customer.name) == ("New", "Other")
    assert moved.customer_since is not None
    assert moved.customer_since <= utcnow()


def test_secrets_may_stand_in_files_beside_it(apply: Apply, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"hush\n")
    config = {"user": "a", "password": {"file": "password"}}

    assert apply(document(ENTRY | {"imapPopConfig": config})).exit_code == 0
    assert config_of(db.session.scalars(select(Monitor)).one())["password"] == "hush"


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "reference",
    [
        {"env": "CREDENTIALS_KEYS"},
        {"env": "JWT_SECRET_KEY_FILE", "else": "keep"},
        {"file": "key"},
        {"file": "link"},
        {"file": f"{ROOT}/instance/credentials_keys"},
        {"file": f"{ROOT}/docs/../.env", "else": "keep"},
    ],
)
def test_references_do_not_reach_the_service_s_own_secrets(
    apply: Apply, tmp_path: Path, reference: dict[str, str]
) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret")
    (tmp_path / "link").symlink_to(key)
    config = {"user": "a", "password": reference}

    own = {"CREDENTIALS_KEYS": "s3cret", "SMTP_URL_FILE": str(key)}
    done = apply(document(ENTRY | {"imapPopConfig": config}), **own)

    assert (done.exit_code, names()) == (1, [])
    assert "imapPopConfig.password names what is a setting or a secret of Pillarbox itself" in done.output


def test_secrets_that_are_kept_are_told(apply: Apply, make: Factory, customer: Customer) -> None:
    make.monitor(customer, {"user": "a", "password": "hush"}, name="Info")
    config = {"user": "a", "password": {"env": "NO_SUCH", "else": "keep"}}

    done = apply(document(ENTRY | {"imapPopConfig": config}))

    assert done.exit_code == 0, done.output
    assert "1 stored secrets are kept" in done.stderr
    assert "the environment has no variable NO_SUCH" in done.stderr
    assert "NO_SUCH" not in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a: 1\na: 2", "monitors.yaml:2: has a key twice"), ("- 1", "the document must be an object")],
)
def test_what_is_no_document_is_refused(apply: Apply, text: str, sentence: str) -> None:
    done = apply(text)
    assert done.exit_code == 1
    assert sentence in done.output
