"""The version of Pillarbox, as /openapi.json and the metrics tell it."""

VERSION = "0.1.0"
