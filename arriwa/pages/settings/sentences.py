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
    "delivery.replayed": gettext_lazy("%(actor)s had something sent once more: %(subject)s."),
    "receipt.replayed": gettext_lazy("%(actor)s had a hook worked off once more: %(subject)s."),
}

#: What the first part of an action is about, for the filter.
SUBJECTS: Final[dict[str, str | Promise]] = {
    "member": gettext_lazy("Members"),
    "invitation": gettext_lazy("Invitations"),
    "join_request": gettext_lazy("Requests to join"),
    "token": gettext_lazy("API tokens"),
    "connection": gettext_lazy("Connections"),
    "onboarding": gettext_lazy("WhatsApp numbers"),
    "playbook": gettext_lazy("Playbooks"),
    "agentflow": gettext_lazy("Agentflows"),
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
        actor=entry.actor_name or _("Arriwa"),
        subject=entry.subject or "–",
        action=entry.action,
    )
    return str(sentence) % told


def role_name(role: str) -> str:
    """A role in the reader's language."""
    return str(ROLES.get(role, role))
