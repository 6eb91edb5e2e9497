"""/settings/audit: who changed what."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from arriwa.pages.access import PageRequest, page
from arriwa.pages.settings.forms import AuditForm
from arriwa.pages.settings.sentences import sentence_of
from tenants.abilities import READ
from tenants.audit import audit_actors, audit_find
from tenants.workspaces.models import AuditEntry

PER_PAGE = 50


@require_GET
@page(can=(READ, "audit"), workspace=False)
def audit(request: PageRequest) -> HttpResponse:
    """The log, filtered by the query; times are the workspace's own."""
    form = AuditForm(request.GET or None, actors=audit_actors())
    valid = form.is_valid()
    chosen = form.cleaned_data if valid else {}
    zone = zone_of(request)
    found = Paginator(audit_find(**query_of(chosen, zone)), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    with timezone.override(zone):
        context = {
            "form": form,
            "page": found,
            "rows": [(entry, sentence_of(entry)) for entry in found.object_list],
            "filtered": bool(valid and any(chosen.values())),
            "query": query.urlencode(),
            "zone": str(zone),
            "staff": AuditEntry.Via.STAFF,
        }
        return render(
            request, "pages/settings/audit.html", context, status=400 if form.is_bound and not valid else 200
        )


def query_of(chosen: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    """The form's values as `audit_find` takes them: days become moments of the zone."""
    since, until = chosen.get("since"), chosen.get("until")
    return {
        "actor": UUID(chosen["actor"]) if chosen.get("actor") else None,
        "action": chosen.get("action", ""),
        "query": chosen.get("q", "").strip(),
        "since": datetime.combine(since, time(), zone) if since else None,
        "until": datetime.combine(until + timedelta(days=1), time(), zone) if until else None,
    }


def zone_of(request: PageRequest) -> tzinfo:
    """The workspace's time zone; UTC before there is one."""
    return ZoneInfo(request.workspace.time_zone) if request.workspace else ZoneInfo("UTC")
