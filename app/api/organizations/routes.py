"""Organization endpoints (contract section 4)."""

from typing import Any

from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.organizations import examples
from app.api.organizations.schemas import (
    OrganizationArgsSchema,
    OrganizationCreateSchema,
    OrganizationPageSchema,
    OrganizationPatchSchema,
    OrganizationQueryArgsSchema,
    OrganizationSchema,
)
from app.extensions import db
from app.services import organizations
from app.services.access import Action

UNKNOWN = f"404 {organizations.NOT_FOUND}"

blp = Blueprint(
    "Organizations",
    __name__,
    url_prefix="/api",
    description="The tenants, and the settings customers inherit",
)


@blp.route("/organization")
@blp.allow(Action.READ)
@blp.arguments(OrganizationArgsSchema, location="query")
@blp.response(200, OrganizationSchema, example=examples.ORGANIZATION)
@blp.fails(UNKNOWN)
def get_organization(query: dict[str, Any]) -> Any:
    """Show your organization"""
    return organizations.get(current_actor(), **query)


@blp.route("/organization", methods=["PATCH"])
@blp.allow(Action.UPDATE_ORGANIZATION)
@blp.arguments(OrganizationArgsSchema, location="query")
@blp.arguments(OrganizationPatchSchema, example=examples.PATCH_REQUEST)
@blp.response(200, OrganizationSchema, example=examples.ORGANIZATION)
@blp.fails(UNKNOWN)
def update_organization(query: dict[str, Any], body: dict[str, Any]) -> Any:
    """Change the settings that are sent"""
    organization = organizations.update(current_actor(), now=now(), **query, **body)
    db.session.commit()
    return organization


@blp.route("/organizations")
@blp.allow(Action.MANAGE_ORGANIZATIONS)
@blp.arguments(OrganizationQueryArgsSchema, location="query")
@blp.response(200, OrganizationPageSchema, example=examples.PAGE)
def list_organizations(query: dict[str, Any]) -> Any:
    """List all organizations; for global_admin"""
    return organizations.list_page(**query)


@blp.route("/organizations", methods=["POST"])
@blp.allow(Action.MANAGE_ORGANIZATIONS)
@blp.arguments(OrganizationCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, OrganizationSchema, example=examples.ORGANIZATION)
def create_organization(body: dict[str, Any]) -> Any:
    """Add an organization; for global_admin"""
    organization = organizations.create(current_actor(), now=now(), **body)
    db.session.commit()
    return organization, {"Location": f"/api/organization?organizationId={organization.id}"}
