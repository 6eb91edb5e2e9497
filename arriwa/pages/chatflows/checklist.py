"""What has to be there before the bot speaks: what holds the publication back, and what only warns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from arriwa.common.errors import ArriwaError
from arriwa.pages.chatflows.words import problem_rows
from integrations.models import Connection, MessageTemplate
from subscribers.models import PlaybookVersion
from subscribers.playbook.load import document_problems
from subscribers.selectors import playbook_draft
from subscribers.services.playbook import draft_publish
from subscribers.services.trial import trial_finished
from tenants.audit import Actor
from tenants.models import Membership, Organization, Role
from tenants.workspaces.models import Workspace

OK, WARN, BLOCK = "ok", "warn", "block"
#: Who may talk to leads.
_MANAGERS = (Role.OWNER, Role.ADMIN, Role.MANAGER)
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist. `state`: ok | warn | block; `url`: where it is put right."""

    key: str
    state: str
    title: str
    text: str
    url: str = ""


def checklist(organization: Organization, workspace: Workspace, document: dict[str, Any]) -> list[Item]:
    """The checklist for publishing `document`. Runs in the organization's schema."""
    problems = problem_rows(document_problems(document))
    return [
        _part("questions", _("Questions"), [p.text for p in problems if p.section == "questions"]),
        _part("products", _("Products"), [p.text for p in problems if p.section == "products"]),
        _rest([f"{p.place}: {p.text}" for p in problems if p.section not in ("questions", "products")]),
        _trial(workspace, document),
        _payments(workspace),
        _templates(workspace, document),
        _manager(organization),
    ]


def blocks(items: list[Item]) -> bool:
    """Whether something holds the publication back."""
    return any(item.state == BLOCK for item in items)


def _part(key: str, title: str, problems: list[str]) -> Item:
    url = f"/chatflows/playbook/{key}"
    if problems:
        return Item(key, BLOCK, title, " ".join(problems[:_MOST_NAMED]), url)
    return Item(key, OK, title, _("Complete."), url)


def _rest(problems: list[str]) -> Item:
    title, url = _("Texts, rules and names"), "/chatflows/playbook/texts"
    if problems:
        return Item("rest", BLOCK, title, " ".join(problems[:_MOST_NAMED]), url)
    return Item("rest", OK, title, _("Complete."), url)


def _trial(workspace: Workspace, document: dict[str, Any]) -> Item:
    title, url = _("Trial chat"), "/chatflows/trial"
    if trial_finished(workspace, document):
        return Item("trial", OK, title, _("You have come to the offer with this draft."), url)
    if trial_finished(workspace):
        return Item(
            "trial", WARN, title, _("The draft has changed since your last trial: try it again."), url
        )
    return Item("trial", BLOCK, title, _("Chat with the bot until it makes its offer."), url)


def _payments(workspace: Workspace) -> Item:
    title, url = _("Payment"), "/credentials"
    stripe = (
        Connection.objects.filter(workspace=workspace, platform="stripe", removed_at=None)
        .order_by("created_at")
        .first()
    )
    if stripe is None:
        text = _("No Stripe account is connected: leads can choose a product and get no payment link.")
        return Item("payment", WARN, title, text, url)
    if stripe.state != Connection.State.ACTIVE or stripe.health == Connection.Health.BROKEN:
        text = (
            stripe.state_reason or stripe.health_text or _("The Stripe account does not work. Reconnect it.")
        )
        return Item("payment", WARN, title, text, url)
    return Item("payment", OK, title, _("Stripe is connected."), url)


def _templates(workspace: Workspace, document: dict[str, Any]) -> Item:
    title, url = _("Templates"), "/wa-onboarding"
    wanted = {
        (reference["names"].get(language, ""), reference["languages"].get(language, ""))
        for reference in document["templates"].values()
        for language in document["languages"]
    }
    rows = MessageTemplate.objects.filter(connection__workspace=workspace, status="APPROVED")
    missing = sorted({name for name, code in wanted - set(rows.values_list("name", "language"))} - {""})
    if not missing:
        return Item("templates", OK, title, _("All are approved."), url)
    named = ", ".join(missing[:_MOST_NAMED]) + (" …" if len(missing) > _MOST_NAMED else "")
    text = _("Not approved: %(names)s. When the 24 h window is closed, these messages do not go out.")
    return Item("templates", WARN, title, text % {"names": named}, url)


def _manager(organization: Organization) -> Item:
    title, url = _("Manager"), "/settings/members"
    people = Membership.objects.filter(organization=organization, role__in=_MANAGERS)
    if people.filter(role=Role.MANAGER).exists():
        return Item("manager", OK, title, _("There is somebody to take chats over."), url)
    if people.exists():
        text = _("Nobody has the role of a manager: chats that need a human are left to owners and admins.")
        return Item("manager", WARN, title, text, url)
    return Item("manager", WARN, title, _("Nobody can take a chat over: invite a manager."), url)


class NotReady(ArriwaError):
    """The checklist has points that must be done first."""


def publish_checked(
    *, organization: Organization, workspace: Workspace, base: str, actor: Actor, note: str = ""
) -> PlaybookVersion:
    """Publishes the draft when nothing of the checklist holds it back; for page and API alike.

    Raises NotReady naming the points, and the errors of `draft_publish`.
    """
    draft = playbook_draft(workspace)
    if draft is not None:
        missing = [item for item in checklist(organization, workspace, draft.document) if item.state == BLOCK]
        if missing:
            named = " ".join(f"{item.title}: {item.text}" for item in missing)
            raise NotReady(f"{NotReady.__doc__} {named}", points=[item.key for item in missing])
    return draft_publish(workspace=workspace, base=base, actor=actor, note=note)
