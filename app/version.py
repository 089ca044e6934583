"""The version of Pillarbox, as /openapi.json, the metrics and its own requests tell it."""

VERSION = "0.1.0"
USER_AGENT = f"Pillarbox/{VERSION}"
