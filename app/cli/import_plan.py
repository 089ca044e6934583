"""What is to be done with each line of a CSV file of mailboxes, before anything is written."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.documents.mailbox_csv import CUSTOMER, CUSTOMER_NAME, CsvError, Line, Table, faults_of
from app.services import monitor_import
from app.services.identifiers import parse_reference
from app.services.monitor_config import ConfigStore
from app.services.monitor_import import Known, Mailbox, Name

NO_CUSTOMER = f"is required, as {CUSTOMER_NAME} or --customer are"


class RefusedError(Exception):
    """A line cannot be imported. `faults`: column -> sentences; `""` is the line as a whole."""

    def __init__(self, faults: dict[str, list[str]]) -> None:
        super().__init__()
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(f"{name} {text}".strip() for name, texts in self.faults.items() for text in texts)


@dataclass
class Plan:
    """Lines that are good, refused, and there already."""

    good: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[Line, str]] = field(default_factory=list)
    existing: int = 0
    namesakes: list[Line] = field(default_factory=list)
    """Passed over because the name is taken, by a monitor of another mailbox."""


@dataclass
class Planner:
    store: ConfigStore
    known: Known
    customer_id: int | None
    """The number of the customer of lines that name none."""
    _mailboxes: dict[Mailbox, int] = field(default_factory=dict)
    _names: dict[Name, int] = field(default_factory=dict)
    """Of this file, with the number of the line."""

    def plan(self, table: Table, lines: Iterable[Line]) -> Plan:
        plan = Plan()
        for line in lines:
            try:
                self._place(plan, line, self._fields(table, line))
            except RefusedError as refusal:
                plan.refused.append((line, str(refusal)))
        return plan

    def _fields(self, table: Table, line: Line) -> dict[str, Any]:
        try:
            body = table.body(line)
        except CsvError as error:
            raise RefusedError({"": [str(error)]}) from None
        customer, customer_faults = self._customer(body)
        # The number of a customer who cannot be is one more fault, and told already.
        fields, faults = faults_of({**body, CUSTOMER: customer or 0})
        if faults := {**customer_faults, **faults}:
            raise RefusedError(faults)
        return fields

    def _customer(self, body: dict[str, Any]) -> tuple[int | None, dict[str, list[str]]]:
        """The customer's number, or what is wrong with how the line names it."""
        reference, name = body.get(CUSTOMER), body.get(CUSTOMER_NAME)
        if reference is not None:
            wanted = parse_reference(reference)
            found = None if wanted is None else self.known.customers.get(wanted)
            if found is None:
                return None, {CUSTOMER: ["is no customer of this organization"]}
            if name is not None and found not in self.known.customers_by_name.get(name, ()):
                return None, {CUSTOMER_NAME: [f"is another customer than {CUSTOMER}"]}
            return found, {}
        if name is not None:
            named = self.known.customers_by_name.get(name, ())
            fault = "is no customer of this organization" if not named else f"is several: give {CUSTOMER}"
            return (named[0], {}) if len(named) == 1 else (None, {CUSTOMER_NAME: [fault]})
        return self.customer_id, {} if self.customer_id else {CUSTOMER: [NO_CUSTOMER]}

    def _place(self, plan: Plan, line: Line, fields: dict[str, Any]) -> None:
        mailbox = monitor_import.mailbox_of(self.store, fields)
        name = (fields["customer_id"], fields["name"])
        before = self._mailboxes.setdefault(mailbox, line.number)
        if before != line.number:
            raise RefusedError({"": [f"is the same mailbox as line {before}"]})
        before = self._names.setdefault(name, line.number)
        if before != line.number:
            raise RefusedError({"name": [f"is that of line {before} too"]})
        if mailbox in self.known.mailboxes:
            plan.existing += 1
        elif name in self.known.names:
            plan.namesakes.append(line)
        else:
            plan.good.append(fields)
