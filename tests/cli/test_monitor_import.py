"""`flask monitors import`: which lines become monitors, and what is said of the others."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask, current_app
from sqlalchemy import func, select

from app.cli import monitor_import as command
from app.domain.enums import MonitorStatus, Protocol
from app.errors import UnavailableError
from app.extensions import db
from app.models import AuditEntry, Customer, Monitor, MonitorSchedule, Organization
from app.services import monitor_import
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.terminal import run_at_terminal

Import = Callable[..., Result]
HEADER = "name,hostname,port,user,password,tls"
LINE = "Sales,mail.example.com,993,sales@example.com,s3cret-1,true"
OTHER = "Support,mail.example.com,993,support@example.com,s3cret-2,true"


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house, name="Example Customer")


@pytest.fixture
def run(app: Flask, customer: Customer, tmp_path: Path) -> Import:
    """Imports these lines for the customer."""

    def invoke(*lines: str, options: tuple[object, ...] = (), data: bytes | None = None) -> Result:
        path = tmp_path / "mailboxes.csv"
        path.touch(mode=0o600)
        path.write_bytes("\n".join(lines).encode() if data is None else data)
        given = ["monitors", "import", str(path), "--customer", str(customer.id), *map(str, options)]
        return app.test_cli_runner().invoke(args=given)

    return invoke


def stored() -> list[Monitor]:
    db.session.rollback()
    return list(db.session.scalars(select(Monitor).order_by(Monitor.id)))


def config_of(monitor: Monitor) -> dict[str, Any]:
    config: dict[str, Any] = current_app.config["CONFIG_STORE"].read(monitor)
    return config


def assert_nothing_imported(result: Result, *sentences: str) -> None:
    assert result.exit_code == 1, result.output
    for sentence in sentences:
        assert sentence in result.stderr
    assert "s3cret" not in result.output
    assert stored() == []


def test_every_column_goes_where_the_api_puts_its_key(run: Import, make: Factory) -> None:
    make.location()
    result = run(
        "Name;HOSTNAME;port;protocol;user;password;startTls;mailbox;checkInterval;timeoutSeconds;status;"
        "notificationEmail;notificationPhoneNumber;allowedCheckCountryCodes;certificateWarningDays;"
        "rejectUnauthorized;servername",
        ' Sales ;MAIL.example.com;110;pop3;sales;" a;b ";yes;Sent;2.5;10;disabled;'
        "ops@example.com;+4930123456;de at;30;false;mx.example.com",
    )
    assert result.stdout == "1 imported, 0 exist and are passed over, 0 refused.\n"
    (monitor,) = stored()
    assert (monitor.name, monitor.hostname, monitor.port) == ("Sales", "mail.example.com", 110)
    assert (monitor.protocol, monitor.status) == (Protocol.POP3, MonitorStatus.DISABLED)
    assert (monitor.check_interval, monitor.timeout_seconds) == (2.5, 10)
    assert (monitor.notification_email, monitor.notification_phone_number) == (
        "ops@example.com",
        "+4930123456",
    )
    assert monitor.allowed_check_country_codes == ["DE", "AT"]
    assert config_of(monitor) == {
        "protocol": "pop3",
        "user": "sales",
        "password": " a;b ",
        "startTls": True,
        "mailbox": "Sent",
        "certificateWarningDays": 30,
        "tlsOptions": {"rejectUnauthorized": False, "servername": "mx.example.com"},
    }


def test_imported_mailboxes_are_first_checked_at_their_own_slots(run: Import, make: Factory) -> None:
    make.location()
    run("name,hostname", *(f"Mailbox {number},mail{number}.example.com" for number in range(12)))
    planned = list(db.session.scalars(select(MonitorSchedule.next_check_at_ms)))
    assert len(set(planned)) == 12
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == 12


def test_a_byte_order_mark_blank_lines_and_empty_cells_do_no_harm(run: Import) -> None:
    result = run(data=f"\ufeff{HEADER}\r\n\r\nSales,mail.example.com,,,,\r\n,,,,,\r\n".encode())
    assert result.exit_code == 0
    (monitor,) = stored()
    assert (monitor.port, config_of(monitor)) == (None, {})


def test_the_same_file_twice_makes_no_duplicates(run: Import) -> None:
    run(HEADER, LINE)
    result = run(HEADER, LINE, OTHER)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "1 imported, 1 exist and are passed over, 0 refused.\n"
    result = run(HEADER, "Sales,other.example.com,993,,,true")
    assert result.stdout == "0 imported, 1 exist and are passed over, 0 refused.\n"
    assert "line 2: name is that of a monitor of another mailbox" in result.stderr
    assert [monitor.name for monitor in stored()] == ["Sales", "Support"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (",mail.example.com,993,,,", "line 3: name is required"),
        ("X,mail example,993,,,", "line 3: hostname must be a valid hostname"),
        ("X,mail.example.com,0,,,", "line 3: port must be from 1 to 65535"),
        ("X,mail.example.com,imaps,,,", "line 3: port must be an integer"),
        ("X,mail.example.com,993,me,,", "line 3: password is required with user"),
        ("X,mail.example.com,993,me,s3cret-3,maybe", "line 3: tls must be true or false"),
        ("X,mail.example.com,993,me,s3cret,3,true", "line 3: has 7 cells and the header 6: commas in a text"),
        (f"X{LINE[5:]}", "line 3: is the same mailbox as line 2"),
        ("Sales,other.example.com,993,,,", "line 3: name is that of line 2 too"),
    ],
)
def test_a_wrong_line_keeps_all_from_being_imported(run: Import, line: str, sentence: str) -> None:
    result = run(HEADER, LINE, line)
    assert_nothing_imported(result, sentence, "Nothing is imported: mend the refused lines")
    assert result.stdout == "1 would be imported, 0 exist and are passed over, 1 refused.\n"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty"),
        (b"name,hostname,colour,\nX,y,z,\n", "Unknown columns: colour, (no name). Known are: customerId, "),
        (b"name,name,hostname\n", "Columns that come twice: name."),
        (b"hostname,user\n", "Missing columns: name."),
        (b"name,hostname\nX,a.example\nB\xfcro,b.example\n", "Line 3 is not UTF-8 text"),
        (b'name,hostname,password\nX,a.example,"s3cret"4\n', "Line 2 cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(run: Import, data: bytes, sentence: str) -> None:
    assert_nothing_imported(run(data=data), sentence)


def test_lines_name_their_customers(run: Import, make: Factory, house: Organization) -> None:
    one, twin, _ = (make.customer(house, name=name) for name in ("One", "Twin", "Twin"))
    stranger = make.customer(name="Stranger")
    result = run(
        "name,hostname,customerId,customerName",
        "A,a.example,,One",
        f"B,b.example,{twin.public_id},",
        f"C,c.example,{one.id},One",
        f"D,d.example,{one.id},Twin",
        f"E,e.example,{stranger.id},",
        "F,f.example,,Nobody",
        "G,g.example,,Twin",
        options=("--skip-errors",),
    )
    assert result.exit_code == 1
    assert [(monitor.name, monitor.customer_id) for monitor in stored()] == [
        ("A", one.id),
        ("B", twin.id),
        ("C", one.id),
    ]
    assert result.stderr.splitlines() == [
        "line 5: customerName is another customer than customerId",
        "line 6: customerId is no customer of this organization",
        "line 7: customerName is no customer of this organization",
        "line 8: customerName is several: give customerId",
    ]


def test_a_line_without_a_customer_is_refused(app: Flask, house: Organization, tmp_path: Path) -> None:
    path = tmp_path / "mailboxes.csv"
    path.write_text("name,hostname\nX,a.example\n")
    result = app.test_cli_runner().invoke(args=["monitors", "import", str(path)])
    assert result.stderr.startswith("line 2: customerId is required, as customerName or --customer are\n")


def test_refused_lines_are_written_so_that_they_can_be_mended_and_imported(
    run: Import, tmp_path: Path
) -> None:
    report = tmp_path / "refused.csv"
    report.touch(mode=0o644)
    options = ("--skip-errors", "--error-report", report)
    result = run(HEADER, LINE, OTHER.replace("993", "0"), "X,y,z,too,many,cells,here", options=options)
    assert result.stdout == "1 imported, 0 exist and are passed over, 2 refused.\n"
    assert report.stat().st_mode & 0o777 == 0o600
    rows = list(csv.reader(report.read_text().splitlines()))
    assert rows[0] == ["error", *HEADER.split(",")]
    assert rows[1] == ["port must be from 1 to 65535", *OTHER.replace("993", "0").split(",")]
    assert rows[2][1:] == ["X", "y", "z", "too", "many", "cells", "here"]
    mended = "\n".join(report.read_text().splitlines()[:2]).replace(",0,", ",993,")
    assert run(data=mended.encode()).stdout.startswith("1 imported, 0 exist")
    assert [monitor.name for monitor in stored()] == ["Sales", "Support"]


def test_a_report_does_not_overwrite_what_is_imported(run: Import, tmp_path: Path) -> None:
    result = run(HEADER, LINE, options=("--error-report", tmp_path / "mailboxes.csv"))
    assert result.exit_code == 2
    assert LINE in (tmp_path / "mailboxes.csv").read_text()


def test_a_dry_run_imports_none(run: Import) -> None:
    result = run(HEADER, LINE, options=("--dry-run",))
    assert result.stdout == "1 would be imported, 0 exist and are passed over, 0 refused.\n"
    assert stored() == []


def test_passwords_that_all_may_read_are_warned_of(run: Import, tmp_path: Path) -> None:
    (tmp_path / "mailboxes.csv").touch()
    (tmp_path / "mailboxes.csv").chmod(0o644)
    assert "every user of this machine can read" in run(HEADER, LINE).stderr
    assert run("name,hostname", "X,a.example").stderr == ""


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (UnavailableError(), 1)], ids=["ctrl-c", "failure"]
)
def test_what_is_in_stays_in_when_it_ends_early(
    run: Import, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    real, seen = monitor_import.add, []

    def add(*arguments: Any) -> None:
        real(*arguments)
        seen.append(arguments)
        if len(seen) == 2:
            raise error

    monkeypatch.setattr(monitor_import, "add", add)
    monkeypatch.setattr(command, "SLICE", 2)
    result = run("name,hostname", *(f"Mailbox {number},mail{number}.example.com" for number in range(5)))
    assert result.exit_code == code
    assert "2 of 5 are imported; import the file again for the others." in result.stderr
    assert len(stored()) == 2
    monkeypatch.undo()
    assert run("name,hostname", *(f"Mailbox {n},mail{n}.example.com" for n in range(5))).exit_code == 0
    assert len(stored()) == 5


@pytest.mark.only_on("sqlite")
def test_progress_is_shown_at_a_terminal(database_url: str, customer: Customer, tmp_path: Path) -> None:
    path = tmp_path / "mailboxes.csv"
    path.write_text("name,hostname\nX,a.example\n")
    arguments = ["monitors", "import", str(path), "--customer", str(customer.id), "--dry-run"]
    code, shown = run_at_terminal(arguments, {**ENVIRON, "DATABASE_URL": database_url})
    assert code == 0, shown
    assert "Reading" in shown
    assert "1/1" in shown
    assert "1 would be imported" in shown
