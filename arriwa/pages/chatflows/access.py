"""Guards and context that all pages below /chatflows share."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from arriwa.pages.access import PageRequest, page
from tenants import gates
from tenants.abilities import MANAGE, READ
from tenants.workspaces.models import Workspace

SUBJECT: Final = "chatflows"
#: Whoever may look, and whoever may change; both from the moment the workspace is open.
reading = page(can=(READ, SUBJECT), stage=gates.OPEN)
changing = page(can=(MANAGE, SUBJECT), stage=gates.OPEN)

TABS: Final = (
    ("/chatflows", gettext_lazy("Agentflows")),
    ("/chatflows/playbook", gettext_lazy("Playbook")),
    ("/chatflows/trial", gettext_lazy("Trial chat")),
    ("/chatflows/publish", gettext_lazy("Go live")),
    ("/chatflows/customers", gettext_lazy("Known customers")),
)


def posted(request: PageRequest, name: str) -> str:
    """A posted text without blanks around it and without the character that no database takes."""
    return request.POST.get(name, "").replace("\0", "").strip()


def number_in(text: str) -> int:
    """A whole number that a form or address gives; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def workspace_of(request: PageRequest) -> Workspace:
    """The workspace, which these pages never lack."""
    assert request.workspace is not None
    return request.workspace


def shown(request: PageRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page below /chatflows with its tabs."""
    path = request.path
    here = max((url for url, _ in TABS if path == url or path.startswith(f"{url}/")), key=len, default="")
    tabs = [{"url": url, "label": label, "current": url == here} for url, label in TABS]
    may_edit = request.abilities.can(MANAGE, SUBJECT)
    context = {"tabs": tabs, "may_edit": may_edit, **context}
    return render(request, f"pages/chatflows/{template}.html", context, status=status)
