"""Which accounts serve a chat: its number's row, else the default row, else the only one there is (T2).

The routing table is read once for all of a workspace and kept for seconds: choosing costs no query.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from arriwa.common.schema import current_schema
from integrations.base.remembered import remembered
from integrations.models import Agentflow, Asset, Connection, NumberRoute
from subscribers.models import Conversation

Kind = Asset.Kind
#: Field of a NumberRoute → the kind of asset that it takes.
ASSET_FIELDS: Final[dict[str, str]] = {
    "dataset": Kind.DATASET,
    "good_pixel": Kind.GOOD_PIXEL,
    "noise_pixel": Kind.NOISE_PIXEL,
    "ad_account": Kind.AD_ACCOUNT,
    "catalog": Kind.CATALOG,
    "pipeline": Kind.PIPELINE,
}
FIELDS: Final = ("agentflow", *ASSET_FIELDS, "payments")


class Source(enum.StrEnum):
    """Why a value is the number's."""

    OWN = "own"
    #: The default row says so.
    DEFAULT = "default"
    #: The dataset of the number's own WhatsApp account.
    ACCOUNT = "account"
    #: The workspace has no other.
    ONLY = "only"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of the table for one number; `value` is an Asset, Agentflow or Connection."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Route:
    """The accounts of one number's chats; None where there is none or nobody has chosen among several."""

    agentflow: Agentflow | None
    dataset: Asset | None
    good_pixel: Asset | None
    noise_pixel: Asset | None
    ad_account: Asset | None
    catalog: Asset | None
    pipeline: Asset | None
    payments: Connection | None
    #: The access to Meta of its ad account, else of its other assets, else the workspace's only one.
    meta: Connection | None
    #: The pipeline's account, else the workspace's only one.
    kommo: Connection | None
    #: Where the agentflow runs, else the workspace's only one.
    flowise: Connection | None


@dataclass(frozen=True)
class RoutingTable:
    """A workspace's rows and what they may choose from."""

    connections: Sequence[Connection]
    assets: Sequence[Asset]
    agentflows: Sequence[Agentflow]
    #: By the number's connection; None: the default row.
    rows: Mapping[UUID | None, NumberRoute]
    _routes: dict[UUID, Route] = field(default_factory=dict, repr=False)

    @cached_property
    def options(self) -> dict[str, dict[UUID, Any]]:
        """Field → what it may be, by id."""
        found: dict[str, dict[UUID, Any]] = {name: {} for name in FIELDS}
        by_kind: dict[str, dict[UUID, Any]] = defaultdict(dict)
        for asset in self.assets:
            by_kind[asset.kind][asset.id] = asset
        for name, kind in ASSET_FIELDS.items():
            found[name] = by_kind[kind]
        found["agentflow"] = {flow.id: flow for flow in self.agentflows if flow.external_id}
        found["payments"] = {one.id: one for one in self.of_platform("stripe")}
        return found

    def options_of(self, number: UUID | None, name: str) -> dict[UUID, Any]:
        """What a field of the number's row may be; all there is for the default row."""
        return {key: value for key, value in self.options[name].items() if self._fits(value, number)}

    def of_platform(self, platform: str) -> list[Connection]:
        """The workspace's connections of a platform, oldest first."""
        return [one for one in self.connections if one.platform == platform]

    def choice(self, number: UUID | None, name: str) -> Choice:
        """What a field is for a number, and why; `number` None: for the default row itself."""
        own = self._named(number, name)
        return Choice(own, Source.OWN) if own is not None else self.inherited(number, name)

    def inherited(self, number: UUID | None, name: str) -> Choice:
        """What an empty field of the row stands for."""
        if number is not None and name == "dataset":
            theirs = self._dataset_of(number)
            if theirs is not None:
                return Choice(theirs, Source.ACCOUNT)
        default = self._named(None, name) if number is not None else None
        if default is not None and self._fits(default, number):
            return Choice(default, Source.DEFAULT)
        options = list(self.options[name].values())
        if len(options) == 1 and self._fits(options[0], number):
            return Choice(options[0], Source.ONLY)
        return Choice(None, Source.NONE)

    def _named(self, number: UUID | None, name: str) -> Any:
        row = self.rows.get(number)
        return self.options_of(number, name).get(getattr(row, f"{name}_id")) if row is not None else None

    def route(self, number: UUID) -> Route:
        """Everything for one number."""
        found = self._routes.get(number)
        if found is None:
            found = self._routes[number] = self._resolve(number)
        return found

    def _resolve(self, number: UUID) -> Route:
        chosen = {name: self.choice(number, name).value for name in FIELDS}
        meta = ("ad_account", "dataset", "good_pixel", "noise_pixel", "catalog")
        return Route(
            **chosen,
            meta=self._behind("meta", *(chosen[name] for name in meta)),
            kommo=self._behind("kommo", chosen["pipeline"]),
            flowise=self._behind("flowise", chosen["agentflow"]),
        )

    def _behind(self, platform: str, *values: Asset | Agentflow | None) -> Connection | None:
        for value in values:
            if value is not None:
                return value.connection
        known = self.of_platform(platform)
        return known[0] if len(known) == 1 else None

    def _dataset_of(self, number: UUID) -> Asset | None:
        waba = self._waba_of(number)
        if not waba:
            return None
        mine = (one for one in self.options["dataset"].values() if one.details.get("waba_id") == waba)
        return next(mine, None)

    def _fits(self, value: Any, number: UUID | None) -> bool:
        """Whether a number's WhatsApp account goes with it, as far as both are known.

        Meta's datasets refuse events of another account's chats (reference meta 1.7, 2804118), and an account
        shows the catalog that is linked to it alone (reference meta 6).
        """
        waba = self._waba_of(number)
        if not waba or not isinstance(value, Asset):
            return True
        if value.kind == Kind.DATASET:
            return (value.details.get("waba_id") or waba) == waba
        if value.kind == Kind.CATALOG:
            return waba in value.details.get("waba_ids", (waba,))
        return True

    def _waba_of(self, number: UUID | None) -> str:
        return next((str(c.config.get("waba_id") or "") for c in self.connections if c.id == number), "")


def routing_table(workspace_id: UUID) -> RoutingTable:
    """Reads the table of a workspace; four queries."""
    mine = Connection.objects.filter(workspace_id=workspace_id, removed_at=None)
    connections = list(mine.order_by("created_at", "id"))
    known = {one.id: one for one in connections}
    assets = list(Asset.objects.filter(connection__in=known).order_by("name", "external_id"))
    agentflows = list(Agentflow.objects.filter(connection__in=known).order_by("created_at", "id"))
    for asset in assets:
        asset.connection = known[asset.connection_id]
    for flow in agentflows:
        flow.connection = known[flow.connection_id]
    rows = {row.number_id: row for row in NumberRoute.objects.filter(workspace_id=workspace_id)}
    return RoutingTable(connections, assets, agentflows, rows)


def route_of(workspace_id: UUID, number: UUID) -> Route:
    """The accounts of a number's chats, as they stood some seconds ago at most."""
    table = remembered((current_schema(), workspace_id, "routes"), lambda: routing_table(workspace_id))
    assert table is not None
    return table.route(number)


def route_for_conversation(conversation: Conversation) -> Route:
    """The accounts that serve a chat: those of the number that the person wrote to (T2)."""
    return route_of(conversation.workspace_id, conversation.channel)
