"""Making an organization's monitors what a document says: a plan first, then all of it or nothing.

The plan is made without holding anything; encryption and comparison, which take the time, happen there. What
is written is written in one transaction, behind a look at whether somebody changed a monitor since.

Who a monitor of the document is: the one with its `publicId`, else the one of its customer with its name.
Customers, windows and channels are not made here; they have rules and rights of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.domain.differences import differences, secrets_sent
from app.domain.first_faults import FirstFaults
from app.domain.names import camel_case
from app.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, RequestError
from app.extensions import db
from app.models import Customer, MaintenanceWindow, Monitor
from app.services import access, maintenance_periods, monitor_changes
from app.services.access import OUTSIDE, Actor
from app.services.batches import batches
from app.services.customers import CUSTOMER_NOT_FOUND
from app.services.identifiers import parse_uuid
from app.services.monitor_changes import CHANGED_MEANWHILE, Draft, Revision
from app.services.monitor_config import ConfigStore

ALL = "all"
NOT_FOUND = "IMAP/POP monitor not found"
ACTIONS = ("create", "change", "delete")
MANY = 5
"""How many ids a sentence names."""


@dataclass(frozen=True)
class Wanted:
    """A monitor of the document."""

    path: str
    customer: str
    public_id: UUID | None
    fields: Mapping[str, Any] = field(repr=False)
    """All columns, and `imap_pop_config`."""


@dataclass(frozen=True)
class Change:
    """One monitor that will be created, changed or deleted; `changes` as people read them."""

    action: str
    public_id: UUID
    name: str
    customer: Customer
    changes: dict[str, dict[str, Any]]


@dataclass
class Plan:
    """What will be done."""

    organization_id: int
    seen: dict[int, datetime]
    """The monitors that the plan knows, by id, and when each was last changed."""
    drafts: list[Draft] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    removals: list[Monitor] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def counts(self) -> dict[str, int]:
        """By action."""
        counted = Counter(change.action for change in self.changes)
        return {action: counted[action] for action in ACTIONS}


class _Faults(FirstFaults):
    """All that is wrong, so that it can be mended at once."""

    def __init__(self) -> None:
        super().__init__()
        self._first: RequestError | None = None

    def add(
        self, path: str, text: str, kind: type[RequestError] = InvalidError, title: str | None = None
    ) -> None:
        super().add(path, text)
        if self._first is None:
            self._first = kind(title, f"{path} {text}")

    def require_none(self) -> None:
        """Raises the error of the first fault, which tells of all."""
        if self._first is not None:
            more = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
            raise type(self._first)(self._first.title, f"{self._first.message}{more}", faults=self.told())


def make(
    actor: Actor,
    store: ConfigStore,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
    organization_id: int | None = None,
    customers: Sequence[str] | str | None = None,
    prune: bool = False,
    allow_empty: bool = False,
    hides_matches: bool = False,
) -> Plan:
    """Compare the document with what is there. Changes nothing.

    With `hides_matches` every secret that was sent counts as changed: otherwise whoever may not read the
    stored ones could try theirs until one is told to be the same. Such a plan is not to be carried out.

    Raises InvalidError, NotFoundError or ForbiddenError, whichever fault comes first, with all faults.
    """
    organization = access.organization_in_question(actor, organization_id)
    planner = _Planner(actor, store, organization, now, hides_matches=hides_matches)
    return planner.plan(wanted, customers, prune, allow_empty)


def carry_out(actor: Actor, plan: Plan, *, now: datetime) -> None:
    """Do all of it. Raises ConflictError when monitors were changed since the plan was made.

    Holds what it needs in everybody's order (app/services/maintenance_periods.py): customers, windows,
    monitors.
    """
    if plan.is_empty:
        return
    leaving = {one.monitor.customer_id for one in plan.revisions if "customer_id" in one.values}
    leaving |= {monitor.customer_id for monitor in plan.removals}
    ids = leaving | {change.customer.id for change in plan.changes}
    for some in batches(sorted(ids)):
        maintenance_periods.hold_customers(*some)
    for some in batches(sorted(leaving)):
        maintenance_periods.hold(MaintenanceWindow.customer_id.in_(some))
    changing = [one.monitor.id for one in plan.revisions] + [one.id for one in plan.removals]
    held = monitor_changes.hold(changing, for_removal=bool(plan.removals))
    if len(held) != len(changing) or _seen(Monitor.organization_id == plan.organization_id) != plan.seen:
        raise ConflictError(CHANGED_MEANWHILE, "Nothing was done. Do it again to see what is different now.")
    if plan.removals:
        monitor_changes.remove(actor, plan.removals, now=now)
        db.session.flush()
    monitor_changes.write(actor, plan.revisions, now=now)
    if plan.drafts:
        monitor_changes.add(actor, plan.drafts, now=now, is_spread=True)


def _seen(*conditions: ColumnElement[bool]) -> dict[int, datetime]:
    rows = db.session.execute(select(Monitor.id, Monitor.updated_at).where(*conditions))
    return {row.id: row.updated_at for row in rows}


class _Planner:
    def __init__(
        self,
        actor: Actor,
        store: ConfigStore,
        organization_id: int,
        now: datetime,
        *,
        hides_matches: bool,
    ) -> None:
        self.hides_matches = hides_matches
        self.actor, self.store, self.now = actor, store, now
        self.organization_id = organization_id
        self.faults = _Faults()
        found = db.session.scalars(select(Customer).where(Customer.organization_id == organization_id))
        self.customers = {customer.id: customer for customer in found}
        self.by_uuid = {customer.public_id: customer for customer in self.customers.values()}
        self.by_name = defaultdict(list)
        for customer in self.customers.values():
            self.by_name[customer.name].append(customer)
        monitors = db.session.scalars(
            select(Monitor).where(Monitor.organization_id == organization_id).order_by(Monitor.id)
        ).all()
        self.monitors = {monitor.public_id: monitor for monitor in monitors}

    def plan(
        self, wanted: Sequence[Wanted], scope: Sequence[str] | str | None, prune: bool, allow_empty: bool
    ) -> Plan:
        owners = {one.path: self._customer(one.customer, f"{one.path}.customer") for one in wanted}
        in_scope = self._scope(scope, owners)
        meant = self._meant(wanted, owners)
        plan = Plan(self.organization_id, {one.id: one.updated_at for one in self.monitors.values()})
        for one in wanted:
            customer = owners[one.path]
            if customer is not None:
                self._settle(plan, one, customer, meant.get(one.path))
        if prune:
            self._prune(plan, in_scope, meant, may_empty=bool(wanted) or allow_empty)
        self.faults.require_none()
        return plan

    def _customer(self, reference: str, path: str) -> Customer | None:
        public_id = parse_uuid(reference)
        named = self.by_name.get(reference, [])
        customer = self.by_uuid.get(public_id) if public_id else None
        if customer is None and len(named) > 1:
            self.faults.add(path, f"is the name of several customers: {_ids(named)}")
            return None
        customer = customer or next(iter(named), None)
        if customer is None:
            self.faults.add(path, "names no customer of this organization", NotFoundError, CUSTOMER_NOT_FOUND)
        elif not self._may_act_on(customer.id):
            self.faults.add(path, f"is out of your reach. {OUTSIDE}", ForbiddenError)
            return None
        return customer

    def _may_act_on(self, customer_id: int) -> bool:
        return self.actor.customer_ids is None or customer_id in self.actor.customer_ids

    def _scope(self, scope: Sequence[str] | str | None, owners: Mapping[str, Customer | None]) -> set[int]:
        """The customers whose monitors the document is about."""
        if scope is None:
            return {customer.id for customer in owners.values() if customer}
        if isinstance(scope, str):
            return {number for number in self.customers if self._may_act_on(number)}
        found = [self._customer(one, f"customers.{at}") for at, one in enumerate(scope)]
        ids = {customer.id for customer in found if customer}
        for path, customer in owners.items():
            if customer and customer.id not in ids:
                self.faults.add(f"{path}.customer", "is not among the document's `customers`")
        return ids

    def _meant(self, wanted: Sequence[Wanted], owners: Mapping[str, Customer | None]) -> dict[str, Monitor]:
        """By path, which monitor is meant, where there is one already."""
        self._require_distinct(wanted, owners)
        claimed = {one.public_id for one in wanted if one.public_id}
        taken = self._taken(claimed - self.monitors.keys())
        by_name = defaultdict(list)
        for monitor in self.monitors.values():
            if monitor.public_id not in claimed:
                by_name[monitor.customer_id, monitor.name].append(monitor)
        meant: dict[str, Monitor] = {}
        for one in wanted:
            customer = owners[one.path]
            named = by_name.get((customer.id, one.fields["name"]), []) if customer else []
            if one.public_id is None:
                found = self._by_name(one, named)
            else:
                found = self._by_id(one, one.public_id, named, taken)
            if found is not None:
                meant[one.path] = found
        return meant

    def _by_name(self, one: Wanted, named: Sequence[Monitor]) -> Monitor | None:
        if len(named) > 1:
            self.faults.add(f"{one.path}.name", f"is the name of several monitors: {_ids(named)}")
        return named[0] if len(named) == 1 else None

    def _by_id(
        self, one: Wanted, public_id: UUID, named: Sequence[Monitor], taken: set[UUID]
    ) -> Monitor | None:
        path = f"{one.path}.publicId"
        monitor = self.monitors.get(public_id)
        if monitor is not None and not self._may_act_on(monitor.customer_id):
            self.faults.add(path, f"is out of your reach. {OUTSIDE}", ForbiddenError)
            return None
        if public_id in taken:
            self.faults.add(path, "names no monitor of this organization", NotFoundError, NOT_FOUND)
        elif monitor is None and named:
            # To take that one could change what nobody meant, to make another would watch a mailbox twice.
            text = f"is unknown, and the customer has a monitor of that name: {_ids(named)}"
            self.faults.add(path, text)
        return monitor

    def _require_distinct(self, wanted: Sequence[Wanted], owners: Mapping[str, Customer | None]) -> None:
        ids = Counter(one.public_id for one in wanted if one.public_id)
        keys = {one.path: (owners[one.path], one.fields["name"]) for one in wanted}
        names = Counter((owner and owner.id, name) for owner, name in keys.values())
        for one in wanted:
            owner, name = keys[one.path]
            if one.public_id and ids[one.public_id] > 1:
                self.faults.add(f"{one.path}.publicId", "stands there more than once")
            if not one.public_id and owner and names[owner.id, name] > 1:
                text = f"stands there more than once for {owner.name}: a publicId would tell which is meant"
                self.faults.add(f"{one.path}.name", text)

    def _taken(self, public_ids: set[UUID]) -> set[UUID]:
        """Those that monitors of other organizations have."""
        return {
            public_id
            for some in batches(list(public_ids))
            for public_id in db.session.scalars(select(Monitor.public_id).where(Monitor.public_id.in_(some)))
        }

    def _settle(self, plan: Plan, one: Wanted, customer: Customer, monitor: Monitor | None) -> None:
        if self.faults.count and monitor is None and one.public_id in self.monitors:
            return
        try:
            if monitor is None:
                self._draft(plan, one, customer)
            else:
                self._revise(plan, one, customer, monitor)
        except InvalidError as error:
            for path, texts in (error.faults or {"": [error.message]}).items():
                for text in texts:
                    self.faults.add(f"{one.path}.{path}".rstrip("."), text)

    def _draft(self, plan: Plan, one: Wanted, customer: Customer) -> None:
        made = monitor_changes.draft(
            self.store, customer, now=self.now, public_id=one.public_id, **one.fields
        )
        plan.drafts.append(made)
        told = differences({}, _told(one.fields) | {"imapPopConfig": made.config})
        shown = {path: change for path, change in told.items() if change["after"] is not None}
        self._note(plan, "create", made.monitor, customer, shown)

    def _revise(self, plan: Plan, one: Wanted, customer: Customer, monitor: Monitor) -> None:
        fields = {**one.fields, "customer_id": customer.id}
        revision = monitor_changes.revise(self.store, monitor, fields)
        sent = one.fields["imap_pop_config"] if self.hides_matches else {}
        tried = secrets_sent(revision.stored or {}, sent, "imapPopConfig")
        if not revision.values and not tried:
            plan.unchanged += 1
            return
        plan.revisions.append(revision)
        before, after = (self._with_customer(_told(columns)) for columns in revision.columns())
        if revision.wanted is not None:
            before["imapPopConfig"], after["imapPopConfig"] = revision.stored or {}, revision.wanted
        self._note(plan, "change", monitor, customer, differences(before, after) | tried)

    def _with_customer(self, told: dict[str, Any]) -> dict[str, Any]:
        if "customerId" in told:
            told["customer"] = self.customers[told.pop("customerId")].name
        return told

    def _prune(
        self, plan: Plan, in_scope: set[int], meant: Mapping[str, Monitor], *, may_empty: bool
    ) -> None:
        kept = {monitor.id for monitor in meant.values()}
        removals = [
            monitor
            for monitor in self.monitors.values()
            if monitor.id not in kept and monitor.customer_id in in_scope
        ]
        if removals and not may_empty:
            text = (
                f"is empty, and prune would remove {len(removals)}: say `allowEmpty: true` if that is meant"
            )
            self.faults.add("monitors", text)
        plan.removals = removals
        for monitor in removals:
            self._note(plan, "delete", monitor, self.customers[monitor.customer_id], {})

    def _note(
        self, plan: Plan, action: str, monitor: Monitor, customer: Customer, changes: dict[str, Any]
    ) -> None:
        plan.changes.append(Change(action, monitor.public_id, monitor.name, customer, changes))


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {camel_case(name): _plain(value) for name, value in columns.items() if name != "imap_pop_config"}


def _plain(value: Any) -> Any:
    """Whole numbers without a fraction, as they are written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ids(rows: Sequence[Customer] | Sequence[Monitor]) -> str:
    more = f" and {len(rows) - MANY} more" if len(rows) > MANY else ""
    return ", ".join(str(row.public_id) for row in rows[:MANY]) + more
