"""Known customers: upload, look at what is in the file, take it in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import phonenumbers
from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, reading, shown, workspace_of
from integrations.models import Connection
from subscribers.customers import MOST_BYTES, Columns, LineProblem, Table, columns_guess
from subscribers.models import CustomerImport
from subscribers.services import customers
from tenants.workspaces.models import Workspace

HERE = "/chatflows/customers"
_SHOWN = 5
_PROBLEMS_SHOWN = 50
REASONS = {
    "empty": gettext_lazy("no phone"),
    "not_a_phone": gettext_lazy("this is no phone number"),
    "double": gettext_lazy("the number is in the list twice"),
}


class Choice(forms.Form):
    """Which columns hold what, and whose country numbers without a code are of."""

    phone = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Column with the phone"))
    name = forms.TypedChoiceField(coerce=int, label=gettext_lazy("Column with the name"))
    country = forms.ChoiceField(
        label=gettext_lazy("Country of numbers without a code"),
        choices=[
            (code, f"{code} (+{phonenumbers.country_code_for_region(code)})")
            for code in sorted(phonenumbers.SUPPORTED_REGIONS)
        ],
    )

    def __init__(self, table: Table, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [(n, _title(table, n)) for n in range(table.width)]
        self.fields["phone"].choices = columns  # type: ignore[attr-defined]
        self.fields["name"].choices = [(-1, _("none")), *columns]  # type: ignore[attr-defined]


@reading
def show(request: PageRequest) -> HttpResponse:
    """The upload, and what the file holds that was uploaded last."""
    workspace = workspace_of(request)
    if request.method == "POST":
        return _uploaded(request)
    waiting = CustomerImport.objects.filter(workspace=workspace, state="preview").first()
    context = _preview(request, waiting) if waiting else {}
    past = CustomerImport.objects.filter(workspace=workspace).exclude(state="preview")
    return shown(request, "customers", load=waiting, past=past.order_by("-created_at")[:10], **context)


@require_POST
@changing
def take(request: PageRequest) -> HttpResponse:
    """Takes in what the page showed; a second press finds it taken in already."""
    load = _load(request, request.POST.get("load", ""))
    if load.state != CustomerImport.State.PREVIEW:
        return HttpResponseRedirect(f"{HERE}/{load.id}")
    form = Choice(customers.customers_preview(load), request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the columns and the country once more."))
        return HttpResponseRedirect(HERE)
    chosen = form.cleaned_data
    try:
        customers.customers_import(
            load=load,
            columns=Columns(chosen["phone"], chosen["name"]),
            country=chosen["country"],
            actor=request.actor,
        )
    except ArriwaError as error:
        messages.error(request, _(error.message))
        return HttpResponseRedirect(HERE)
    return HttpResponseRedirect(f"{HERE}/{load.id}")


@reading
def progress(request: PageRequest, load: UUID) -> HttpResponse:
    """How far an import is; with `X-Fragment` the figures alone."""
    found = _load(request, str(load))
    if request.headers.get("X-Fragment"):
        answer = render(request, "pages/chatflows/customers_progress.html", {"load": found})
        if found.state == CustomerImport.State.DONE:
            answer["X-Done"] = "1"
        return answer
    return shown(request, "customers_import", load=found)


@changing
def _uploaded(request: PageRequest) -> HttpResponse:
    upload = request.FILES.get("file")
    if upload is None:
        messages.error(request, _("Choose a file first."))
        return HttpResponseRedirect(HERE)
    try:
        customers.customers_upload(
            workspace=workspace_of(request),
            body=upload.read(MOST_BYTES + 1),
            file_name=str(upload.name).replace("\0", ""),
            actor=request.actor,
        )
    except ArriwaError as error:
        messages.error(request, _(error.message))
    return HttpResponseRedirect(HERE)


def _preview(request: PageRequest, load: CustomerImport) -> dict[str, Any]:
    table = customers.customers_preview(load)
    guess = columns_guess(table)
    start: dict[str, Any] = {"phone": guess.phone, "name": guess.name}
    start["country"] = _country(workspace_of(request))
    form = Choice(table, request.GET) if "phone" in request.GET else Choice(table, initial=start)
    chosen = form.cleaned_data if form.is_bound and form.is_valid() else start
    reading = customers.customers_reading(table, Columns(chosen["phone"], chosen["name"]), chosen["country"])
    if not form.is_bound:
        form = Choice(table, initial=start)
    return {
        "form": form,
        "chosen": chosen,
        "people": reading.people[:_SHOWN],
        "count": len(reading.people),
        "left_out": len(reading.problems),
        "problems": [_line(problem) for problem in reading.problems[:_PROBLEMS_SHOWN]],
        "more_problems": max(0, len(reading.problems) - _PROBLEMS_SHOWN),
    }


def _line(problem: LineProblem) -> str:
    return _("Line %(line)s: %(why)s") % {"line": problem.line, "why": REASONS[problem.code]}


def _title(table: Table, number: int) -> str:
    if number < len(table.header):
        return table.header[number] or str(number + 1)
    sample = next((cells[number] for _n, cells in table.rows if number < len(cells) and cells[number]), "")
    return f"{number + 1}: {sample[:30]}"


def _country(workspace: Workspace) -> str:
    """The country of the workspace's own number."""
    for connection in Connection.objects.filter(workspace=workspace, platform="gupshup", removed_at=None):
        try:
            number = phonenumbers.parse(f"+{connection.config.get('number', '')}")
        except phonenumbers.NumberParseException:
            continue
        if region := phonenumbers.region_code_for_number(number):
            return region
    return "KZ"


def _load(request: PageRequest, text: str) -> CustomerImport:
    try:
        found = CustomerImport.objects.filter(workspace=workspace_of(request), id=UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found
