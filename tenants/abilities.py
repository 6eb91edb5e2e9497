"""What each role may do: one table for pages, API and the dashboard's `userAbilityRules`. Pure.

An ability is a verb and a subject, in the words of CASL, which Vuexy reads: "manage" stands for every
verb, "all" for every subject.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

READ: Final = "read"
MANAGE: Final = "manage"
ALL: Final = "all"

#: Every subject, with what it is.
SUBJECTS: Final = {
    "organization": "the organization itself: workspaces, its name, leaving it",
    "members": "members, invitations, requests to join",
    "tokens": "API tokens",
    "audit": "who changed what",
    "onboarding": "numbers on their way to WhatsApp",
    "credentials": "connections, assets, the routing table",
    "chatflows": "agentflows, playbook, trial chat, the bot's switch",
    "subscribers": "leads, their answers and their ledgers",
    "inbox": "chats with leads, tickets",
    "analytics": "spend, funnel, attribution",
}

ROLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "owner": ((MANAGE, ALL),),
    "admin": (
        (READ, "organization"),
        (MANAGE, "members"),
        (MANAGE, "tokens"),
        (READ, "audit"),
        (MANAGE, "onboarding"),
        (MANAGE, "credentials"),
        (MANAGE, "chatflows"),
        (MANAGE, "subscribers"),
        (MANAGE, "inbox"),
        (READ, "analytics"),
    ),
    "manager": (
        (READ, "organization"),
        (READ, "chatflows"),
        (MANAGE, "subscribers"),
        (MANAGE, "inbox"),
        (READ, "analytics"),
    ),
    "analyst": (
        (READ, "organization"),
        (READ, "subscribers"),
        (READ, "analytics"),
    ),
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What one member or token may do."""

    rules: tuple[tuple[str, str], ...]

    def can(self, verb: str, subject: str) -> bool:
        """Whether some rule covers it."""
        return any(v in (verb, MANAGE) and s in (subject, ALL) for v, s in self.rules)

    def covers(self, other: Abilities) -> bool:
        """Whether all that `other` may do is also allowed here: nobody gives away more than they have."""
        return all(self.can(*rule) for rule in other.rules)

    def as_casl(self) -> list[dict[str, str]]:
        """`userAbilityRules` as Vuexy expects them."""
        return [{"action": verb, "subject": subject} for verb, subject in self.rules]


#: What staff may do in an organization through the API: look.
SUPPORT: Final = Abilities(((READ, ALL),))


def abilities_of(role: str, scopes: Iterable[str] = ()) -> Abilities:
    """The role's abilities; with scopes ("read:subscribers") only those of them that the role covers."""
    whole = Abilities(ROLES.get(role, ()))
    wanted = [(verb, subject) for verb, _, subject in (scope.partition(":") for scope in scopes)]
    if not wanted:
        return whole
    return Abilities(tuple(rule for rule in wanted if whole.can(*rule)))
