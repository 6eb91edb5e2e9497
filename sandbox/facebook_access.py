"""What a person's token reaches in the fake Graph: by scope, by what was ticked, by what he has at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.facebook_login import Login, Targets, Token
from sandbox.facebook_people import Directory
from sandbox.meta_graph import Call, GraphError, page, parse_fields, select

ADS = ("ads_management", "ads_read")
WHATSAPP = "whatsapp_business_management"
EVENTS = "whatsapp_business_manage_events"
CATALOGS = "catalog_management"


@dataclass
class Access:
    """One person's token: his reach, and what he ticked."""

    login: Login
    directory: Directory
    token: Token
    granted: Targets

    @classmethod
    def of(cls, login: Login, token: Token) -> Access:
        """What `token` opens now."""
        return cls(login, login.directory, token, login.effective(token))

    def need(self, *scopes: str, code: int = 200) -> None:
        """Raises GraphError `code` unless one of `scopes` is granted."""
        if not any(scope in self.granted for scope in scopes):
            raise GraphError(
                f"(#{code}) Requires {scopes[0]} permission to manage the object", code, status=403
            )

    def reach(self, kind: str, *scopes: str) -> list[str]:
        """Ids of `kind` that the person reaches and that one of the granted `scopes` covers."""
        if kind == "businesses":
            seen = self.directory.people[self.token.person]["businesses"]
        else:
            seen = self.directory.seen_by(self.token.person, kind)
        ticks = [self.granted[scope] for scope in scopes if scope in self.granted]
        return [one for one in seen if any(ids is None or one in ids for ids in ticks)]

    def pixels(self) -> list[str]:
        """Pixels of the ticked businesses; pixels are not ticked themselves."""
        found: list[str] = []
        for one in self.reach("businesses", "business_management"):
            business = self.directory.business(one) or {}
            found += [*business["owned"].get("pixels", ()), *business["client"].get("pixels", ())]
        return found


def listed(call: Call, rows: list[dict[str, Any]], kind: str, default: str = "id,name") -> dict[str, Any]:
    """One page of an edge with the asked fields."""
    fields = parse_fields(call.text("fields") or default)
    return page(call, [select(row, fields, kind) for row in rows])
