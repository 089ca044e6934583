"""Closed lists under one name each in the OpenAPI document: a generated client has one type of each."""

from typing import Any

from flask_smorest import Api

from app.api.incidents.schemas import TIMELINE_KINDS, TYPES
from app.documents.mailbox_config import TLS_VERSIONS
from app.documents.monitors import STATUS_ALIASES
from app.domain import enums
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.uptime import TimeKind
from app.services.asked_range import Granularity

_ENUMS = (
    enums.ActorKind,
    enums.AlertEvent,
    enums.AlertStatus,
    enums.AuditAction,
    enums.AuthMethod,
    enums.ChannelCategory,
    enums.CheckStatus,
    enums.CustomerStatus,
    enums.ErrorCode,
    enums.GrantType,
    enums.Health,
    enums.IncidentStatus,
    enums.Language,
    enums.MonitorStatus,
    enums.OAuthPreset,
    enums.Phase,
    enums.Protocol,
    enums.RecurrenceFrequency,
    enums.Role,
    enums.WarningCode,
    Granularity,
    TimeKind,
)
_LISTS: dict[str, tuple[str, ...]] = {
    **{enum.__name__: tuple(enum) for enum in _ENUMS},
    "ChannelType": tuple(CHANNEL_TYPES),
    "IncidentType": TYPES,
    "MonitorStatusOrAlias": (*enums.MonitorStatus, *STATUS_ALIASES),
    "ResultCode": (*enums.ErrorCode, *enums.WarningCode),
    "TimelineKind": TIMELINE_KINDS,
    "TlsVersion": TLS_VERSIONS,
}
_NAMES = {tuple(map(str, values)): name for name, values in _LISTS.items()}


def init_api(api: Api) -> None:
    """To be called before anything is registered."""
    api.ma_plugin.converter.add_attribute_function(_named)


def _named(self: Any, field: Any, ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put a reference in the place of a list that has a name; apispec calls it last for each field."""
    name = _NAMES.get(tuple(str(value) for value in ret.get("enum", ()) if value is not None))
    if name is None:
        return {}
    del ret["enum"]
    ret.pop("type", None)
    schemas = self.spec.components.schemas
    if name not in schemas:
        self.spec.components.schema(name, {"type": "string", "enum": [str(one) for one in _LISTS[name]]})
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"anyOf": [reference, {"type": "null"}]} if field.allow_none else reference
