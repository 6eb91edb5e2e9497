"""The playbook as a file: the expert's editor, import and export."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, number_in, reading, shown, workspace_of
from arriwa.pages.chatflows.editor import Opened, opened
from arriwa.pages.chatflows.labels import SECTIONS
from arriwa.pages.chatflows.words import change_rows, problem_rows
from subscribers.playbook.diff import playbook_diff
from subscribers.playbook.load import PlaybookInvalid, document_problems, document_text
from subscribers.services.playbook import DraftStale, NoSuchVersion, document_at, draft_save

#: Larger than any playbook, small enough to be read at once.
MOST_BYTES = 2 * 1024 * 1024


@reading
def expert(request: PageRequest) -> HttpResponse:
    """The document as JSON: shows it, or takes it from the text or from a file."""
    found = opened(workspace_of(request))
    if request.method == "POST":
        return _saved(request, found)
    if found is None:
        return HttpResponseRedirect("/chatflows/playbook")
    return _form(request, found, document_text(found.document))


@reading
def export(request: PageRequest) -> HttpResponse:
    """The draft, the live version or an older one as a file."""
    number = number_in(request.GET.get("version", ""))
    try:
        if number >= 0:
            document = document_at(workspace_of(request), number)
        else:
            found = opened(workspace_of(request))
            if found is None:
                return HttpResponseRedirect("/chatflows/playbook")
            document = found.document
    except NoSuchVersion as error:
        messages.error(request, _(error.message))
        return HttpResponseRedirect("/chatflows/publish")
    answer = HttpResponse(document_text(document), content_type="application/json; charset=utf-8")
    name = f"playbook-{'draft' if number < 0 else number}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@changing
def _saved(request: PageRequest, found: Opened | None) -> HttpResponse:
    text, base = _posted(request), request.POST.get("base", "")
    try:
        document = json.loads(text)
        workspace = workspace_of(request)
        draft_save(workspace=workspace, document=document, base=base, actor=request.actor, reason="expert")
    except ValueError as error:
        where = getattr(error, "lineno", 0)
        problem = _("This is no JSON: see line %(line)s.") % {"line": where}
        return _form(request, found, text, errors=[problem], status=422)
    except RecursionError:
        return _form(request, found, "", errors=[_("This is nested too deeply.")], status=422)
    except PlaybookInvalid as error:
        rows = [f"{row.place}: {row.text}" for row in problem_rows(error.problems)]
        return _form(request, found, text, errors=rows, status=422)
    except DraftStale:
        now = opened(workspace_of(request))
        changes = change_rows(playbook_diff(now.document if now else {}, document))
        return _form(request, now, text, stale=changes, status=409)
    messages.success(request, _("Saved in the draft."))
    return HttpResponseRedirect("/chatflows/playbook/expert")


def _posted(request: PageRequest) -> str:
    """The chosen file's text, else the text area's."""
    upload = request.FILES.get("file")
    if upload is None:
        return request.POST.get("document", "")
    body: bytes = upload.read(MOST_BYTES)
    return body.decode("utf-8-sig", "replace")


def _form(
    request: PageRequest, found: Opened | None, text: str, status: int = 200, **context: Any
) -> HttpResponse:
    problems = problem_rows(document_problems(found.document)) if found else []
    return shown(
        request,
        "expert",
        status=status,
        section="expert",
        sections=SECTIONS.items(),
        found=found,
        base=found.base if found else "",
        text=text,
        others=problems,
        **context,
    )
