"""What a caller may do: the abilities of their role or token, and how far the workspace has come (T3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from arriwa.api.authentication import Principal
from arriwa.pages.gate import PAGES, reason_text, workspace_gate
from tenants.gates import OPEN, STAGES, Gate
from tenants.models import Organization
from tenants.workspaces.models import Workspace

if TYPE_CHECKING:
    # The framework's views load this module while they are loaded themselves.
    from rest_framework.views import APIView

#: In an ability's place: everybody, signed in or not.
ANYONE: Final = "anyone"
#: In an ability's place: whoever is signed in.
SIGNED_IN: Final = "signed in"

WORKSPACE_HEADER = "X-Workspace"


class Locked(APIException):
    """The workspace has not come so far: the answer names the page on which to go on."""

    status_code = 423
    default_code = "locked"

    def __init__(self, gate: Gate) -> None:
        super().__init__(reason_text(gate), self.default_code)
        #: Added to the answer as `location`.
        self.location = PAGES[gate.stage]


class Allowed(BasePermission):
    """Reads `view.ability` and `view.stage`; every view of the API declares the first (a test checks it).

    `ability`: (verb, subject), ANYONE or SIGNED_IN; for all methods or as {"GET": …, "POST": …}.
    `stage`: from which stage of the workspace on the view is open (`tenants.gates`); default OPEN.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False leads to 401. Raises PermissionDenied, NotFound for a workspace, Locked."""
        ability = ability_for(view, str(request.method))
        if ability == ANYONE:
            return True
        principal: Any = request.user
        if not isinstance(principal, Principal):
            return False
        if ability == SIGNED_IN or ability is None:
            # None: a method that the view does not have; it answers 405 by itself.
            return True
        if principal.organization is None:
            raise PermissionDenied(_("You belong to no organization yet: choose your Page first."), "no_page")
        if not principal.abilities.can(*ability):
            raise PermissionDenied(
                _("Your role or token does not allow this. Ask an owner or admin of the organization.")
            )
        check_stage(request, principal, getattr(view, "stage", OPEN))
        return True


def ability_for(view: Any, method: str) -> Any:
    """What a method of the view takes; None for a method that it does not have.

    Raises AttributeError for a view that declares nothing: nothing is open by oversight.
    """
    declared = view.ability
    if isinstance(declared, dict):
        return declared.get("GET" if method == "HEAD" else method)
    return declared


def check_stage(request: Request, principal: Principal, stage: str) -> None:
    """Raises Locked unless the chosen workspace, or any when none is chosen, has come to `stage`."""
    if stage == STAGES[0]:
        return
    chosen = workspace_chosen(request, principal)
    found = [chosen] if chosen else list(Workspace.objects.order_by("created_at"))
    furthest: Gate | None = None
    for workspace in found:
        gate = workspace_gate(workspace)
        if gate.opens(stage):
            return
        if furthest is None or gate.opens(furthest.stage):
            furthest = gate
    raise Locked(furthest or Gate(STAGES[0], "number"))


def workspace_chosen(request: Request, principal: Principal) -> Workspace | None:
    """The workspace of `X-Workspace`, `?workspace=` or the browser's session; None when none is named.

    Raises NotFound for an id that the organization does not have.
    """
    named = request.headers.get(WORKSPACE_HEADER) or request.query_params.get("workspace") or ""
    if not named:
        return Workspace.objects.filter(id=principal.workspace).first() if principal.workspace else None
    try:
        found = Workspace.objects.filter(id=UUID(named)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(_("This organization has no such workspace: see /api/v1/workspaces/."))
    return found


def principal_of(request: Request) -> Principal:
    """Who calls. Raises Http404 where nobody is signed in: a guarded view never comes so far."""
    caller: Any = request.user
    if not isinstance(caller, Principal):
        raise Http404
    return caller


def organization_of(request: Request) -> Organization:
    """The caller's organization. Raises PermissionDenied for somebody without one."""
    organization = principal_of(request).organization
    if organization is None:
        raise PermissionDenied(_("You belong to no organization yet: choose your Page first."), "no_page")
    return organization
