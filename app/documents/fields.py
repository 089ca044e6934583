"""Fields as strict as contract section 1: what the database could not store never gets that far."""

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from app.clock import to_iso
from app.domain.addresses import MAX_EMAIL, PHONE_PATTERN, AddressError, normalise_email, require_phone
from app.domain.bounds import MAX_PASSWORD, MIN_PASSWORD
from app.domain.hostname import HostnameError, normalise_hostname
from app.domain.time_zones import is_time_zone
from app.services.identifiers import MAX_ID, parse_reference, parse_uuid

MAX_INTEGER = 2**63 - 1
MAX_DEPTH = 16
REQUIRED = "is required"
NOT_NULL = "must not be null"
HOSTNAME_FAULT = "must be a valid hostname (no protocol, no path)"
CUSTOMER_FAULT = "must be the numeric id or the public UUID of a customer"

REFERENCE_PATTERN = "^([0-9]{1,19}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"
"""For the OpenAPI document: a number or a public UUID, as paths and `customerId` take them."""
LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
LINES_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_COUNTRY = re.compile(r"[A-Za-z]{2}")

_MESSAGES = {"required": REQUIRED, "null": NOT_NULL}


def text_fault(text: str, *, is_multiline: bool = False) -> str | None:
    """Why a text cannot be stored everywhere, or None. Many lines also allow tabs."""
    if (_FORBIDDEN_IN_LINES if is_multiline else _FORBIDDEN).search(text):
        return "must not contain control characters or lone surrogates"
    return None


class Text(fields.String):
    """A string of limited length, trimmed if asked for."""

    default_error_messages = {**_MESSAGES, "invalid": "must be a string"}
    pattern = LINE_PATTERN
    is_multiline = False

    def __init__(self, low: int = 0, high: int = 255, *, trim: bool = False, **kwargs: Any) -> None:
        self.low, self.high, self.trim = low, high, trim
        shape = {"minLength": low, "maxLength": high, "pattern": self.pattern}
        metadata = {**shape, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, *args, **kwargs)
        if fault := text_fault(text, is_multiline=self.is_multiline):
            raise ValidationError(fault)
        text = text.strip() if self.trim else text
        if not self.low <= len(text) <= self.high:
            raise ValidationError(f"must have {self.low} to {self.high} characters")
        return text


class Lines(Text):
    """The same with line breaks and tabs: what a person wrote for others to read."""

    pattern = LINES_PATTERN
    is_multiline = True


class NewPassword(Text):
    """A password to be set. Any characters but control characters; length is what makes it strong."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "password", **kwargs.pop("metadata", {})}
        super().__init__(MIN_PASSWORD, MAX_PASSWORD, load_only=True, metadata=metadata, **kwargs)


class Choice(Text):
    """One of a closed list. `aliases` are accepted for the value they stand for."""

    def __init__(self, values: Any, aliases: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self.values = {value: value for value in values} | {
            name: next(value for value in values if value == target)
            for name, target in (aliases or {}).items()
        }
        metadata = {"enum": [str(name) for name in self.values], **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)
        del self.metadata["minLength"], self.metadata["maxLength"], self.metadata["pattern"]

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if text not in self.values:
            raise ValidationError(f"must be one of {', '.join(self.values)}")
        return self.values[text]


class Whole(fields.Integer):
    """A JSON integer in a range; `1.0` is one, `true` and `"1"` are not. Query strings set `is_text`."""

    default_error_messages = {**_MESSAGES, "invalid": "must be an integer"}

    def __init__(
        self, low: int = 0, high: int = MAX_INTEGER, *, is_text: bool = False, **kwargs: Any
    ) -> None:
        self.is_text = is_text
        limits = validate.Range(low, high, error=f"must be from {low} to {high}")
        super().__init__(validate=limits, **kwargs)

    def _validated(self, value: Any) -> int:
        if self.is_text and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self.make_error("invalid")
        return int(value)


class Number(fields.Float):
    """A JSON number in a range; whole ones are shown without a fraction."""

    default_error_messages = {**_MESSAGES, "invalid": "must be a number"}

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        limits = validate.Range(low, high, error=f"must be from {low} to {high}")
        super().__init__(validate=limits, **kwargs)

    def _validated(self, value: Any) -> float:
        # Compared before it is converted: an integer may be larger than any float, and NaN is not smaller.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= sys.float_info.max:
            raise self.make_error("invalid")
        return float(value)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return int(value) if float(value).is_integer() else value


class Flag(fields.Boolean):
    """`true` or `false`, nothing that merely looks like it."""

    default_error_messages = {**_MESSAGES, "invalid": "must be true or false"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class TextFlag(Flag):
    """The same in a query string: the word."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._deserialize({"true": True, "false": False}.get(value), *args, **kwargs)


class Hostname(Text):
    """A host name or an IP literal, normalised."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, 253, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        try:
            return normalise_hostname(value if isinstance(value, str) else "")
        except HostnameError:
            raise ValidationError(HOSTNAME_FAULT) from None


class Reference(fields.Raw):
    """A numeric id (also as a string of digits) or a public UUID: an int or a UUID."""

    fault = "must be a numeric id or a public UUID"
    default_error_messages = {**_MESSAGES}

    def __init__(self, **kwargs: Any) -> None:
        shape = {"minimum": 0, "maximum": MAX_ID, "pattern": REFERENCE_PATTERN}
        metadata = {"type": ["integer", "string"], **shape, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int | UUID:
        reference = parse_reference(value) if isinstance(value, str) else None
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if is_whole and not isinstance(value, bool) and abs(value) <= MAX_ID:
            reference = int(value)
        if reference is None:
            raise ValidationError(self.fault)
        return reference


class CustomerReference(Reference):
    fault = CUSTOMER_FAULT
    default_error_messages = {"null": CUSTOMER_FAULT}


class PublicId(Text):
    """A UUID in its canonical form, in any case."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uuid", **kwargs.pop("metadata", {})}
        super().__init__(36, 36, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        public_id = parse_uuid(value) if isinstance(value, str) else None
        if public_id is None:
            raise ValidationError("must be a UUID")
        return public_id


class TimeZone(Text):
    """A name of the IANA time zone database."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, 64, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        name = super()._deserialize(value, *args, **kwargs)
        if not is_time_zone(name):
            raise ValidationError("must be a name of the IANA time zone database, such as Europe/Berlin")
        return name


class Email(Text):
    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "email", **kwargs.pop("metadata", {})}
        super().__init__(3, MAX_EMAIL, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return normalise_email(text)
        except AddressError as error:
            raise ValidationError(str(error)) from None


class Phone(Text):
    """A number in E.164 form."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": f"^{PHONE_PATTERN}$", **kwargs.pop("metadata", {})}
        super().__init__(8, 16, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        try:
            return require_phone(text)
        except AddressError as error:
            raise ValidationError(str(error)) from None


class CountryCodes(fields.List[str]):
    """ISO 3166 codes, upper-cased, each once; an empty list is no restriction and so null."""

    default_error_messages = {**_MESSAGES, "invalid": "must be a list"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Text(2, 2, metadata={"pattern": "^[A-Za-z]{2}$"}), allow_none=True, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        codes: list[Any] = super()._deserialize(value, *args, **kwargs)
        if not all(_COUNTRY.fullmatch(code) for code in codes):
            raise ValidationError("must be ISO 3166 codes of two letters")
        return list(dict.fromkeys(code.upper() for code in codes)) or None


class Instant(fields.Field[datetime]):
    """An instant in answers: ISO 8601, UTC, milliseconds."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"type": "string", "format": "date-time", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else to_iso(value)


class AsStored(fields.Nested):
    """An object in answers that goes out as it was stored; its schema is what callers are told of it."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override] # as Nested itself
        return value


class JsonObject(fields.Dict):
    """Any JSON object whose texts and numbers every database can hold."""

    default_error_messages = {**_MESSAGES, "invalid": "must be an object"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if faults := unstorable(value):
            raise ValidationError(faults)
        return value


def unstorable(value: Any, multiline: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """What some database could not hold of a JSON value: dotted path -> what is wrong there.

    Paths in `multiline` may have line breaks and tabs.
    """
    faults: dict[str, list[str]] = {}
    for path, fault in _unstorable(value, "", multiline, 0):
        faults.setdefault(path, []).append(fault)
    return faults


def _unstorable(value: Any, path: str, multiline: frozenset[str], depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        yield path, f"must not be nested deeper than {MAX_DEPTH} levels"
        return
    if fault := _scalar_fault(value, is_multiline=path in multiline):
        yield path, fault
    for key, item in _children(value):
        if isinstance(key, str) and (fault := text_fault(key)):
            yield path, f"has a key that {fault}"
        else:
            yield from _unstorable(item, f"{path}.{key}".lstrip("."), multiline, depth + 1)


def _scalar_fault(value: Any, *, is_multiline: bool) -> str | None:
    if isinstance(value, str):
        return text_fault(value, is_multiline=is_multiline)
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return "must fit into 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    return None


def _children(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
