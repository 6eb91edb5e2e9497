"""Looking at the workspace's numbers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from arriwa.pages.access import PageRequest, page
from arriwa.pages.onboarding import shown
from arriwa.pages.onboarding.forms import TestForm
from integrations.gupshup import onboarding as service
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.tokens import partner_configured
from integrations.models import Connection, NumberOnboarding
from tenants.abilities import MANAGE

managing = page(can=(MANAGE, "onboarding"))


def found(request: PageRequest, identity: UUID) -> NumberOnboarding:
    """The workspace's onboarding, else 404."""
    assert request.workspace is not None
    try:
        return service.onboarding_find(workspace=request.workspace, identity=identity)
    except service.OnboardingGone as error:
        raise Http404(error.message) from error


@require_GET
@managing
def overview(request: PageRequest) -> HttpResponse:
    """The workspace's numbers, or the ways to the first one."""
    mine = NumberOnboarding.objects.filter(workspace=request.workspace).select_related("connection")
    others = Connection.objects.filter(
        workspace=request.workspace,
        platform="gupshup",
        onboarding=None,
        removed_at=None,
        config__has_key="number",
    )
    numbers = [
        {"row": row, "number": _number(row.connection), **shown.overall(row)}
        for row in mine.order_by("created_at")
    ]
    context = {
        "numbers": numbers,
        "others": others.order_by("created_at"),
        "partner": partner_configured(),
        "sandbox": shown.sandbox_page(),
    }
    return render(request, "pages/onboarding/overview.html", context)


@require_GET
@managing
def how_to(request: PageRequest) -> HttpResponse:
    """How to get a number that can be used."""
    return render(request, "pages/onboarding/how_to.html")


@require_GET
@managing
def number(request: PageRequest, identity: UUID) -> HttpResponse:
    """One number: its steps, live, and what its owner can do now."""
    onboarding = found(request, identity)
    return render(request, "pages/onboarding/number.html", number_context(onboarding))


def number_context(onboarding: NumberOnboarding, test_form: TestForm | None = None) -> dict[str, Any]:
    """All that the number's page shows."""
    told = _state_context(onboarding)
    failed = next(
        (row for row in told["steps"] if row.state == steps.FAILED and row.step not in steps.BY_OWNER), None
    )
    return {
        "onboarding": onboarding,
        "number": _number(onboarding.connection),
        "link": shown.link_shown(onboarding),
        "failed": failed,
        "page_checked": steps.state_of(onboarding.steps, steps.PAGE_LINK) == steps.DONE,
        "test_form": test_form or TestForm(),
        "sandbox": shown.sandbox_page(onboarding),
        "digest": shown.acts_digest(onboarding),
        "polled": shown.moving(onboarding),
        **told,
    }


@require_GET
@managing
def state(request: PageRequest, identity: UUID) -> HttpResponse:
    """The list of steps alone, for the page that watches it."""
    onboarding = found(request, identity)
    answer = render(request, "pages/onboarding/state.html", _state_context(onboarding))
    if request.GET.get("seen") != shown.acts_digest(onboarding):
        answer["X-Location"] = f"/wa-onboarding/{onboarding.id}"
    elif not shown.moving(onboarding):
        answer["X-Done"] = "1"
    return answer


def _state_context(onboarding: NumberOnboarding) -> dict[str, Any]:
    return {
        "steps": shown.step_list(onboarding),
        "overall": shown.overall(onboarding),
        "templates": shown.templates_of(onboarding),
        "test_status": shown.test_status(onboarding),
    }


def _number(connection: Connection | None) -> str:
    return str(connection.config.get("number", "")) if connection is not None else ""
