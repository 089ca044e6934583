"""The version of Pillarbox, as /openapi.json, the metrics and its own requests tell it."""

VERSION = "1.0.0"
USER_AGENT = f"Pillarbox/{VERSION}"
