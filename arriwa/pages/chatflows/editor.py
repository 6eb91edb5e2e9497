"""The playbook's editor: one draft per workspace, edited tab by tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, reading, shown, workspace_of
from arriwa.pages.chatflows.fields import Field, filled, written
from arriwa.pages.chatflows.labels import LANGUAGES, SECTIONS
from arriwa.pages.chatflows.sections import Group, groups_of
from arriwa.pages.chatflows.words import change_rows, problem_rows
from subscribers.models import PlaybookVersion
from subscribers.playbook import edit as changes
from subscribers.playbook.complete import complete
from subscribers.playbook.diff import playbook_diff
from subscribers.playbook.load import (
    PlaybookInvalid,
    default_document,
    document_ordered,
    document_problems,
    fingerprint,
)
from subscribers.playbook.presets import NoSuchPreset, preset_document, presets
from subscribers.selectors import playbook_draft, playbook_latest
from subscribers.services.playbook import DraftStale, draft_discard, draft_save
from tenants.workspaces.models import Workspace

FIRST = "questions"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the editor works on: the draft, else the live version as the draft to be."""

    document: dict[str, Any]
    #: Fingerprint of the draft, "" when there is none yet.
    base: str
    draft: PlaybookVersion | None
    live: PlaybookVersion | None


def opened(workspace: Workspace) -> Opened | None:
    """The workspace's document to edit; None before a preset was chosen."""
    draft, live = playbook_draft(workspace), playbook_latest(workspace)
    if draft is not None:
        return Opened(document_ordered(draft.document), fingerprint(draft.document), draft, live)
    return Opened(document_ordered(live.document), "", None, live) if live is not None else None


@reading
def start(request: PageRequest) -> HttpResponse:
    """The presets where nothing was written yet, else the first tab."""
    if opened(workspace_of(request)) is not None and "new" not in request.GET:
        return HttpResponseRedirect(f"/chatflows/playbook/{FIRST}")
    language = "ru" if (get_language() or "").startswith("ru") else "en"
    cards = [
        {"key": preset.key, "name": preset.name[language], "about": preset.about[language]}
        for preset in presets()
    ]
    found = opened(workspace_of(request))
    return shown(request, "start", presets=cards, base=found.base if found else "", draft=found)


@require_POST
@changing
def choose(request: PageRequest) -> HttpResponse:
    """Begins a draft with a preset, or with Arriwa's default."""
    key = request.POST.get("preset", "")
    try:
        document = default_document() if key == "default" else preset_document(key)
        _save(request, document, request.POST.get("base", ""), f"preset {key}")
    except (NoSuchPreset, DraftStale) as error:
        messages.error(request, _(error.message))
        return HttpResponseRedirect("/chatflows/playbook")
    messages.success(request, _("The draft is ready: go through the tabs and make it yours."))
    return HttpResponseRedirect(f"/chatflows/playbook/{FIRST}")


@require_POST
@changing
def discard(request: PageRequest) -> HttpResponse:
    """Throws the draft away."""
    if draft_discard(workspace=workspace_of(request), actor=request.actor):
        messages.success(request, _("The draft is thrown away."))
    return HttpResponseRedirect("/chatflows/playbook")


@require_POST
@changing
def languages(request: PageRequest) -> HttpResponse:
    """Sets the languages that the agent speaks; a new one starts with the default language's texts."""
    found = opened(workspace_of(request))
    chosen = [code for code in LANGUAGES if code in request.POST.getlist("languages")]
    if found is None or not chosen:
        messages.error(request, _("Choose at least one language."))
    else:
        kept = [code for code in found.document["languages"] if code in chosen]
        order = kept + [code for code in chosen if code not in kept]
        try:
            _save(request, changes.languages_set(found.document, order), request.POST.get("base", ""))
            messages.success(request, _("The languages are changed. New texts are copies: translate them."))
        except DraftStale as error:
            messages.error(request, _(error.message))
    return HttpResponseRedirect("/chatflows/playbook/rules")


@reading
def edit(request: PageRequest, section: str) -> HttpResponse:
    """One tab: shows it, or saves it and comes back."""
    if section not in SECTIONS:
        raise Http404
    found = opened(workspace_of(request))
    if found is None:
        return HttpResponseRedirect("/chatflows/playbook")
    if request.method != "POST":
        return _form(request, section, found, found.document)
    return _saved(request, section, found)


@changing
def _saved(request: PageRequest, section: str, found: Opened) -> HttpResponse:
    """Writes what was posted into the draft; a stale tab gets both and loses nothing."""
    posted = {key: str(text) for key, text in request.POST.items() if key.startswith("/")}
    groups = groups_of(section, found.document)
    fields = [one for group in groups for one in group.all_fields()]
    same_shape = request.POST.get("outline", "") == changes.outline(found.document)
    if not same_shape:
        return _lost_shape(request, section, found, posted)
    document, good = written(found.document, fields, posted)
    if not good:
        messages.error(request, _("Not saved: correct the fields marked below."))
        return _form(request, section, found, found.document, posted=posted, groups=groups, status=422)
    document = complete(_act(document, request.POST.get("do", "")))
    try:
        _save(request, document, request.POST.get("base", ""), section)
    except DraftStale:
        differences = change_rows(playbook_diff(found.document, document))
        return _form(
            request, section, found, document, posted=posted, stale=differences, groups=groups, status=409
        )
    except PlaybookInvalid as error:
        messages.error(request, problem_rows(error.problems)[0].text)
        return _form(request, section, found, found.document, posted=posted, groups=groups, status=422)
    messages.success(request, _("Saved in the draft."))
    return HttpResponseRedirect(f"/chatflows/playbook/{section}{_anchor(request.POST.get('do', ''))}")


def _anchor(action: str) -> str:
    """The card that the pressed button belongs to, as the page calls it."""
    parts = action.partition(":")[2].split("/")
    index = changes.index_of(parts[2]) if len(parts) > 2 else None
    return "" if index is None else f"#card-{index + 1}"


def _act(document: dict[str, Any], action: str) -> dict[str, Any]:
    """What the pressed button does besides saving: "add:/questions", "remove:/products/1", "up:…" …"""
    verb, _colon, path = action.partition(":")
    if verb == "add":
        return changes.member_add(document, path)
    if verb == "remove":
        return changes.member_remove(document, path)
    if verb in ("up", "down"):
        return changes.member_move(document, path, -1 if verb == "up" else 1)
    return document


def _save(request: PageRequest, document: dict[str, Any], base: str, reason: str = "edited") -> None:
    workspace = workspace_of(request)
    draft_save(workspace=workspace, document=document, base=base, actor=request.actor, reason=reason)


def _lost_shape(request: PageRequest, section: str, found: Opened, posted: Mapping[str, str]) -> HttpResponse:
    """Questions or products came or went in another tab: the texts cannot be placed, so they are shown."""
    kept = [(path, text) for path, text in posted.items() if text.strip()]
    return _form(request, section, found, found.document, kept=kept, status=409)


def _form(
    request: PageRequest,
    section: str,
    found: Opened,
    document: dict[str, Any],
    *,
    posted: Mapping[str, str] | None = None,
    groups: list[Group] | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    groups = groups if groups is not None else groups_of(section, document)
    problems = problem_rows(document_problems(document))
    for group in groups:
        _fill(group, document, posted, {problem.path: problem.text for problem in problems})
    named = {one.path for group in groups for one in group.all_fields()}
    elsewhere = [problem for problem in problems if problem.path not in named]
    return shown(
        request,
        "editor",
        status=status,
        section=section,
        sections=SECTIONS.items(),
        groups=groups,
        found=found,
        base=found.base,
        outline=changes.outline(found.document),
        problems=[one for one in elsewhere if one.section == section],
        others=[one for one in problems if one.section != section],
        languages=[(code, name, code in document["languages"]) for code, name in LANGUAGES.items()],
        **context,
    )


def _fill(
    group: Group, document: dict[str, Any], posted: Mapping[str, str] | None, problems: dict[str, str]
) -> None:
    """Values and errors of a card and of those within."""
    own: list[Field] = [*group.fields, *group.more]
    filled(document, own, posted)
    for one in own:
        if one.path in problems:
            one.errors.append(problems[one.path])
    for inner in group.groups:
        _fill(inner, document, posted, problems)
    group.open = any(one.errors for one in group.more) or any(inner.open for inner in group.groups)
