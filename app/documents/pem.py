"""Certificates in PEM form, the only text of a config that has lines."""

from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from marshmallow import ValidationError, fields

MAX_CA = 48 * 1024


class PemText(fields.String):
    """One or more certificates in PEM form."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, *args, **kwargs)
        if len(text) > MAX_CA:
            raise ValidationError(f"must have at most {MAX_CA} characters")
        try:
            load_pem_x509_certificates(text.encode())
        except ValueError:
            raise ValidationError("must be one or more certificates in PEM form") from None
        return text
