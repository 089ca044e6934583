"""A CSV file of mailboxes: its columns are the keys of a monitor's body and of its config."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.documents.faults import flat_faults
from app.documents.monitors import MonitorCreateSchema

DELIMITERS = ",;"
CONFIG = "imapPopConfig"
CUSTOMER, CUSTOMER_NAME = "customerId", "customerName"
ERROR = "error"
"""The column that an error report adds; it is passed over, so that a mended report can be read again."""

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_DELIMITER_NAMES = {",": "commas", ";": "semicolons"}


class CsvError(Exception):
    """The file as a whole cannot be used; the text never quotes a cell."""


def _text(cell: str) -> Any:
    return cell.strip()


def _as_it_is(cell: str) -> Any:
    """A password may begin or end with a space."""
    return cell


def _number(cell: str) -> Any:
    """What is none stays a text, and the schema says so."""
    text = cell.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", text) else text


def _flag(cell: str) -> Any:
    return _FLAGS.get(cell.strip().lower(), cell)


def _codes(cell: str) -> Any:
    return cell.split()


_OF_MONITOR: dict[str, Callable[[str], Any]] = {
    CUSTOMER: _text,
    CUSTOMER_NAME: _text,
    "name": _text,
    "hostname": _text,
    "port": _number,
    "status": _text,
    "checkInterval": _number,
    "timeoutSeconds": _number,
    "notificationEmail": _text,
    "notificationPhoneNumber": _text,
    "allowedCheckCountryCodes": _codes,
}
_OF_CONFIG: dict[str, Callable[[str], Any]] = {
    "protocol": _text,
    "user": _text,
    "password": _as_it_is,
    "tls": _flag,
    "startTls": _flag,
    "mailbox": _text,
    "certificateWarningDays": _number,
    "responseTimeWarningMs": _number,
    "maxMessageAgeMinutes": _number,
}
_OF_TLS: dict[str, Callable[[str], Any]] = {"rejectUnauthorized": _flag, "servername": _text}
COLUMNS = (*_OF_MONITOR, *_OF_CONFIG, *_OF_TLS)
REQUIRED = ("name", "hostname")

_schema = MonitorCreateSchema()


@dataclass(frozen=True)
class Line:
    """A line of the file, numbered as editors do; a quoted cell may go over several."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    delimiter: str
    lines: Sequence[Line]

    @property
    def has_passwords(self) -> bool:
        return "password" in self.header

    def body(self, line: Line) -> dict[str, Any]:
        """The line as the body of a request; an empty cell is a key that is not sent.

        Raises CsvError when it has not as many cells as the header.
        """
        if len(line.cells) != len(self.header):
            name = _DELIMITER_NAMES[self.delimiter]
            raise CsvError(
                f"has {len(line.cells)} cells and the header {len(self.header)}: {name} in a text need quotes"
            )
        filled = {name: cell for name, cell in zip(self.header, line.cells, strict=True) if cell.strip()}
        body, config, tls = (
            {name: read(filled[name]) for name, read in readers.items() if name in filled}
            for readers in (_OF_MONITOR, _OF_CONFIG, _OF_TLS)
        )
        return {**body, CONFIG: {**config, **({"tlsOptions": tls} if tls else {})}}

    def report(self, refused: Sequence[tuple[Line, str]]) -> str:
        """A file of the refused lines as they were, with what is wrong in a column more.

        That column is the first: a line may have any number of cells.
        """
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        kept = [at for at, name in enumerate(self.header) if name != ERROR]
        writer.writerow([ERROR, *(self.header[at] for at in kept)])
        dropped = set(range(len(self.header))) - set(kept)
        for line, fault in refused:
            writer.writerow([fault, *(cell for at, cell in enumerate(line.cells) if at not in dropped)])
        return text.getvalue()


def read_table(data: bytes) -> Table:
    """Read a file with commas or semicolons, UTF-8 with or without a byte order mark. Raises CsvError."""
    text = _decoded(data)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    rows = list(_rows(text, delimiter))
    if not rows:
        raise CsvError("The file is empty: its first line names the columns.")
    return Table(_header(rows[0].cells), delimiter, rows[1:])


def faults_of(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What the API would take such a body for, and what is wrong with it by column."""
    try:
        return _schema.load(body), {}
    except ValidationError as error:
        return {}, {_column(path): texts for path, texts in flat_faults(error.messages)}


def _column(path: str) -> str:
    return path.removeprefix(f"{CONFIG}.").removeprefix("tlsOptions.")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        # The error would quote what it could not decode.
        raise CsvError(f"Line {number} is not UTF-8 text: save the file as UTF-8.") from None


def _rows(text: str, delimiter: str) -> Iterator[Line]:
    """Lines without any text are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Line(number, cells)
            number = reader.line_num + 1
    except csv.Error:
        raise CsvError(f"Line {number} cannot be read as CSV: look at its quotation marks.") from None


def _header(cells: Sequence[str]) -> list[str]:
    """The columns as we write them; people need not mind capital letters."""
    known = {name.lower(): name for name in (*COLUMNS, ERROR)}
    names = [cell.strip() for cell in cells]
    if unknown := [name or "(no name)" for name in names if name.lower() not in known]:
        raise CsvError(f"Unknown columns: {', '.join(unknown)}. Known are: {', '.join(COLUMNS)}.")
    header = [known[name.lower()] for name in names]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise CsvError(f"Columns that come twice: {', '.join(twice)}.")
    if missing := [name for name in REQUIRED if name not in header]:
        raise CsvError(f"Missing columns: {', '.join(missing)}.")
    return header
