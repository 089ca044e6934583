"""Schema with the house rules: camelCase keys, and nothing that is not known."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, ValidationError, fields, pre_load
from marshmallow import Schema as MarshmallowSchema

from app.domain.names import camel_case

OTHER_ORGANIZATION = "For global roles only: another organization than the one of the user."


class Schema(MarshmallowSchema):
    """Snake case in Python, camelCase on the wire."""

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.data_key = field_obj.data_key or camel_case(field_name)


class BodySchema(Schema):
    """What is handed in. Keys in READ_ONLY are ignored, so that what was read can be sent back."""

    READ_ONLY: ClassVar[frozenset[str]] = frozenset()
    MAY_BE_LEFT_OUT: ClassVar[bool] = False
    """No body at all is then an empty object, of any media type; the view says so by `required=False`."""

    @pre_load
    def drop_read_only(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError("must be an object")
        return {key: value for key, value in data.items() if key not in self.READ_ONLY}
