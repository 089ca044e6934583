"""Monitors as a document: `monitors export` writes it, `apply` reads it (docs/monitors-as-code.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError

from app.documents.faults import UNKNOWN, flat_faults
from app.documents.fields import PublicId, Text
from app.documents.monitors import MonitorCreateSchema
from app.domain.first_faults import FirstFaults
from app.domain.secret_references import LookUp, resolve
from app.services.monitor_plan import ALL, Wanted

VERSION = 1
MAX_MONITORS = 20_000
MAX_CUSTOMERS = 20_000
MAX_ENTRY_VALUES = 32 * 1024
"""Of one entry, whatever is wrong with it: more than the body of a single monitor can have."""
CUSTOMER = "The name of a customer, if no other has it, or the public UUID of one."
CUSTOMERS = (
    "Whose monitors the document is about, and so whose may be removed: `all` of the organization, or a "
    "list. Without it: the customers that its monitors name."
)
CUSTOMERS_SHAPE = [
    {"type": "string", "enum": [ALL]},
    {"type": "array", "items": {"type": "string", "pattern": r"\S"}},
]
ALLOW_EMPTY = "Whether a document without monitors may remove all that there are."
PUBLIC_ID = (
    "Which monitor is meant. Without it: the one of that customer with that name. One that nobody has is "
    "given to a new monitor."
)
KEYS = frozenset({"version", "customers", "allowEmpty", "monitors"})
DEFAULTS: dict[str, Any] = {
    "port": None,
    "notification_email": None,
    "notification_phone_number": None,
    "allowed_check_country_codes": None,
}


class MonitorEntrySchema(MonitorCreateSchema):
    """A monitor as a whole: what is left out has its default."""

    READ_ONLY = frozenset()

    class Meta(MonitorCreateSchema.Meta):
        exclude = ("organization_id", "customer_id", "config")

    public_id = PublicId(metadata={"description": PUBLIC_ID})
    customer = Text(1, 255, trim=True, required=True, metadata={"description": CUSTOMER})


@dataclass
class MonitorsFile:
    """What a document says, as far as it could be read, and by path what is wrong with it."""

    customers: list[str] | str | None = None
    allow_empty: bool = False
    monitors: list[Wanted] = field(default_factory=list)
    faults: FirstFaults = field(default_factory=FirstFaults)
    kept: dict[str, str] = field(default_factory=dict)
    """Where a stored secret stays because a reference leads nowhere, and why."""


def read(document: Any, look_up: LookUp) -> MonitorsFile:
    """Judge a document as a whole; `look_up` follows its references."""
    found = MonitorsFile()
    if not isinstance(document, Mapping):
        found.faults.add("", "must be an object")
        return found
    for key in document:
        if key not in KEYS:
            found.faults.add(str(key), UNKNOWN)
    if type(document.get("version")) is not int or document["version"] != VERSION:
        found.faults.add("version", f"must be {VERSION}")
    _read_scope(document, found)
    _read_monitors(document.get("monitors"), look_up, found)
    return found


def _read_scope(document: Mapping[str, Any], found: MonitorsFile) -> None:
    allow_empty = document.get("allowEmpty", False)
    if not isinstance(allow_empty, bool):
        found.faults.add("allowEmpty", "must be true or false")
    found.allow_empty = allow_empty is True
    customers = document.get("customers")
    if isinstance(customers, list) and len(customers) > MAX_CUSTOMERS:
        found.faults.add("customers", f"must have at most {MAX_CUSTOMERS:,} customers")
        return
    is_list = isinstance(customers, list) and all(isinstance(one, str) and one.strip() for one in customers)
    if is_list:
        found.customers = [one.strip() for one in customers or ()]
    elif customers == ALL:
        found.customers = ALL
    elif "customers" in document:
        found.faults.add("customers", f"must be `{ALL}` or a list of names or public UUIDs")


def _read_monitors(entries: Any, look_up: LookUp, found: MonitorsFile) -> None:
    if not isinstance(entries, list):
        found.faults.add("monitors", "must be a list")
        return
    if len(entries) > MAX_MONITORS:
        found.faults.add("monitors", f"must have at most {MAX_MONITORS:,} monitors")
        return
    schema = MonitorEntrySchema()
    for at, entry in enumerate(entries):
        _read_entry(schema, entry, f"monitors.{at}", look_up, found)


def _read_entry(
    schema: MonitorEntrySchema, entry: Any, path: str, look_up: LookUp, found: MonitorsFile
) -> None:
    if _is_too_large(entry):
        found.faults.add(path, f"has more than {MAX_ENTRY_VALUES:,} values")
        return
    config = entry.get("imapPopConfig") if isinstance(entry, Mapping) else None
    faults: dict[str, list[str]] = {}
    if isinstance(config, Mapping):
        resolved = resolve(config, look_up, f"{path}.imapPopConfig")
        entry = {**entry, "imapPopConfig": resolved.config}
        found.kept |= resolved.kept
        faults |= resolved.faults
    try:
        fields: dict[str, Any] = schema.load(entry)
    except ValidationError as error:
        _note(dict(flat_faults(error.messages_dict, path)) | faults, found)
        return
    _note(faults, found)
    customer, public_id = fields.pop("customer"), fields.pop("public_id", None)
    fields["imap_pop_config"] = fields.get("imap_pop_config") or {}
    found.monitors.append(Wanted(path=path, customer=customer, public_id=public_id, fields=DEFAULTS | fields))


def _is_too_large(entry: Any) -> bool:
    left, open_ = MAX_ENTRY_VALUES, [entry]
    while open_:
        value = open_.pop()
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        left -= len(inner)
        if left < 0:
            return True
        open_.extend(inner)
    return False


def _note(faults: Mapping[str, list[str]], found: MonitorsFile) -> None:
    for path, texts in faults.items():
        for text in texts:
            found.faults.add(path, text)


def document_of(entries: list[dict[str, Any]], customers: list[str] | str) -> dict[str, Any]:
    """The document for exported monitors."""
    return {"version": VERSION, "customers": customers, "monitors": entries}
