"""What the audit log's entries say, in the reader's language: one sentence for each action."""

from __future__ import annotations

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.workspaces.models import AuditEntry

#: Action -> sentence. Its names are `actor`, `subject` and the keys of the entry's details.
SENTENCES: Final[dict[str, str | Promise]] = {
    "member.role_changed": gettext_lazy(
        "%(actor)s changed the role of %(subject)s from %(before)s to %(after)s."
    ),
    "member.removed": gettext_lazy("%(actor)s removed %(subject)s (%(role)s) from the organization."),
    "member.left": gettext_lazy("%(subject)s (%(role)s) left the organization."),
    "invitation.created": gettext_lazy("%(actor)s made an invitation as %(role)s. For: %(subject)s."),
    "invitation.revoked": gettext_lazy("%(actor)s took an invitation as %(role)s back. For: %(subject)s."),
    "invitation.accepted": gettext_lazy("%(actor)s accepted an invitation and became %(role)s."),
    "join_request.accepted": gettext_lazy("%(actor)s let %(subject)s in as %(role)s."),
    "join_request.declined": gettext_lazy("%(actor)s declined the request of %(subject)s to join."),
    "token.created": gettext_lazy("%(actor)s made the API token %(subject)s as %(role)s."),
    "token.revoked": gettext_lazy("%(actor)s revoked the API token %(subject)s."),
    "staff.entered": gettext_lazy("Support (%(actor)s) looked into the organization."),
    "organization.created": gettext_lazy("%(actor)s brought the organization in from the Page %(subject)s."),
    "organization.owner_gone": gettext_lazy(
        "The last owner had their data deleted at Facebook: support finds out who owns the organization now."
    ),
    "workspace.created": gettext_lazy("%(actor)s added the workspace %(subject)s."),
    "workspace.bot_on": gettext_lazy("%(actor)s switched the bot of %(subject)s on."),
    "workspace.bot_off": gettext_lazy("%(actor)s switched the bot of %(subject)s off."),
    "number.bot_on": gettext_lazy("%(actor)s switched the bot of the number %(subject)s on."),
    "number.bot_off": gettext_lazy("%(actor)s switched the bot of the number %(subject)s off."),
    "number.agentflow_set": gettext_lazy("%(actor)s chose which agentflow serves the number %(subject)s."),
    "join_request.made": gettext_lazy("%(actor)s asked to join."),
    "connection.connected": gettext_lazy("%(actor)s connected %(subject)s."),
    "connection.reconnected": gettext_lazy("%(actor)s connected %(subject)s anew."),
    "connection.consented": gettext_lazy("%(actor)s gave access through Facebook: %(subject)s."),
    "connection.paused": gettext_lazy("%(actor)s paused %(subject)s. Reason: %(reason)s"),
    "connection.resumed": gettext_lazy("%(actor)s let %(subject)s work on."),
    "connection.removed": gettext_lazy("%(actor)s removed the connection %(subject)s."),
    "connection.checked": gettext_lazy("%(actor)s tested %(subject)s. Result: %(health)s."),
    "connection.mapped": gettext_lazy("%(actor)s chose pipeline and stages of %(subject)s."),
    "asset.chosen": gettext_lazy("%(actor)s chose %(subject)s."),
    "asset.removed": gettext_lazy("%(actor)s no longer uses %(subject)s."),
    "route.changed": gettext_lazy("%(actor)s changed which accounts serve %(subject)s."),
    "agentflow.installed": gettext_lazy("%(actor)s installed the agentflow %(subject)s."),
    "agentflow.adopted": gettext_lazy("%(actor)s took over the agentflow %(subject)s."),
    "agentflow.updated": gettext_lazy("%(actor)s changed the agentflow %(subject)s."),
    "agentflow.removed": gettext_lazy("%(actor)s removed the agentflow %(subject)s."),
    "playbook.draft_saved": gettext_lazy("%(actor)s saved a draft of the playbook."),
    "playbook.draft_discarded": gettext_lazy("%(actor)s threw the draft of the playbook away."),
    "playbook.published": gettext_lazy("%(actor)s published the playbook."),
    "customers.imported": gettext_lazy("%(actor)s imported known customers."),
    "onboarding.started": gettext_lazy("%(actor)s began to bring a number to WhatsApp."),
    "onboarding.retried": gettext_lazy("%(actor)s had the step %(subject)s of a number tried again."),
    "onboarding.link_renewed": gettext_lazy("%(actor)s made a new signup link for a number."),
    "onboarding.page_checked": gettext_lazy(
        "%(actor)s checked that the Page leads to the number %(subject)s."
    ),
    "onboarding.test_sent": gettext_lazy("%(actor)s sent a test message from %(subject)s."),
    "onboarding.bound": gettext_lazy("%(actor)s bound the existing number of %(subject)s."),
    "onboarding.dropped": gettext_lazy("%(actor)s gave up bringing %(subject)s to WhatsApp."),
    "onboarding.live": gettext_lazy("The number of %(subject)s can send now."),
    "delivery.replayed": gettext_lazy("%(actor)s had something sent once more: %(subject)s."),
    "receipt.replayed": gettext_lazy("%(actor)s had a hook worked off once more: %(subject)s."),
}

#: What the first part of an action is about, for the filter.
SUBJECTS: Final[dict[str, str | Promise]] = {
    "member": gettext_lazy("Members"),
    "invitation": gettext_lazy("Invitations"),
    "join_request": gettext_lazy("Requests to join"),
    "token": gettext_lazy("API tokens"),
    "organization": gettext_lazy("Organization"),
    "workspace": gettext_lazy("Workspaces"),
    "connection": gettext_lazy("Connections"),
    "asset": gettext_lazy("Assets"),
    "route": gettext_lazy("Routing"),
    "onboarding": gettext_lazy("WhatsApp numbers"),
    "playbook": gettext_lazy("Playbooks"),
    "agentflow": gettext_lazy("Agentflows"),
    "number": gettext_lazy("Numbers"),
    "customers": gettext_lazy("Known customers"),
    "delivery": gettext_lazy("Deliveries"),
    "receipt": gettext_lazy("Hooks"),
    "staff": gettext_lazy("Support"),
}

ROLES: Final[dict[str, str | Promise]] = {
    "owner": gettext_lazy("Owner"),
    "admin": gettext_lazy("Admin"),
    "manager": gettext_lazy("Manager"),
    "analyst": gettext_lazy("Analyst"),
}


class _Told(dict[str, Any]):
    """Details as a sentence needs them; one that an old entry lacks is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence_of(entry: AuditEntry) -> str:
    """The entry in words. An action without a sentence is told by its name."""
    sentence = SENTENCES.get(entry.action)
    if sentence is None:
        sentence = _("%(actor)s: %(action)s %(subject)s")
    told = _Told(
        {key: str(ROLES.get(str(value), value)) for key, value in entry.details.items() if value != ""},
        actor=entry.actor_name or "Arriwa",
        subject=entry.subject or "–",
        action=entry.action,
    )
    return str(sentence) % told


def role_name(role: str) -> str:
    """A role in the reader's language."""
    return str(ROLES.get(role, role))
