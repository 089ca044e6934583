"""The JSON Schema of a document of monitors: made from its fields, the rules that join them written out."""

from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from app.documents.monitors_file import (
    ALLOW_EMPTY,
    CUSTOMERS,
    CUSTOMERS_SHAPE,
    MAX_MONITORS,
    VERSION,
    MonitorEntrySchema,
)
from app.domain.enums import AuthMethod, GrantType, OAuthPreset
from app.domain.secret_references import KEEP, NAME_PATTERN
from app.domain.secrets import is_secret

PATH = "/schemas/monitors.json"
TITLE = "Pillarbox monitors"
Json = dict[str, Any]

SECRET: Json = {
    "description": "A secret by reference. With `else: keep` the stored one stays where it leads nowhere.",
    "type": "object",
    "properties": {
        "env": {
            "type": "string",
            "pattern": f"^{NAME_PATTERN}$",
            "description": "A variable of the environment of whoever applies the document.",
        },
        "file": {
            "type": "string",
            "minLength": 1,
            "description": "A file with nothing but the secret; its path begins beside the document.",
        },
        "else": {"const": KEEP},
    },
    "oneOf": [{"required": ["env"]}, {"required": ["file"]}],
    "additionalProperties": False,
}
SECRET_REF = {"$ref": "#/$defs/secret"}
HOST_NAME = r"^(?!-)[^\s/@:?#\[\]_.,;!*'\"\\]+(\.[^\s/@:?#\[\]_.,;!*'\"\\]+)*\.?$"
IPV6 = r"^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$"
IPV4 = r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$"
HOSTNAME: Json = {
    "anyOf": [
        {"pattern": HOST_NAME, "not": {"pattern": r"(^|\.)([0-9]+|0[xX][0-9A-Fa-f]*)\.?$"}},
        {"pattern": IPV4},
        {"pattern": IPV6},
    ]
}


@cache
def json_schema() -> Json:
    """JSON Schema, draft 2020-12, of what `monitors apply` reads."""
    spec = APISpec(TITLE, "1", openapi_version="3.1.0", plugins=[_plugin()])
    entry = _plugin_of(spec).converter.schema2jsonschema(MonitorEntrySchema())
    entry["additionalProperties"] = False
    properties = entry["properties"]
    properties["hostname"] |= HOSTNAME
    properties["imapPopConfig"] = {"anyOf": [_config(properties["imapPopConfig"]), {"type": "null"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "object",
        "required": ["version", "monitors"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": VERSION, "type": "integer"},
            "customers": {"description": CUSTOMERS, "anyOf": CUSTOMERS_SHAPE},
            "allowEmpty": {"type": "boolean", "description": ALLOW_EMPTY},
            "monitors": {"type": "array", "maxItems": MAX_MONITORS, "items": entry},
        },
        "$defs": {"secret": SECRET},
    }


def _plugin() -> Any:
    # Everything in one place: an editor need not follow references.
    return MarshmallowPlugin(schema_name_resolver=lambda _: "")


def _plugin_of(spec: Any) -> Any:
    return spec.plugins[0]


def _config(nested: Json) -> Json:
    """The `imapPopConfig` object, with what may stand together in it."""
    config = _object(nested)
    properties = config["properties"]
    oauth = _object(properties["oauth2"])
    _add_references(properties)
    _add_references(oauth["properties"])
    oauth["allOf"] = _oauth_rules()
    tls_options = _object(properties["tlsOptions"])
    if "servername" in tls_options["properties"]:
        tls_options["properties"]["servername"] |= {"anyOf": [{"type": "null"}, HOSTNAME]}
    tls_options["not"] = {"allOf": [_is("legacy", True), _set("minVersion")]}
    properties["oauth2"] = {"anyOf": [oauth, {"type": "null"}]}
    properties["tlsOptions"] = {"anyOf": [tls_options, {"type": "null"}]}
    config["allOf"] = _config_rules()
    return config


def _object(nested: Json) -> Json:
    """Of a nested schema the object, without null."""
    found = next((one for one in nested.get("anyOf", ()) if "properties" in one), nested)
    return {**found, "type": "object"}


def _add_references(properties: Json) -> None:
    for name in properties:
        if is_secret(name):
            properties[name] = {"anyOf": [properties[name], SECRET_REF]}


def _config_rules() -> list[Json]:
    is_xoauth2 = _is("authMethod", AuthMethod.XOAUTH2.value)
    return [
        {"not": {"allOf": [_is("tls", True), _is("startTls", True)]}},
        {
            "if": is_xoauth2,
            "then": {
                "allOf": [_set("user"), _set("oauth2")],
                "anyOf": [_is("tls", True), _is("startTls", True)],
            },
            "else": {"not": _set("oauth2"), "if": _set("user"), "then": _set("password")},
        },
    ]


def _oauth_rules() -> list[Json]:
    microsoft, google = (
        _is("preset", preset.value) for preset in (OAuthPreset.MICROSOFT365, OAuthPreset.GOOGLE)
    )
    refresh, client = (
        _is("grantType", grant.value) for grant in (GrantType.REFRESH_TOKEN, GrantType.CLIENT_CREDENTIALS)
    )
    by_default = {"not": _set("grantType")}
    takes_tenant = {"allOf": [microsoft, {"not": _set("tokenUrl")}]}
    is_refresh = {"anyOf": [refresh, {"allOf": [by_default, _set("refreshToken")]}]}
    return [
        _set("clientId"),
        {"anyOf": [_set("tokenUrl"), _set("preset")]},
        {"if": takes_tenant, "then": _set("tenant"), "else": {"not": _set("tenant")}},
        {
            "if": is_refresh,
            "then": _set("refreshToken"),
            "else": {"allOf": [_set("clientSecret"), {"not": _set("refreshToken")}]},
        },
        {"not": {"allOf": [client, _set("refreshToken")]}},
        {"if": {"allOf": [google, {"not": _set("tokenUrl")}]}, "then": is_refresh},
    ]


def _set(name: str) -> Json:
    """It is there and not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _is(name: str, value: Any) -> Json:
    return {"required": [name], "properties": {name: {"const": value}}}
