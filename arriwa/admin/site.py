"""The site itself: who comes in, and which organization they look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from arriwa.admin.menu import grouped
from arriwa.common.schema import enter_public, enter_tenant
from tenants.models import Organization
from tenants.staff import TooManyAttempts, attempt_check, staff_entered

SESSION_KEY = "staff_organization"
#: Apps whose tables are in an organization's schema, by label.
TENANT_APPS = {name.rpartition(".")[2] for name in settings.TENANT_APPS}


class StaffLoginForm(AuthenticationForm):
    """User name and password; attempts are counted."""

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError, also after too many attempts."""
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        try:
            attempt_check(login=self.cleaned_data.get("username", ""), address=address)
        except TooManyAttempts as error:
            self.add_error(None, error.message)
            return dict(self.cleaned_data)
        super().clean()
        return dict(self.cleaned_data)


class StaffSite(UnfoldAdminSite):
    """Staff alone; tables of an organization after it was entered."""

    login_form = StaffLoginForm
    index_title = site_title = site_header = "Arriwa"

    def get_urls(self) -> list[Any]:
        """Ours before Django's."""
        return [
            path("organization/", self.admin_view(self.choose), name="choose"),
            path(
                "organization/<uuid:organization>/", self.admin_view(require_POST(self.enter)), name="enter"
            ),
            path("organization/leave/", self.admin_view(require_POST(self.leave)), name="leave"),
            *super().get_urls(),
        ]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Enters the chosen organization's schema for the request; the middleware leaves it again."""
        guarded = super().admin_view(view, cacheable)

        def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            self._refuse_members(request)
            enter_public()
            chosen = self._chosen(request) if self.has_permission(request) else None
            request.staff_organization = chosen  # type: ignore[attr-defined]
            if chosen is not None:
                enter_tenant(chosen)
            elif self.has_permission(request) and self._of_tenant(request):
                messages.warning(request, _("Choose an organization first: its tables are its own."))
                return HttpResponseRedirect(reverse("admin:choose"))
            answer: HttpResponse = guarded(request, *args, **kwargs)
            return answer

        return update_wrapper(entered, guarded)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """For those who are not signed in; a member who is has nothing to look for here: 404."""
        self._refuse_members(request)
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """In our own groups; an app by itself as Django shows it."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        return apps if app_label else grouped(apps)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Adds the organization for the banner on every page."""
        context: dict[str, Any] = super().each_context(request)
        return {**context, "staff_organization": getattr(request, "staff_organization", None)}

    def choose(self, request: HttpRequest) -> HttpResponse:
        """The organizations, to enter one."""
        query = request.GET.get("q", "").replace("\x00", "").strip()
        found = Organization.objects.order_by("name")
        if query:
            found = found.filter(name__icontains=query)
        context = {
            **self.each_context(request),
            "title": _("Choose an organization"),
            "organizations": found[:100],
            "query": query,
        }
        return TemplateResponse(request, "admin/arriwa/choose.html", context)

    def enter(self, request: HttpRequest, organization: UUID) -> HttpResponse:
        """From now on this organization's tables are shown; its audit log tells so."""
        found = Organization.objects.filter(id=organization).first()
        if found is None:
            raise Http404
        if request.session.get(SESSION_KEY) != str(found.id):
            staff_entered(user=request.user, organization=found)  # type: ignore[arg-type]
            request.session[SESSION_KEY] = str(found.id)
        return HttpResponseRedirect(reverse("admin:index"))

    def leave(self, request: HttpRequest) -> HttpResponse:
        """No organization's tables are shown any more."""
        request.session.pop(SESSION_KEY, None)
        return HttpResponseRedirect(reverse("admin:index"))

    def _refuse_members(self, request: HttpRequest) -> None:
        if request.user.is_authenticated and not self.has_permission(request):
            raise Http404

    def _chosen(self, request: HttpRequest) -> Organization | None:
        chosen = request.session.get(SESSION_KEY)
        return Organization.objects.filter(id=chosen).first() if chosen else None

    def _of_tenant(self, request: HttpRequest) -> bool:
        start = reverse("admin:index")
        return request.path.removeprefix(start).partition("/")[0] in TENANT_APPS


site = StaffSite()
