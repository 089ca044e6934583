"""What the user endpoints take and answer (contract section 4)."""

from marshmallow import fields

from app.api.auth.schemas import UserSchema
from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import Choice, CustomerReference, Email, Flag, NewPassword, Text, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema
from app.domain.enums import Role


class UserPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset({"id", "publicId", "organizationId", "createdAt", "updatedAt"})

    email = Email(trim=True)
    first_name = Text(0, 255, trim=True, allow_none=True)
    last_name = Text(0, 255, trim=True, allow_none=True)
    role = Choice(Role)
    customer_ids = fields.List(
        CustomerReference(),
        allow_none=True,
        error_messages={"invalid": "must be a list"},
        metadata={"description": "Restricts the user to these customers; null: no restriction."},
    )
    is_active = Flag()
    password = NewPassword(metadata={"description": "Setting one ends all sessions of the user."})


class UserCreateSchema(UserPatchSchema):
    READ_ONLY = UserPatchSchema.READ_ONLY - {"organizationId"}

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    email = Email(trim=True, required=True)
    role = Choice(Role, required=True)
    password = NewPassword(
        metadata={"description": "Without one nobody can log in as this user until it is set."}
    )


class UserPageSchema(PageSchema):
    items = fields.List(fields.Nested(UserSchema), required=True)


class UserQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    search = Text(0, 255, metadata={"description": "Part of the e-mail address or of a name."})
