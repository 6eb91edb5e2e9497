"""The trial chat beside the draft: no platform is called, but Flowise when the owner asks for it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, number_in, posted, reading, shown, workspace_of
from arriwa.pages.chatflows.editor import opened
from arriwa.pages.chatflows.judge import flow_named, flowise_judge, flowise_ready
from arriwa.pages.chatflows.words import problem_rows
from subscribers.conversation.types import Chose, Said
from subscribers.models import TrialChat
from subscribers.playbook.load import PlaybookInvalid, document_problems
from subscribers.services import trial as trials
from subscribers.trial.chat import judge_locally


@reading
def show(request: PageRequest) -> HttpResponse:
    """The chat."""
    return shown(request, "trial", **chat_context(request))


@require_POST
@changing
def begin(request: PageRequest) -> HttpResponse:
    """A fresh chat with the draft as it is now."""
    found = opened(workspace_of(request))
    if found is None:
        return HttpResponseRedirect("/chatflows/playbook")
    try:
        trials.trial_begin(
            workspace=workspace_of(request),
            user=request.user.id,
            document=found.document,
            known_customer="known" in request.POST,
        )
    except PlaybookInvalid as error:
        first = problem_rows(error.problems)[0]
        messages.error(
            request,
            _("The draft cannot be tried yet: %(place)s: %(text)s")
            % {"place": first.place, "text": first.text},
        )
    return _back(request)


@require_POST
@changing
def say(request: PageRequest) -> HttpResponse:
    """A message, a tap or a payment of the owner."""
    workspace = workspace_of(request)
    trial = trials.trial_current(workspace, request.user.id)
    if trial is None:
        return _back(request)
    seen = number_in(posted(request, "seen"))
    try:
        if "pay" in request.POST:
            trials.trial_pay(trial=trial, seen=seen)
        elif (signal := _signal(request, trial)) is not None:
            flow = flow_named(workspace, request.POST.get("flow", ""))
            judge = flowise_judge(workspace, trial, flow) if "flowise" in request.POST else judge_locally
            trials.trial_say(trial=trial, seen=seen, signal=signal, judge=judge)
    except ArriwaError as error:
        messages.error(request, _(error.message))
    return _back(request)


def chat_context(request: PageRequest) -> dict[str, Any]:
    """What the chat's template needs."""
    workspace = workspace_of(request)
    found, trial = opened(workspace), trials.trial_current(workspace, request.user.id)
    return {
        "found": found,
        "trial": trial,
        "options": _options(trial) if trial else [],
        "outdated": bool(trial and found and trial.document != found.document),
        "problems": problem_rows(document_problems(found.document)) if found else [],
        "flowise": flowise_ready(workspace),
        "can_pay": bool(trial and trial.snapshot.get("state") == "checkout"),
    }


def _options(trial: TrialChat) -> list[dict[str, str]]:
    """The buttons and rows of the bot's last message."""
    for entry in reversed(trial.messages):
        if entry["direction"] == "out":
            content = entry["content"]
            cards = [{"id": f"product:{key}", "title": key} for key in content.get("products", [])]
            options: list[dict[str, str]] = [*content.get("options", []), *cards]
            return options
    return []


def _signal(request: PageRequest, trial: TrialChat) -> Said | Chose | None:
    choice = posted(request, "choice")
    if choice:
        title = next((option["title"] for option in _options(trial) if option["id"] == choice), "")
        return Chose(choice[:200], title)
    text = posted(request, "text")
    return Said(text) if text else None


def _back(request: PageRequest) -> HttpResponse:
    target = request.POST.get("next", "")
    inside = target.startswith("/chatflows/") and "//" not in target
    return HttpResponseRedirect(target if inside else "/chatflows/trial")
