"""Who may go where: the public schema's tables (design, decision 1)."""

from tenants.models.access import AccessToken, ApiToken, Invitation, JoinRequest
from tenants.models.births import AssetClaim, Birth, SchemaTemplate
from tenants.models.facebook import DeletionRequest, FacebookGrant
from tenants.models.organizations import HookRoute, Membership, Organization, Role, User
from tenants.models.partners import PartnerToken

__all__ = [
    "AccessToken",
    "ApiToken",
    "AssetClaim",
    "Birth",
    "DeletionRequest",
    "FacebookGrant",
    "HookRoute",
    "Invitation",
    "JoinRequest",
    "Membership",
    "Organization",
    "PartnerToken",
    "Role",
    "SchemaTemplate",
    "User",
]
