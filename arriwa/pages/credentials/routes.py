"""The routing table: which accounts serve the chats of which number, with a default row (T2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import done, guarded, told, workspace_of
from integrations.base.assets import NoSuchOption, route_set
from integrations.base.routing import FIELDS, RoutingTable, Source, routing_table
from integrations.models import Connection

HERE = "/credentials/routes"
DEFAULT: Final = "default"

LABELS: Final[dict[str, str | Promise]] = {
    "agentflow": gettext_lazy("Agentflow"),
    "dataset": gettext_lazy("Messaging dataset"),
    "good_pixel": gettext_lazy("GOOD pixel"),
    "noise_pixel": gettext_lazy("NOISE pixel"),
    "ad_account": gettext_lazy("Ad account for audiences"),
    "catalog": gettext_lazy("Catalog"),
    "pipeline": gettext_lazy("Kommo pipeline"),
    "payments": gettext_lazy("Stripe account"),
}
INHERITED: Final[dict[Source, str | Promise]] = {
    Source.DEFAULT: gettext_lazy("As the default: %(name)s"),
    Source.ACCOUNT: gettext_lazy("Of the number's WhatsApp account: %(name)s"),
    Source.ONLY: gettext_lazy("The only one: %(name)s"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a row: its options, which is chosen, and what an empty choice means."""

    name: str
    label: str | Promise
    #: [(id, name)]
    options: list[tuple[str, str]]
    value: str
    inherited: str


@dataclass(frozen=True, slots=True)
class Row:
    """A number's row, or the default one."""

    key: str
    title: str
    cells: list[Cell]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def table(request: PageRequest) -> HttpResponse:
    """All rows on one page; POST saves them all."""
    workspace = workspace_of(request)
    current = routing_table(workspace.id)
    rows = [_row(current, None)] + [_row(current, one) for one in current.of_platform("gupshup")]
    if request.method != "POST":
        return render(request, "pages/credentials/routes.html", {"rows": rows})
    numbers: dict[str, Connection | None] = {DEFAULT: None}
    numbers |= {str(one.id): one for one in current.of_platform("gupshup")}
    try:
        for row in rows:
            choices = _posted(request, row)
            if choices:
                route_set(workspace=workspace, number=numbers[row.key], choices=choices, actor=request.actor)
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return done(request, HERE, _("Saved. New events follow it at once; deals stay where they are."))


def _posted(request: PageRequest, row: Row) -> dict[str, UUID | None]:
    """The fields that the person changed on this page; what another tab changed meanwhile stays."""
    changed: dict[str, UUID | None] = {}
    for cell in row.cells:
        given = request.POST.get(f"{row.key}:{cell.name}")
        if given is None or given == request.POST.get(f"was:{row.key}:{cell.name}", cell.value):
            continue
        try:
            changed[cell.name] = UUID(given) if given else None
        except ValueError:
            raise NoSuchOption(field=cell.name) from None
    return changed


def _row(current: RoutingTable, number: Connection | None) -> Row:
    key = number.id if number else None
    title = f"+{number.config.get('number', '')}" if number else str(_("Default for every number"))
    return Row(key=str(key or DEFAULT), title=title, cells=[_cell(current, key, name) for name in FIELDS])


def _cell(current: RoutingTable, number: UUID | None, name: str) -> Cell:
    stored = getattr(current.rows.get(number), f"{name}_id", None)
    choice = current.inherited(number, name)
    inherited = str(_("Not chosen"))
    if choice.value is not None:
        inherited = str(INHERITED[choice.source]) % {"name": name_of(choice.value)}
    return Cell(
        name=name,
        label=LABELS[name],
        options=[(str(key), name_of(value)) for key, value in current.options_of(number, name).items()],
        value=str(stored or ""),
        inherited=inherited,
    )


def name_of(value: Any) -> str:
    """An asset, agentflow or connection in words."""
    name = str(getattr(value, "name", "") or "")
    number = str(getattr(value, "external_id", "") or getattr(value, "account", ""))
    return f"{name} · {number}" if name and number else name or number
